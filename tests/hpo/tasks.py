"""Tasks for processes of their own. They note each run, and die as they are told."""

import multiprocessing
import os
import signal
from pathlib import Path
from threading import Event, Thread


def run(folder: Path, name: str, deaths: int = 0) -> tuple[str, int]:
    """Note the run; die in the first `deaths` of them; return the name and the process's id."""
    with (folder / name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    if len(runs(folder, name)) <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return name, os.getpid()


def runs(folder: Path, name: str) -> list[int]:
    """Return the ids of the processes that ran the task, in their order."""
    return [int(line) for line in (folder / name).read_text().split()]


def wait_for_runs(folder: Path, name: str, others: int) -> int:
    """Note the run, and wait until the task `name` has been run `others` times; return the process's id."""
    (folder / "waiting").write_text(str(os.getpid()))
    while not (folder / name).exists() or len(runs(folder, name)) < others:
        os.sched_yield()
    return os.getpid()


def multiply(method: str | None) -> tuple[int, list[int]]:
    """Start a process and a pool of one by a method of `multiprocessing`; return exit code and result."""
    context = multiprocessing.get_context(method)
    process = context.Process(target=abs, args=(1,))
    process.start()
    process.join()
    with context.Pool(1) as pool:
        return process.exitcode, pool.map(abs, [-2])


def leave_a_thread() -> int:
    """Return the process's id, and leave a thread behind that goes on for ever."""
    Thread(target=Event().wait).start()
    return os.getpid()


def fail(message: str) -> None:
    """Raise an error of one's own."""
    raise LookupError(message)
