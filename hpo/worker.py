"""A worker: claims jobs, trains, reports, until the study is complete or it is asked to stop."""

import threading
from collections.abc import Sequence
from contextlib import suppress
from math import inf
from time import monotonic, perf_counter
from typing import Any, Final

from hpo.desk import Desk, Heartbeat, Run
from hpo.objectives import Beginning, EpochResult, Objective, Session, failure
from hpo.stopwatch import Stopwatch
from storage.codec import encode
from storage.database import Database
from storage.errors import CheckpointError, StorageError
from storage.exchange.work import Claim, Measurement, Wanted
from storage.exchange.workers import STOP, Worker, list_dead, register, retire
from storage.exchange.worklist import LEASE, Worklist
from storage.studies import StudyRecord, reload_study
from strategies import State, Stop, Trial

CHECKPOINT_EVERY: Final = 5.0
"""Seconds of training after which a long job is checkpointed."""

_BATCH_SECONDS: Final = 0.25  # short jobs are claimed together, as many as should last this long
_BATCH_MOST: Final = 128, 512  # a claim of so many keeps the database to itself for some milliseconds; in a crowd more
_AHEAD: Final = 128  # jobs decided ahead when the objective can train several as a stack
_POLL: Final = (0.005, 0.1)  # seconds: an idle worker's first and longest pause between two looks
_CHECK_DEAD: Final = 1.0  # seconds between two looks for leases that have run out, or for dead colleagues
_LOOKS: Final = 50  # a second for a request to stop, of all workers of a study; each looks once a second at least


