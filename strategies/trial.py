"""What a strategy sees: trials and their history. Immutable; lower values are better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from strategies.space import Space

Value = float | int | str | bool | None
Params = dict[str, Value]
Point = frozenset[tuple[str, Value]]
"""Params as a key: equal for equal params, whatever their order."""


def point(params: Params) -> Point:
    """Return the params as a key."""
    return frozenset(params.items())


class State(StrEnum):
    """The state of a trial."""

    RUNNING = "running"
    """A worker trains it."""
    PAUSED = "paused"
    """Between jobs, or waiting for a worker."""
    COMPLETE = "complete"
    """Trained as far as it goes."""
    STOPPED = "stopped"
    """Ended early by the scheduler or the stopper."""
    FAILED = "failed"
    """Its objective raised, diverged or returned no finite number, or its worker died again and again."""
    DISCARDED = "discarded"
    """Taken out by a person: as if it had never been, but that its point stays taken."""

    @property
    def ended(self) -> bool:
        """No job can follow."""
        return self is not State.RUNNING and self is not State.PAUSED


ELSEWHERE: Final = -1
"""The bracket and the rung of a trial whose results were brought in: it is in none of the scheduler's."""

_NEVER_WIN: Final = (State.FAILED, State.DISCARDED)


@dataclass(frozen=True, slots=True)
class Trial:
    """One params of a study and its learning curve, as far as the decision at hand may see it.

    `curve[e]` is the value after epoch e+1; lower is better. `rung` and `bracket` are those of its last job. A trial
    that was discarded shows no curve: nothing is to be learned from it.
    """

    number: int
    params: Params
    state: State = State.RUNNING
    curve: tuple[float, ...] = ()
    bracket: int = 0
    rung: int = 0
    parent: int | None = None

    @property
    def epochs(self) -> int:
        """How many epochs the trial has been trained."""
        return len(self.curve)

    @property
    def value(self) -> float:
        """The best value of the curve; infinity for one that can never win, and for one without a value."""
        return inf if self.state in _NEVER_WIN else min(self.curve, default=inf)

    def value_at(self, epoch: int) -> float:
        """The value after `epoch` epochs, or after the last one when it ended before; infinity if it can never win."""
        if self.state in _NEVER_WIN or not self.curve:
            return inf
        return self.curve[min(epoch, len(self.curve)) - 1]


@dataclass(frozen=True, slots=True)
class History:
    """The trials of a study, by number, with what bounds the study.

    `trials` and `open` never change. `open` holds the trials that are running or paused, by number in rising order: the
    ones a scheduler may act upon or has to wait for, so that no decision needs to read a long history from its start.
    A trial that is as in the last history is the same object, and so are pages of such trials (`strategies/pages.py`),
    if it is the engine that asks.
    """

    space: "Space"
    trials: Sequence[Trial]
    open: Mapping[int, Trial]
    max_epochs: int
    n_trials: int | None = None
    budget: int | None = None
    seed: int = 0
    """The study's seed, for what is random but the same for the whole study."""
    sign: int = 1
    """What turns a value here into the user's: -1 where the user maximises. For settings in the user's own units."""
    queue: Sequence[Params] = ()
    """First guesses: points to be tried before any of the searcher's."""
    taken: Mapping[Point, int] | None = None
    """The points of all trials, each with the first trial that has it; None: not indexed (`holds` looks itself)."""
    widened: bool = False
    """Whether the space or `max_epochs` were others when some of the trials began."""

    def holds(self, params: Params) -> bool:
        """Tell whether some trial has these params already."""
        if self.taken is not None:
            return point(params) in self.taken
        return any(trial.params == params for trial in self.trials)

    @property
    def may_start(self) -> bool:
        """Another trial may start: the target number of trials has not been reached."""
        return self.n_trials is None or len(self.trials) < self.n_trials
