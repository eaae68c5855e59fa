"""Searching again what has been recorded: any strategy, on the same curves, without training.

A **recording** holds configurations and their learning curves. A replay decides with the engine itself, hands out the
recorded curves as training would have produced them, and counts epochs; whatever is asked for and was not recorded is
refused, never made up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from math import inf, isfinite
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.base import Stop
from strategies.engine import Ledger
from strategies.errors import StrategyError
from strategies.planning import Job, Planned, Targets
from strategies.recorded import RecordedSpace
from strategies.space import Space
from strategies.strategy import Strategy
from strategies.trial import Params, State, Trial

_ENDLESS: Final = 1_000_000  # decisions after which a replay is taken to have no end


@dataclass(frozen=True)
class Recording:
    """Configurations of a space and the curve of each: losses, lower is better, as far as they were trained.

    A curve ends early where training was cut short; it ends with infinity where it failed. `max_epochs` is the longest.
    """

    space: Space
    rows: Sequence[Params]
    curves: Sequence[tuple[float, ...]]

    def __post_init__(self) -> None:
        if len(self.rows) != len(self.curves) or not any(self.curves):
            raise StrategyError("a recording needs a learning curve for each of its configurations, and at least one")

    @property
    def max_epochs(self) -> int:
        """The epochs of the longest curve."""
        return max(map(len, self.curves))

    @property
    def best(self) -> float:
        """The lowest loss on record."""
        return min(min(curve) for curve in self.curves if curve)


@dataclass(frozen=True, slots=True, eq=False)
class Replayed:
    """What a search found on a recording, epoch by epoch in the order in which they were trained."""

    best: NDArray[np.float64]
    """The lowest loss seen after each epoch spent, shape (epochs,); infinity before the first."""
    trials: int
    """How many trials were started."""
    winner: int | None
    """The row of the recording that holds the lowest loss seen."""

    @property
    def epochs(self) -> int:
        """How many epochs were spent."""
        return len(self.best)

    def epochs_to(self, loss: float) -> float:
        """Return how many epochs were spent when a loss of at most `loss` was first seen; infinity for never."""
        reached = np.flatnonzero(self.best <= loss)
        return float(reached[0] + 1) if len(reached) else inf


def replay(
    strategy: Strategy,
    recording: Recording,
    *,
    seed: int = 0,
    n_trials: int | None = None,
    budget: int | None = None,
    workers: int = 1,
    sign: int = 1,
) -> Replayed:
    """Return what `strategy` finds on a recording with `workers` at a time, every epoch taking each equally long.

    Without `n_trials` there are as many as configurations; `budget` bounds the epochs in all; `sign` is -1 where the
    user maximises. Raises StrategyError when the strategy cannot search the recording, or asks for what it lacks.
    """
    space = RecordedSpace(recording.space, recording.rows)
    strategy.check(space, recording.max_epochs)
    most = min(n_trials or len(recording.rows), len(recording.rows))
    targets = Targets(recording.max_epochs, most, budget)
    ledger = Ledger(strategy, space, seed, targets, workers, sign=sign)
    return _Search(ledger, space, recording, workers).run()


class _Search:
    """A replay in progress."""

    def __init__(self, ledger: Ledger, space: RecordedSpace, recording: Recording, workers: int) -> None:
        self._ledger = ledger
        self._space = space
        self._recording = recording
        self._workers = workers
        self._now = 0
        self._running: list[tuple[int, int, Job, tuple[float, ...], State]] = []  # a heap, by the time they end
        self._trained: list[tuple[int, int, int, float]] = []  # time, job, row, loss

    def run(self) -> Replayed:
        for _ in range(_ENDLESS):
            plan = self._ledger.decide() if len(self._running) < self._workers else None
            if isinstance(plan, Planned):
                self._start(plan)
            elif isinstance(plan, Stop):
                self._ledger.enter(plan)
            elif self._running:
                self._now, _, job, curve, outcome = heappop(self._running)
                self._ledger.close_job(job.number, outcome, curve)
            else:
                return self._found()
        raise StrategyError(f"{self._ledger.strategy.name} does not come to an end on this recording")

    def _start(self, plan: Planned) -> None:
        if plan.parent is not None:
            raise StrategyError(
                f"{self._ledger.strategy.name} begins trial {plan.job.trial} with the weights of trial {plan.parent}: "
                "such a curve was not recorded, so it cannot be replayed"
            )
        self._ledger.enter(plan)
        job = plan.job
        trial = self._ledger.trial(job.trial)
        row = self._space.row(trial.params)
        curve, outcome = self._train(job, trial, self._recording.curves[row])
        for i, loss in enumerate(curve[job.from_epoch :]):
            self._trained.append((self._now + i + 1, job.number, row, loss))
        spent = max(1, len(curve) - job.from_epoch)
        kept = curve[:-1] if outcome is State.FAILED else curve
        heappush(self._running, (self._now + spent, job.number, job, kept, outcome))

    def _train(self, job: Job, trial: Trial, recorded: tuple[float, ...]) -> tuple[tuple[float, ...], State]:
        """Return the curve at the job's end, the epoch that failed included, and the state it leaves its trial in."""
        stopper = self._ledger.strategy.stopper
        history = self._ledger.seen_by(job) if stopper else None
        for epoch in range(job.from_epoch + 1, job.until + 1):
            if epoch > len(recorded):
                raise StrategyError(
                    f"{self._ledger.strategy.name} asks for epoch {epoch} of {trial.params!r}, which was recorded up "
                    f"to epoch {len(recorded)}: record it in full first"
                )
            curve = recorded[:epoch]
            if not isfinite(curve[-1]):
                return curve, State.FAILED
            if stopper and history and epoch < job.until:
                now = Trial(trial.number, trial.params, State.RUNNING, curve, job.bracket, job.rung)
                if stopper.verdict(now, history):
                    return curve, State.STOPPED
        return recorded[: job.until], State.COMPLETE if job.until == self._recording.max_epochs else State.PAUSED

    def _found(self) -> Replayed:
        self._trained.sort(key=lambda each: each[:2])
        losses = np.array([loss for *_, loss in self._trained], dtype=float)
        best = np.minimum.accumulate(losses) if len(losses) else losses
        known = len(best) > 0 and isfinite(best[-1])
        winner = self._trained[int(np.argmin(losses))][2] if known else None
        return Replayed(best, self._ledger.n_trials, winner)
