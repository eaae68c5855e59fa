"""Unstructured classes of models under a budget of time (Agarwal, Bartlett & Duchi, COLT 2012, section 4)."""

from array import array
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, ClassVar, Final

from strategies.base import DONE, Decision, Loss, Resume, Scheduler, Start
from strategies.errors import StrategyError
from strategies.following import Kept, Ranking
from strategies.models.classes import check_known, choice_parameter, choices, size_parameter
from strategies.models.model_selection import optimistic_risk
from strategies.models.quantiles import quantile
from strategies.settings import require_number
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from strategies.space import Space
    from strategies.trial import History, Trial, Value

_LARGEST: Final = 1e300
"""Beyond it differences overflow."""


@dataclass(frozen=True)
class BudgetedBandit(Scheduler):
    """Classes compete for trials: the next one goes to the class whose best value may yet become the least.

    The classes are the values of `parameter` (default: the first Choice, else a size, of which values at most
    1 + `slack` times the one before are taken). A quantum of time is a trial of max_epochs, a sample of its class. A
    class's risk is its best value so far, which more samples can only better: the penalty of n samples is `penalty`
    n^-exponent. Penalty and confidence (`kappa`) are in units of the interquartile range of all values, so that the
    objective's own units do not matter.

    The number of quanta is n_trials, else the budget over max_epochs, else the next power of two. Running trials count
    as samples. The class with the most trials is the one chosen: `leads` in the reasons.
    """

    summary: ClassVar[str] = "Gives kinds of model their first trial each, and the following to those that may yet win."
    adaptive: ClassVar[bool] = True
    numpy_only: ClassVar[bool] = True

    parameter: str | None = None
    slack: float = 1.0
    penalty: float = 0.5
    exponent: float = 0.5
    kappa: float = 0.5

    def __post_init__(self) -> None:
        require_number(self, "slack", at_least=0.01)
        require_number(self, "penalty", at_least=0)
        require_number(self, "exponent", at_least=0)
        require_number(self, "kappa", at_least=0)

    def check_space(self, space: "Space") -> None:
        """Raise StrategyError when the space has no classes to choose among."""
        kinds = "a Choice, or an Int from 1 on, and has no condition"
        if self.parameter is not None:
            check_known(space, self.parameter, "BudgetedBandit")
        name = self._parameter(space)
        if name is None:
            raise StrategyError(f"BudgetedBandit: the space has no classes: it needs a parameter that is {kinds}.")
        if not choices(space, name, 1 + self.slack):
            raise StrategyError(f"BudgetedBandit: {name!r} makes no classes: name a parameter that is {kinds}.")

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return Resume for an interrupted trial, else Start in the class that may become best, else DONE."""
        for trial in history.open.values():
            if trial.state is State.PAUSED and trial.epochs < history.max_epochs:
                return Resume(trial.number, history.max_epochs, reason={"interrupted_at": trial.epochs})
        if not history.may_start:
            return DONE
        name = self._parameter(history.space)
        classes = choices(history.space, name, 1 + self.slack) if name else ()
        if name is None or not classes:
            return Start(history.max_epochs)
        return self._start(name, classes, history)

    def _start(self, name: str, classes: "Sequence[Value]", history: "History") -> Start:
        placed, ranked = _BRACKETS.of(history), _RANKED.of(history)
        trials = [len(placed.span(k)) for k in range(len(classes))]
        scale = _spread(_VALUES.of(history).entries)
        ended = [ranked.span(k) for k in range(len(classes))]
        risks = [ranked.entries[each[0]][1] if each else inf for each in ended]
        scores = [self._score(risks[k], trials[k], len(classes), scale, history) for k in range(len(classes))]
        k = min(range(len(classes)), key=lambda k: (trials[k] > 0, scores[k], trials[k], k))
        leads = max(range(len(classes)), key=lambda k: (trials[k], -k))
        reason = {"epochs": history.max_epochs, "class": classes[k], "place": trials[k] + 1, "of": len(history.trials)}
        reason |= {"score": Loss(scores[k]), "incumbent": Loss(risks[k]), "leads": classes[leads]}
        told = {key: value for key, value in reason.items() if not isinstance(value, Loss) or isfinite(value)}
        return Start(history.max_epochs, bracket=k, params={name: classes[k]}, reason=told)

    def _score(self, risk: float, samples: int, classes: int, scale: float, history: "History") -> float:
        """Return the value that the class may come to; infinity for one without a value."""
        if not isfinite(risk):
            return inf
        quanta = max(_quanta(history), samples, classes)
        now, finally_ = (scale * self.penalty * n**-self.exponent for n in (samples, quanta))
        return optimistic_risk(
            risk, now, finally_, samples=samples, quanta=quanta, classes=classes, kappa=scale * self.kappa
        )

    def _parameter(self, space: "Space") -> str | None:
        named = self.parameter if self.parameter in space.parameters else None
        return named or choice_parameter(space) or size_parameter(space)


def _quanta(history: "History") -> int:
    if history.n_trials is not None:
        return history.n_trials
    if history.budget is not None:
        return history.budget // history.max_epochs
    return int(2 ** len(history.trials).bit_length())


def _spread(values: "Sequence[float]") -> float:
    """Return the interquartile range of rising values; 0 for none."""
    if not values:
        return 0.0
    return quantile(values, 0.75) - quantile(values, 0.25)


def _placed(trial: "Trial") -> tuple[int, int]:
    return trial.bracket, trial.number


def _ranked(trial: "Trial") -> tuple[int, float, int] | None:
    return (trial.bracket, trial.value, trial.number) if trial.state.ended else None


def _value(trial: "Trial") -> float | None:
    return min(max(trial.value, -_LARGEST), _LARGEST) if trial.state.ended and isfinite(trial.value) else None


_BRACKETS: Final = Kept(lambda: Ranking(_placed))
_RANKED: Final = Kept(lambda: Ranking(_ranked))
_VALUES: Final = Kept(lambda: Ranking(_value, partial(array, "d")))
