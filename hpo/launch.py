"""Launching workers, and looking after them until they leave.

Processes by default, started by joblib; threads, or another of joblib's backends, if asked. Ctrl-C asks the workers to
finish their epochs, checkpoint and leave; a second one ends them at once.
"""

import os
import pickle
import signal
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from time import monotonic
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from hpo.clusters import CLUSTERS, Lookout, Parcel, guest, placing
from hpo.errors import HpoError
from hpo.objectives import Objective
from hpo.orphans import leave_with
from hpo.stopwatch import Stopwatch
from hpo.threads import one_thread
from hpo.worker import WorkerLoop
from storage.database import Database
from storage.errors import StorageError
from storage.exchange.deaths import Death, innocent, vanished
from storage.exchange.workers import Worker, list_dead, list_pids, process_name, request_stop, vouch
from storage.exchange.worklist import LEASE, Worklist
from storage.studies import StudyRecord, study_once_called

if TYPE_CHECKING:
    from hpo.coroner import Coroner

LOOK_EVERY: Final = 0.2
"""Seconds between two looks at the workers, and two updates for whoever watches."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Which workers to launch: on what, how many, by which joblib backend, and for how many seconds.

    The URL is not shown: launches appear in the logs and on the pages of clusters, and it may hold a password.
    """

    url: str = field(repr=False)
    study: str
    study_id: int
    objective: Objective
    n_jobs: int
    backend: str
    timeout: float | None
    lease: float = LEASE


class Watcher:
    """What looks on while workers work; this one does nothing."""

    def update(self) -> None:
        """Is called several times a second."""

    def interrupted(self) -> None:
        """Is called when the workers have been asked to leave early."""


def run_here(database: Database, study: StudyRecord, launch: Launch) -> None:
    """Be the one worker, in this very thread. Raises KeyboardInterrupt after a Ctrl-C, when all is saved."""
    loop = WorkerLoop(database, study, launch.objective, timeout=launch.timeout, lease=launch.lease)
    with one_thread(study.spec.strategy), _interrupts(loop.stopping.set):
        loop.run()


def run_workers(database: Database, study: StudyRecord, launch: Launch, watcher: Watcher) -> None:
    """Launch workers and wait until they have left.

    Raises KeyboardInterrupt with the signal's number after a Ctrl-C or SIGTERM, when all is saved; a second one ends
    the workers at once.
    """
    crew = _Crew(launch, study.spec.trial_timeout)
    undertaker = _Undertaker(database, study, launch.lease)
    stop_asked = threading.Event()
    with _interrupts(stop_asked.set):
        crew.start()
        try:
            _look_after(crew, undertaker, database, study, watcher=watcher, stop_asked=stop_asked)
        except BaseException:
            crew.start_no_more()
            with suppress(HpoError):  # where the database is the trouble, nobody can tell who works
                crew.end_at_once(list_pids(database, study.id, process_name()))
                undertaker.bury(innocent)
            raise
        if crew.error is not None:
            raise crew.error


def _look_after(
    crew: "_Crew",
    undertaker: "_Undertaker",
    database: Database,
    study: StudyRecord,
    *,
    watcher: Watcher,
    stop_asked: threading.Event,
) -> None:
    passed_on = False
    until = inf if crew.launch.timeout is None else monotonic() + crew.launch.timeout
    while not crew.wait(LOOK_EVERY):
        watcher.update()
        if stop_asked.is_set() and not passed_on:
            watcher.interrupted()
            passed_on = True
        if passed_on or monotonic() > until:
            request_stop(database, study.id, process_name())  # again and again: a worker may have just begun
        undertaker.bury(crew.death_of)
        undertaker.vouch()
    undertaker.bury(crew.death_of)


class _Undertaker:
    """Gives back what dead workers of this launcher held, and sees to it that the living keep what is theirs."""

    def __init__(self, database: Database, study: StudyRecord, lease: float) -> None:
        self._database = database
        self._study = study
        self._lease = lease
        self._worklist: Worklist | None = None  # most launchers need none
        self._vouched = monotonic()

    def bury(self, death_of: Callable[[str], Death]) -> None:
        """Look for the dead, and bury each with what `death_of` tells of it."""
        dead = list_dead(self._database, self._study.id, launched_by=process_name())
        if dead:
            self._worklist = self._worklist or Worklist(self._database, self._study, Worker.here(), self._lease)
            self._worklist.bury([death_of(worker) for worker in dead])

    def vouch(self) -> None:
        """Now and then, renew the leases of workers that live but are silent."""
        if monotonic() - self._vouched > self._lease / 4:
            vouch(self._database, self._study.id, process_name(), self._lease)
            self._vouched = monotonic()


