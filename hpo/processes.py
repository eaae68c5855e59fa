"""A joblib backend whose tasks live in loky processes of their own.

joblib's own loky backend shares one executor: when one of its processes is killed, it ends all the others. A worker
that dies must not take its colleagues along, so here every task has an executor with a single process; a task whose
process dies is run again in a new one.
"""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pickle import PicklingError
from threading import Event, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Final

from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor, TerminatedWorkerError
from joblib.parallel import ParallelBackendBase

from hpo.errors import WorkerError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_DEATHS: Final = 10  # of one task's processes
_WITHIN: Final = 60.0  # seconds: more often is beyond mending
_IDLE: Final = 30.0  # seconds without a task, after which a process ends: its launcher may have died meanwhile
_TAKEN_UP: Final = 1.0  # seconds within which loky's thread takes up a task: as a rule a millisecond
_LEAVING: Final = 5.0  # seconds that a process without a task may take to end
_REAPED: Final = 2.0  # seconds within which the exit code of a process that is over is known


class IsolatedProcesses(ParallelBackendBase):  # type: ignore[misc] # joblib has no types
    """`Parallel(n_jobs=…, backend=IsolatedProcesses(), pre_dispatch="all")`: a process for each task."""

    supports_retrieve_callback = True
    default_n_jobs = 1

    def __init__(self, *, is_explained: Callable[[int], bool] = lambda _: False, **settings: Any) -> None:
        """Let `is_explained` tell of a process id whether its death is no sign that processes cannot live here."""
        super().__init__(**settings)
        self.is_explained = is_explained
        self._closing = Event()
        self._executors: dict[int, ProcessPoolExecutor] = {}  # by the id of its process
        self._processes: dict[int, BaseProcess] = {}

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """Return the number of processes: as asked, or, as joblib has it, all cores but some for a negative one."""
        n_jobs = n_jobs or 1
        return n_jobs if n_jobs > 0 else max((os.cpu_count() or 1) + 1 + n_jobs, 1)

    def configure(self, n_jobs: int = 1, parallel: Any = None, **_: Any) -> int:
        """Prepare for tasks of `parallel`; return the number of processes, but never 1.

        joblib would run a single task right here, and its crash would be ours.
        """
        self.parallel = parallel
        return max(self.effective_n_jobs(n_jobs), 2)

    def submit(self, func: Callable[[], Any], callback: Callable[[Any], None] | None = None) -> "Future[Any]":
        """Run `func` in a new process, and again in another whenever that dies."""
        outer: Future[Any] = Future()
        if callback is not None:
            outer.add_done_callback(callback)
        _Task(self, func, outer).start()
        return outer

    def retrieve_result_callback(self, out: "Future[Any]") -> Any:
        """Return the result of a future, or raise its error."""
        return out.result()

    def run(self, func: Callable[[], Any], pid: int | None = None) -> "tuple[Future[Any], int]":
        """Run `func` in a new process, in which BLAS and OpenMP keep to one thread; return its id as well.

        With `pid` it is run in that process of ours, which is at rest, if it lives still.
        """
        if pid is not None:
            with suppress(BrokenProcessPool):
                return self._started(self._executors.pop(pid), func)
        threads = dict.fromkeys(self.MAX_NUM_THREADS_VARS, "1")
        executor = ProcessPoolExecutor(max_workers=1, timeout=_IDLE, env=threads, initializer=_as_any_process)
        return self._started(executor, func)

    def _started(self, executor: ProcessPoolExecutor, func: Callable[[], Any]) -> "tuple[Future[Any], int]":
        with _ctrl_c_held_back():
            future = executor.submit(func)
        started = list(executor._processes.values())  # noqa: SLF001 - nobody else knows how loky's processes end
        if not started:
            raise OSError("it ended at once")
        (process,) = started
        self._processes[process.pid] = process
        self._executors[process.pid] = executor
        return future, process.pid

    def running(self) -> list[int]:
        """Return the ids of the processes that are not known to be over."""
        return [pid for pid, process in list(self._processes.items()) if process.exitcode is None]

    def exit_code(self, pid: int) -> int | None:
        """Return how a process of ours that is over has ended, -n for signal n; None for another's, or if unknown."""
        process = self._processes.get(pid)
        if process is None:
            return None
        process.join(_REAPED)
        until = monotonic() + _REAPED
        while process.exitcode is None and monotonic() < until:  # loky's thread was quicker, and has not said so yet
            sleep(0.001)
        return process.exitcode

    @property
    def closing(self) -> bool:
        """Whether no process is to be started any more."""
        return self._closing.is_set()

    def close(self) -> None:
        """Start no further process: those that die from now on were meant to."""
        self._closing.set()

    def terminate(self) -> None:
        """Let every process go; who has not gone after a while is ended."""
        leaving = [self._processes[pid] for pid in self._executors]
        for executor in self._executors.values():
            executor.shutdown(wait=False)
        self._executors.clear()
        Thread(target=_end_who_stay, args=(leaving,), name="last call", daemon=True).start()

    def abort_everything(self, ensure_ready: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - joblib's signature
        """End every process at once."""
        self.close()
        for executor in self._executors.values():
            _wait_until_taken_up(executor)
            executor.shutdown(wait=False, kill_workers=True)
        self._executors.clear()


def _as_any_process() -> None:
    """Let what a task starts with `multiprocessing` start as it would elsewhere: loky's own way is for loky alone."""
    multiprocessing.set_start_method(None, force=True)


def _end_who_stay(leaving: "list[BaseProcess]") -> None:
    """End processes that have not ended by themselves: an objective's thread may go on for ever, and all is saved."""
    until = monotonic() + _LEAVING
    while any(process.exitcode is None for process in leaving) and monotonic() < until:
        sleep(0.05)
    for process in leaving:
        if process.exitcode is None and process.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def _wait_until_taken_up(executor: ProcessPoolExecutor) -> None:
    """Wait until what has just been submitted is on its way: ended before, it makes loky's thread stumble."""
    until = monotonic() + _TAKEN_UP
    while not executor._work_ids.empty() and monotonic() < until:  # noqa: SLF001 - nobody else knows
        sleep(0.001)


class _Task:
    """One function and the processes it has been given so far."""

    def __init__(self, backend: IsolatedProcesses, func: Callable[[], Any], outer: "Future[Any]") -> None:
        self._backend = backend
        self._func = func
        self._outer = outer
        self._deaths: deque[float] = deque(maxlen=_DEATHS)

    def start(self) -> None:
        try:
            inner, pid = self._backend.run(self._func)
        except (OSError, RuntimeError) as error:
            self._outer.set_exception(WorkerError(f"no worker process can be started: {error}"))
        else:
            inner.add_done_callback(lambda done: self._settle(done, pid))

    def _settle(self, inner: "Future[Any]", pid: int) -> None:
        error = inner.exception()
        if isinstance(error, TerminatedWorkerError) and not self._backend.closing:
            if not self._backend.is_explained(pid):
                self._deaths.append(monotonic())
            if len(self._deaths) < _DEATHS or self._deaths[-1] - self._deaths[0] >= _WITHIN:
                self.start()
                return
        if error is not None:
            self._outer.set_exception(explained(error))
        else:
            self._outer.set_result(inner.result())


def explained(error: BaseException) -> BaseException:
    """Return what a person can make use of in place of an error of the executor itself; others as they are."""
    if isinstance(error, TerminatedWorkerError):
        found = WorkerError(
            f"a worker's process died {_DEATHS} times within {_WITHIN:.0f} s: memory may be short, or compiled code "
            "crashed; try n_jobs=1, or backend='threading', to see where"
        )
    elif isinstance(error, BrokenProcessPool | PicklingError):
        found = WorkerError(
            f"the objective cannot travel to a worker process ({_last_line(error.__cause__ or error)}): define it in a "
            "file that can be imported, or train in this process: n_jobs=1 without a trial_timeout, or "
            "backend='threading'"
        )
    else:
        return error
    found.__cause__ = error
    return found


def _last_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip('" ')]  # a remote traceback comes in quotes
    return lines[-1].strip() if lines else type(error).__name__


@contextmanager
def _ctrl_c_held_back() -> Iterator[None]:
    """Within: a process that starts does so with SIGINT blocked, so that a Ctrl-C does not end it half set up."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # if it started within, it would unblock SIGINT
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ending(code: int) -> str:
    """Return how a process ended, in words: -n for signal n, else what it exited with."""
    if code >= 0:
        return f"exited with code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"was ended by {name}{' (out of memory?)' if name == 'SIGKILL' else ''}"
