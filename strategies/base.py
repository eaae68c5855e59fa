"""The three contracts of a strategy, and the decisions they may take.

A strategy is a pure function from history to decision: no I/O, no clock, no state, and no random number but from the
generator it is handed (or, for a stream of the whole study, from `history.seed`). Searcher, scheduler and stopper
combine freely: a searcher never asks how long a trial trains, a stopper sees one curve at a time.

Every member is a frozen dataclass whose fields are its settings, of types that JSON knows; so a strategy can be stored
with its study and made again from it. Values are "lower is better" throughout; direction is turned at the border.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING, Any, ClassVar, Final

from strategies.ending import expected_gain

if TYPE_CHECKING:
    import numpy as np

    from strategies.space import Space
    from strategies.trial import History, Params, Trial

Reason = Mapping[str, Any]
"""Why a decision was taken, for people and SQL: JSON values only, with every value of the objective as a `Loss`."""


class Loss(float):
    """A value of the objective in a reason: lower is better here; written down, it is in the user's own direction."""

    __slots__ = ()


def told(reason: Reason, sign: float) -> dict[str, Any]:
    """Return a reason as it is told: every `Loss` times `sign`, in the user's direction; null for infinity."""
    return {key: _told(value, sign) for key, value in reason.items()}


def _told(value: Any, sign: float) -> Any:
    if isinstance(value, float):
        return float(sign * value if isinstance(value, Loss) else value) if isfinite(value) else None
    if isinstance(value, Mapping):
        return told(value, sign)
    return [_told(item, sign) for item in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a searcher proposes: a point of the space, and why."""

    params: "Params"
    reason: Reason = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """Start a new trial and train it up to epoch `until`.

    Its params come from the searcher, but for those in `params`, which the scheduler fixes: some, or all of a point.
    With `parent` it begins with that trial's weights.
    """

    until: int
    bracket: int = 0
    rung: int = 0
    parent: int | None = None
    params: "Params | None" = None
    reason: Reason = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Resume:
    """Train a paused trial on, up to epoch `until`."""

    trial: int
    until: int
    rung: int = 0
    reason: Reason = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stop:
    """End a trial early: a paused one (a scheduler's decision) or the running one (a stopper's verdict)."""

    trial: int
    reason: Reason = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing can be decided until a running job has ended."""


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to decide: the search is over once the running jobs have ended."""


WAIT: Final = Wait()
DONE: Final = Done()
Decision = Start | Resume | Stop | Wait | Done


class Searcher(ABC):
    """Which params next."""

    summary: ClassVar[str]
    """One sentence for people who choose."""
    adaptive: ClassVar[bool] = False
    """Whether proposals depend on results. If not, they follow from the trial's number alone."""
    numpy_only: ClassVar[bool] = False
    """Whether an adaptive one computes without SciPy. If so, a worker that starts does not load SciPy for it."""
    slow: ClassVar[bool] = False
    """Whether a proposal takes longer than a database transaction should; it is then computed outside of one."""

    @abstractmethod
    def propose(self, number: int, history: "History", rng: "np.random.Generator") -> Proposal:
        """Return what trial `number` may try; `rng` is seeded by (study seed, trial number).

        The planner replaces a point that has been tried by another near it. Raises Exhausted when the searcher has no
        further point.
        """

    def expected_gain(self, history: "History") -> float:
        """Return how much lower the best loss can be expected to be if the search goes on; infinity if unknown.

        Here that is what doubling the number of trials would bring if they were drawn at random. A study with a
        tolerance ends when it is below.
        """
        return expected_gain(history)

    def check(self, space: "Space") -> None:  # noqa: B027 - most searchers take every space
        """Raise StrategyError when this searcher cannot search `space`."""


class Scheduler(ABC):
    """Which trial trains next, and up to which epoch."""

    summary: ClassVar[str]
    adaptive: ClassVar[bool] = False
    """Whether the outcome depends on which results are known when. A scheduler that waits for whole rungs is not."""
    numpy_only: ClassVar[bool] = False
    """As for a searcher."""
    looks_back: ClassVar[bool] = True
    """Whether decisions look at trials other than the paused ones. If not, and if nothing else of the strategy is
    adaptive, `history.trials` can only be counted, and `history.open` holds the paused ones alone."""
    resumes: ClassVar[bool] = False
    """Whether it trains paused trials on, which asks for an objective that can resume."""
    slow: ClassVar[bool] = False
    """As for a searcher."""
    draws: ClassVar[bool] = True
    """Whether decisions draw random numbers. If not, no generator is seeded for each."""

    @abstractmethod
    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:
        """Return the next decision: never a Start unless `history.may_start`, never a job for an open job's trial.

        `rng` is seeded by (study seed, number of the job to come), for a scheduler that draws.
        """

    def check(self, max_epochs: int) -> None:  # noqa: B027 - most schedulers take every horizon
        """Raise StrategyError when this scheduler cannot work with trials of at most `max_epochs` epochs."""

    def check_space(self, space: "Space") -> None:  # noqa: B027 - most schedulers never look at params
        """Raise StrategyError when this scheduler cannot work on `space`."""


class Stopper(ABC):
    """Whether a running trial's curve is hopeless."""

    summary: ClassVar[str]
    adaptive: ClassVar[bool] = False
    """Whether verdicts depend on other trials."""
    numpy_only: ClassVar[bool] = False
    """As for a searcher."""

    @abstractmethod
    def verdict(self, trial: "Trial", history: "History") -> Stop | None:
        """Judge `trial` after an epoch; `history` is what the decision that started its job had seen."""