class _Crew:
    """The workers of one launch, behind a thread that waits for them."""

    def __init__(self, launch: Launch, trial_timeout: float | None) -> None:
        self.launch = launch
        self.error: BaseException | None = None
        self._backend: Any = None if launch.backend in CLUSTERS else launch.backend
        self._coroner: Coroner | None = None  # who has processes of others sees none of them die
        if launch.backend == "loky":
            from hpo import coroner

            self._coroner = coroner.Coroner(trial_timeout)
            self._backend = self._coroner.processes
        self._lookout = Lookout(launch.backend)
        self._thread = threading.Thread(target=self._run, name="crew", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wait(self, seconds: float) -> bool:
        """Wait for the workers to leave; return whether they have. Raises what befell their cluster."""
        self._thread.join(seconds)
        self._lookout.check()
        return not self._thread.is_alive()

    def start_no_more(self) -> None:
        """Replace no worker from now on: those that die are meant to."""
        if hasattr(self._backend, "close"):
            self._backend.close()

    def end_at_once(self, pids: list[int]) -> None:
        """End the workers' processes, and wait a moment until they are gone."""
        if self._coroner is None:
            return  # others' processes are not ours to end
        for pid in pids:
            if pid != os.getpid():  # another search of this very process
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.wait(1.0)

    def death_of(self, worker: str) -> Death:
        """Return how a dead worker ended."""
        return vanished(worker) if self._coroner is None else self._coroner.death_of(worker)

    def _run(self) -> None:
        from joblib import Parallel, delayed
        from threadpoolctl import threadpool_limits

        try:
            launch = Parcel.of(self.launch) if self.launch.backend in CLUSTERS else self.launch
            task = delayed(work)(launch, process_name(), os.getpid(), self._coroner and self._coroner.stopwatches)
            threads = 1 if self.launch.backend == "threading" else None
            with self._coroner or nullcontext(), threadpool_limits(threads), placing(self.launch.backend):
                parallel = Parallel(n_jobs=self.launch.n_jobs, backend=self._backend, pre_dispatch="all", batch_size=1)
                errors = parallel([task] * self.launch.n_jobs)
            self.error = next((error for error in errors if error is not None), None)
        except BaseException as error:  # noqa: BLE001 - it is raised again in the launching thread
            self.error = error


def work(given: Launch | Parcel, launcher: str, launcher_pid: int, stopwatches: Path | None) -> BaseException | None:
    """Be a worker: the task that joblib runs, in a process or a thread. Return what went wrong, if anything.

    Raised, it would make joblib end the other workers on the spot; so they are asked to save and leave. What it trains
    is noted in the folder `stopwatches`, if there is one.
    """
    try:
        launch = given.opened() if isinstance(given, Parcel) else given
        with closing(Database(launch.url)) as database:
            stopwatch = Stopwatch(stopwatches and stopwatches / str(os.getpid()), most=launch.objective.stack)
            study = study_once_called(database, launch.study, launch.study_id)
            _work(database, study, launch, launcher, launcher_pid, stopwatch=stopwatch)
    except BaseException as error:  # noqa: BLE001 - it is raised again in the launching thread
        return error if process_name() == launcher else _travelling(error)
    return None


def _travelling(error: BaseException) -> BaseException:
    """Return an error as another process can have it: with its traceback in words; in other words if it must be."""
    told = "".join(traceback.format_exception(error))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - made right here
    except Exception:  # noqa: BLE001 - whatever it is that cannot travel
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(told)
    return error


def _work(
    database: Database, study: StudyRecord, launch: Launch, launcher: str, launcher_pid: int, *, stopwatch: Stopwatch
) -> None:
    loop = WorkerLoop(
        database,
        study,
        launch.objective,
        launcher=launcher,
        timeout=launch.timeout,
        lease=launch.lease,
        stopwatch=stopwatch,
    )
    parent = launcher_pid if launch.backend == "loky" else None
    surroundings = nullcontext() if process_name() == launcher else _child_of(parent, loop.stopping)
    try:
        # in threads, too: OpenMP's number of threads is each one's own
        with one_thread(study.spec.strategy), surroundings, guest(launch.backend, loop.stopping):
            loop.run()
    except BaseException:
        with suppress(StorageError):  # the first error is the one to tell
            request_stop(database, study.id, launcher)
        raise


@contextmanager
def _child_of(parent: int | None, stopping: threading.Event) -> Iterator[None]:
    """Leave Ctrl-C to the launcher, take SIGTERM as a wish to leave, and leave when `parent` is no more."""
    over = threading.Event()

    def watch_parent() -> None:
        while not over.wait(0.5):
            if os.getppid() != parent:
                stopping.set()
                return

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: stopping.set())
    if parent is not None:
        threading.Thread(target=watch_parent, daemon=True).start()
    try:
        yield
    finally:
        over.set()
        if parent is not None:
            leave_with(parent)  # loky's process would wait for another task, be there somebody to send one or not


@contextmanager
def _interrupts(first: Callable[[], None]) -> Iterator[None]:
    """Within: the first SIGINT or SIGTERM calls `first`, the second raises KeyboardInterrupt with its number.

    After the first, the end of the block raises it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals meet the main thread only
        return
    received: list[int] = []

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) > 1:
            raise KeyboardInterrupt(number)
        first()

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt(received[0])
