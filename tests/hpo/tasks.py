"""Tasks for processes of their own. They note each run, and die as they are told."""

import os
import signal
from pathlib import Path


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


def fail(message: str) -> None:
    """Raise an error of one's own."""
    raise LookupError(message)
