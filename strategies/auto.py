"""`auto`: the strategy that the circumstances ask for, by rules that a person can read.

The lecture's advice made concrete: very few trainings leave nothing to learn from, so spread them; few and long ones
are worth stopping early; a moderate number is what Bayesian search is for; of very many, even simple methods find the
best.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from strategies.strategy import Strategy, parse_strategy

AUTO: Final = "auto"
"""The name that asks for it."""

FEW: Final = 10
"""Trainings below which a model has nothing to learn from."""

MANY: Final = 300
"""Trials from which on a Gaussian process is too slow for what it gains."""

RUNGS_FROM: Final = 3
"""Epochs from which on a trial has an early part that tells of the rest."""

QUICK: Final = 0.01
"""Seconds of a trial below which deciding by a Gaussian process takes longer than trying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What a choice of strategy depends on."""

    max_epochs: int
    resumable: bool
    """Whether a trial can be paused and trained on."""
    size: float = inf
    """The number of points of the space."""
    n_trials: int | None = None
    budget: int | None = None
    epoch_seconds: float | None = None
    """What an epoch was measured to take; None: not measured."""
    timeout: float | None = None
    """Seconds that the search may take."""
    workers: int = 1

    @property
    def trials(self) -> float:
        """How many trials may start: as asked for, else as many full trainings as the other bounds allow."""
        return self.n_trials if self.n_trials is not None else self.trainings

    @property
    def trainings(self) -> float:
        """How many trials could be trained in full; infinity if nothing says."""
        bounds: list[float] = [inf]
        if self.n_trials is not None:
            bounds.append(self.n_trials)
        if self.budget is not None:
            bounds.append(self.budget // self.max_epochs)
        if self.timeout is not None and self.epoch_seconds:
            bounds.append(self.timeout * self.workers // (self.epoch_seconds * self.max_epochs))
        return min(bounds)

    @property
    def has_rungs(self) -> bool:
        """Whether trials are long enough for poor ones to be found out early."""
        return self.max_epochs >= RUNGS_FROM

    @property
    def are_many(self) -> bool:
        """Whether there are known to be many trials."""
        return MANY <= self.trials < inf

    @property
    def is_quick(self) -> bool:
        """Whether a whole training is known to take less than deciding on it with care."""
        return self.epoch_seconds is not None and self.epoch_seconds * self.max_epochs < QUICK


@dataclass(frozen=True, slots=True)
class Rule:
    """When a strategy is chosen, and why: in words, and as a condition."""

    when: str
    strategy: str
    why: str
    applies: Callable[[Circumstances], bool]

    @property
    def reason(self) -> str:
        """Why, of no search in particular."""
        return self.why.format(size="that few", trials="that many", max_epochs="that many")


RULES: Final = (
    Rule(
        "the space has no more points than trials may start",
        "grid",
        "the space has {size} points, so that each can be tried",
        lambda seen: seen.size <= seen.trials and seen.size < MANY,
    ),
    Rule(
        "fewer than 10 trials",
        "sobol",
        "{trials} trials are too few to learn from, so they are spread evenly",
        lambda seen: seen.trials < FEW,
    ),
    Rule(
        "trials can be paused and trained on",
        "tpe+asha",
        "trials of {max_epochs} epochs can be paused, so that most need only a few of them, and what those show tells "
        "where to look next",
        lambda seen: seen.resumable and seen.has_rungs,
    ),
    Rule(
        "trials report epochs, but cannot be paused",
        "bayes+median",
        "trials of up to {max_epochs} epochs cannot be paused, but those that do worse than most can be stopped",
        lambda seen: seen.has_rungs and not seen.are_many,
    ),
    Rule(
        "300 trials and more, or trials as quick as a decision",
        "tpe",
        "so many or so quick trials ask for a model that costs next to nothing",
        lambda seen: seen.are_many or seen.is_quick,
    ),
    Rule(
        "10 to 300 trials of one value each, or nobody knows how many",
        "bayes",
        "{trials} trials are what Bayesian search makes the most of",
        lambda _: True,
    ),
)
"""In order: the first that applies decides."""


def choose(seen: Circumstances) -> tuple[Strategy, str]:
    """Return the strategy that the circumstances ask for, and a sentence that says why."""
    rule = next(rule for rule in RULES if rule.applies(seen))
    trials = f"{seen.trials:,.0f}" if seen.trials < inf else "a moderate number of"
    why = rule.why.format(size=f"{seen.size:,.0f}", trials=trials, max_epochs=f"{seen.max_epochs:,}")
    return parse_strategy(rule.strategy), f"{rule.strategy}, as {why}"