class WorkerLoop:
    """The work of one worker on one study."""

    def __init__(
        self,
        database: Database,
        study: StudyRecord,
        objective: Objective,
        *,
        launcher: str | None = None,
        timeout: float | None = None,
        lease: float = LEASE,
        stopwatch: Stopwatch | None = None,
    ) -> None:
        self.stopping = threading.Event()
        """Set it to make the worker finish its epochs, checkpoint and leave."""
        self._worker = Worker.here(launcher)
        self._database = database
        self._study = study
        self._objective = objective
        self._deadline = None if timeout is None else monotonic() + timeout
        self._lease = lease
        self._worklist = Worklist(database, study, self._worker, lease)
        self._desk = Desk(self._worklist, self.stopping, lease)
        self._stopwatch = stopwatch or Stopwatch(most=objective.stack)
        self._seconds = self._jobs = 0.0  # of training, and of jobs in that time: of late
        self._most = _BATCH_MOST[0]
        self._looked = -inf  # for leases that have run out
        self._next_look = -inf  # for a request to stop
        self._workers = 1

    def run(self) -> None:
        """Work until the study is complete, `timeout` seconds have passed since it was made, or `stopping` is set."""
        register(self._database, self._study.id, self._worker)
        try:
            with Heartbeat(lambda: self._desk.beat(self._tick)):
                try:
                    self._work()
                except Exception:
                    with suppress(Exception):  # the first error is the one to tell
                        self._desk.leave()
                    raise
                self._desk.leave()
        except BaseException:  # what could not be saved is given back together with its name, or not at all
            with suppress(StorageError):
                self._worklist.exchange((), Wanted(jobs=0), [self._worker.id])
            raise
        retire(self._database, [self._worker.id])

    def _tick(self) -> None:
        if self._is_late():
            self.stopping.set()
        if monotonic() >= self._next_look:
            _, request = self._worklist.look()
            if request == STOP:
                self.stopping.set()
            self._next_look = monotonic() + min(1.0, self._workers / _LOOKS)

    def _is_late(self) -> bool:
        return self._deadline is not None and monotonic() > self._deadline

    def _work(self) -> None:
        dead: Sequence[str] = self._dead()
        while not self.stopping.is_set() and not self._is_late():
            exchange = self._desk.exchange(self._wanted(), dead)
            self._most = _BATCH_MOST[exchange.waited > exchange.took]  # more share what an exchange costs by itself
            self._workers = exchange.workers or self._workers
            dead = ()
            if exchange.claims:
                began = perf_counter()
                self._desk.lay_out(_group(exchange.claims, self._objective))
                while runs := self._desk.take_up():
                    self._train(runs)
                self._learn(perf_counter() - began, len(exchange.claims))
            elif exchange.complete or exchange.closed:
                return
            elif exchange.outdated:
                self._renew()
            else:
                dead = self._wait()

    def _renew(self) -> None:
        """Begin anew with the study as it has become: its space or its epochs have changed. Nothing is held then."""
        self._study = reload_study(self._database, self._study)
        self._worklist = Worklist(self._database, self._study, self._worker, self._lease)
        self._desk = Desk(self._worklist, self.stopping, self._lease)

    def _wanted(self) -> Wanted:
        jobs = max(1, min(self._most, int(_BATCH_SECONDS * self._jobs / max(self._seconds, 1e-9))))
        stack = self._objective.stack
        return Wanted(
            jobs, max(jobs, _AHEAD if stack > 1 else 1), stack, self._objective.key, self._looks(), self.stopping.is_set
        )

    def _looks(self) -> bool:
        """Tell whether it is this worker's turn to look for leases that have run out: some worker does every second."""
        due = monotonic() - self._looked >= min(_CHECK_DEAD * self._workers, self._lease / 3)
        if due:
            self._looked = monotonic()
        return due

    def _learn(self, seconds: float, jobs: int) -> None:
        """Learn from a batch how long a job takes: the first of all, which finds nothing ready, soon counts little."""
        self._seconds = 0.5 * self._seconds + seconds
        self._jobs = 0.5 * self._jobs + jobs

    def _dead(self) -> list[str]:
        """Return this node's dead workers of other launchers; our own launcher buries its own."""
        return list_dead(self._database, self._study.id, but_by=self._worker.launcher)

    def _wait(self) -> list[str]:
        """Wait until the study has changed, or dead colleagues may have left work; return the dead."""
        pause, longest = _POLL
        until = monotonic() + _CHECK_DEAD
        while not self.stopping.wait(pause):
            if self._worklist.look()[0] != self._worklist.revision:
                return []
            if monotonic() > until:
                return self._dead()
            pause = min(2 * pause, longest)
        return []

    # --- training -------------------------------------------------------------------------------------------------

    def _train(self, runs: Sequence[Run]) -> None:
        """Train some runs as one session until each has ended, is lost, or the worker is to stop."""
        living = list(self._able(runs))
        if not living:
            return
        self._stopwatch.set(_numbers(living))
        try:
            self._train_together(living)
        except MemoryError as error:
            self._run_out_of_memory(living, error)
        finally:
            self._stopwatch.set(())

    def _train_together(self, living: list[Run]) -> None:
        """Train some runs, taking those that are over out of the list."""
        try:
            with self._stopwatch:
                session = self._objective.open([Beginning(r.claim.params, r.claim.seed, r.claim.state) for r in living])
        except (KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            for run in living:
                self._fail(run, failure(error))
            return
        while living and not self.stopping.is_set():
            began = perf_counter()
            with self._stopwatch:
                results = session.train_epoch()
            seconds = (perf_counter() - began) / len(living)
            for index in range(len(living) - 1, -1, -1):  # from the end: dropping one moves up those after it
                run = living[index]
                if not self._desk.is_lost(run):
                    self._note(run, results[index], seconds, session, index)
                if self._desk.is_lost(run):  # to somebody else, or just ended
                    self._drop(session, index)
                    del living[index]
                    self._stopwatch.keep(_numbers(living))
        for index, run in enumerate(living):
            self._save(run, session, index)
        for _ in living:
            self._drop(session, 0)

    def _drop(self, session: Session, index: int) -> None:
        with self._stopwatch:
            session.drop(index)

    def _run_out_of_memory(self, living: Sequence[Run], error: MemoryError) -> None:
        """Fail the run that memory was too short for; of several, let each be tried alone."""
        if len(living) > 1:
            self._desk.give_back(living)
            return
        for run in living:
            self._fail(run, failure(error))

    def _able(self, runs: Sequence[Run]) -> Sequence[Run]:
        """Fail the heirs whose parents' weights are not kept, as their successors would; return the other runs."""
        for run in runs:
            if run.claim.disinherited is not None:
                self._fail(run, EpochResult(error=run.claim.disinherited))
        return [run for run in runs if run.claim.disinherited is None]

    def _note(self, run: Run, result: EpochResult, seconds: float, session: Session, index: int) -> None:
        """Enter an epoch's result, and the job's end if that was it."""
        if result.error is not None:
            self._fail(run, result)
        elif result.value is None:
            self._save(run, session, index)
            self._desk.end(run, State.COMPLETE)
        else:
            epoch = len(run.curve) + 1
            self._desk.measured(run, Measurement(epoch, result.value, result.metrics, seconds))
            self._proceed(run, epoch, session, index)

    def _proceed(self, run: Run, epoch: int, session: Session, index: int) -> None:
        if epoch >= run.claim.job.until:
            self._save(run, session, index)
            last = epoch >= self._study.spec.targets.max_epochs
            self._desk.end(run, State.COMPLETE if last else State.PAUSED)
        elif (stop := self._verdict(run)) is not None:
            self._save(run, session, index)
            self._desk.end(run, State.STOPPED, reason=dict(stop.reason))
        elif monotonic() - run.checkpointed_at > CHECKPOINT_EVERY:
            self._save(run, session, index)

    def _save(self, run: Run, session: Session, index: int) -> None:
        """Checkpoint a run if its objective can resume; a state that cannot be had or kept fails the trial."""
        if not self._objective.resumable or not run.curve:
            return
        try:
            with self._stopwatch:
                state = session.state(index)
            self._desk.checkpointed(run, encode(state))
        except CheckpointError as error:
            self._fail(run, EpochResult(error=str(error)))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - the user's code may raise anything
            self._fail(run, failure(error))

    def _fail(self, run: Run, result: EpochResult) -> None:
        self._desk.end(run, State.FAILED, error=result.error, traceback=result.traceback)

    def _verdict(self, run: Run) -> Stop | None:
        stopper = self._study.spec.strategy.stopper
        if stopper is None:
            return None
        job, sign = run.claim.job, self._study.spec.sign
        curve = tuple(sign * value for value in run.curve)
        trial = Trial(job.trial, run.claim.params, State.RUNNING, curve, job.bracket, job.rung)
        return stopper.verdict(trial, self._desk.history(job))


def _numbers(runs: Sequence[Run]) -> list[int]:
    return [run.claim.job.number for run in runs]


def _group(claims: Sequence[Claim], objective: Objective) -> list[list[Run]]:
    """Put claims together that train as one stack: of one key, from one epoch to one epoch."""
    groups: dict[Any, list[Run]] = {}
    for claim in claims:
        key = objective.key(claim.params)
        group = ("alone", claim.job.number) if key is None else (key, claim.epochs, claim.job.until)
        groups.setdefault(group, []).append(Run.of(claim))
    stack = objective.stack
    return [runs[start : start + stack] for runs in groups.values() for start in range(0, len(runs), stack)]
