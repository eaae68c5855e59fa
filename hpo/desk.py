"""A worker's desk: the jobs it holds, shared by its trainer and its heartbeat.

The trainer lays claimed jobs out, takes them up group by group, and enters what it measures. The heartbeat writes that
to the database, renews the leases, and gives jobs back that wait behind one that turns out to be long.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any, Final, Self

from storage.exchange.work import Checkpoint, Claim, Exchange, Measurement, Progress, Report, Wanted
from storage.exchange.worklist import Worklist
from strategies import History, Job, State

BEAT: Final = 0.2
"""Seconds between two heartbeats: what is measured is written within two of them."""

_WAIT_MOST: Final = 0.5  # seconds a claimed job may wait for its turn before it is given back


@dataclass(slots=True, eq=False)
class Run:
    """A claimed job: its trial's curve so far, and what of it is not yet written."""

    claim: Claim
    curve: list[float]
    seconds: float
    new: list[Measurement] = field(default_factory=list)
    checkpoint: Checkpoint | None = None
    checkpointed_at: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, claim: Claim) -> Self:
        """Return the run of a job that has just been claimed."""
        return cls(claim, list(claim.curve), claim.seconds)

    def take(self) -> Progress:
        """Return the trial as it stands, with what is not yet written; the caller writes it."""
        new, self.new = self.new, []
        checkpoint, self.checkpoint = self.checkpoint, None
        return Progress(self.claim, tuple(self.curve), self.seconds, new, checkpoint)


class Desk:
    """The jobs one worker holds. Every method may be called from the trainer's and the heartbeat's thread."""

    def __init__(self, worklist: Worklist, stopping: threading.Event, lease: float) -> None:
        self._worklist = worklist
        self._stopping = stopping
        self._renew_every = lease / 4
        self._lock = threading.RLock()
        self._waiting: deque[list[Run]] = deque()
        self._training: dict[int, Run] = {}  # by job number
        self._reports: list[Report] = []
        self._laid_out = self._renewed = self._reported = self._recorded = monotonic()
        self._error: Exception | None = None

    # --- the trainer's side ---------------------------------------------------------------------------------------

    def exchange(self, wanted: Wanted, dead: Sequence[str] = ()) -> Exchange:
        """Report what has ended and claim what is wanted. Raises what the heartbeat ran into."""
        with self._lock:
            if self._error is not None:
                raise self._error
            exchange = self._worklist.exchange(tuple(self._reports), wanted, dead)
            # Now, not before: it may have waited long for its turn, and what has just been claimed is not due.
            self._renewed = self._reported = self._recorded = monotonic()
            self._reports.clear()
            return exchange

    def history(self, job: Job) -> History:
        """Return what the decision that made `job` had seen."""
        with self._lock:
            return self._worklist.history(job)

    def lay_out(self, groups: Iterable[list[Run]]) -> None:
        """Put groups of claimed jobs on the desk, to be trained one group after another."""
        with self._lock:
            self._waiting.extend(groups)
            self._laid_out = monotonic()

    def take_up(self) -> list[Run]:
        """Return the next group to train; an empty one when none is left or the worker is to stop."""
        with self._lock:
            if not self._waiting or self._stopping.is_set():
                return []
            runs = self._waiting.popleft()
            self._training.update((run.claim.job.number, run) for run in runs)
            return runs

    def measured(self, run: Run, measurement: Measurement) -> None:
        """Enter what an epoch brought."""
        with self._lock:
            run.curve.append(measurement.value)
            run.seconds += measurement.seconds
            run.new.append(measurement)

    def checkpointed(self, run: Run, data: bytes) -> None:
        """Enter a run's encoded state as it stands."""
        with self._lock:
            run.checkpoint = Checkpoint(len(run.curve), data)
            run.checkpointed_at = monotonic()

    def end(
        self,
        run: Run,
        outcome: State,
        *,
        reason: Mapping[str, Any] | None = None,
        error: str | None = None,
        traceback: str | None = None,
    ) -> None:
        """Enter the end of a run's job; it is reported with the next exchange."""
        with self._lock:
            if self._training.pop(run.claim.job.number, None) is not None:
                self._reports.append(Report(run.take(), outcome, reason, error, traceback))

    def is_lost(self, run: Run) -> bool:
        """Tell whether somebody else has taken the job over."""
        with self._lock:
            return run.claim.job.number not in self._training

    def give_back(self, runs: Iterable[Run]) -> None:
        """Give back runs that cannot be trained together; each is to be trained alone, by anyone."""
        with self._lock:
            mine = [run for run in runs if self._training.pop(run.claim.job.number, None) is not None]
            self._worklist.release([run.take() for run in mine], suspect=True)

    def leave(self) -> None:
        """Report what has ended and give back every other job, with what there is of it."""
        self.exchange(Wanted(jobs=0))
        with self._lock:
            runs = [*self._training.values(), *(run for group in self._waiting for run in group)]
            self._waiting.clear()
            self._training.clear()
            if runs:
                self._worklist.release([run.take() for run in runs])

    # --- the heartbeat's side -------------------------------------------------------------------------------------

    def beat(self, tick: Callable[[], None]) -> None:
        """Call `tick`, then write what is due. An error stops the worker and meets the trainer at its next exchange."""
        try:
            tick()
            with self._lock:
                self._give_back_waiting()
                self._record()
                if self._reports and monotonic() - self._reported > BEAT:
                    self.exchange(Wanted(jobs=0))
        except Exception as error:  # noqa: BLE001 - the trainer raises it again
            self._error = error
            self._stopping.set()

    def _give_back_waiting(self) -> None:
        if self._waiting and monotonic() - self._laid_out > _WAIT_MOST:
            runs = [run for group in self._waiting for run in group]
            self._waiting.clear()
            self._worklist.release([run.take() for run in runs])

    def _record(self) -> None:
        fresh = [run for run in self._training.values() if run.new or run.checkpoint]
        due = monotonic() - self._renewed > self._renew_every
        if not due and (not fresh or monotonic() - self._recorded < BEAT):
            return  # what has just been begun may well be reported before the next beat
        held = self._worklist.record([run.take() for run in fresh])
        self._renewed = self._recorded = monotonic()
        for number in self._training.keys() - held:
            del self._training[number]


class Heartbeat:
    """Calls `beat` every BEAT seconds in a thread of its own, within a with block."""

    def __init__(self, beat: Callable[[], None]) -> None:
        self._beat = beat
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(BEAT):
            self._beat()
