"""Nested model sizes under a budget of time (Agarwal, Bartlett & Duchi, COLT 2012, section 3)."""

from dataclasses import dataclass
from math import isfinite, log, sqrt
from typing import TYPE_CHECKING, ClassVar, Final

from strategies.base import DONE, WAIT, Decision, Loss, Reason, Resume, Scheduler, Start
from strategies.errors import StrategyError
from strategies.following import Kept, Ranking
from strategies.models.classes import check_known, size_parameter, sizes, spaced
from strategies.models.model_selection import criterion
from strategies.pages import first_of
from strategies.settings import require_integer, require_number
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from strategies.space import Space
    from strategies.trial import History, Trial


@dataclass(frozen=True, slots=True)
class Selected:
    """The choice among classes: a class's best trial, and its criterion."""

    trial: "Trial"
    size: float
    criterion: float


@dataclass(frozen=True)
class Budgeted(Scheduler):
    """A few sizes stand for all, each at most 1 + `slack` times the penalty of the one before; each gets the same time.

    The sizes are values of `parameter` (default: the one whose name speaks of size, else the integer of the widest
    range). An epoch at size d costs d^cost_power, and the penalty is sqrt(d / epochs): so with the default of 1
    neighbours are doublings, and the smaller of two has twice the trials. Every trial trains for max_epochs; the next
    one is of the size that has cost least so far, the smaller if equal. So, whether n_trials, the budget (in epochs,
    whatever they cost) or a timeout ends it, the shares of the time are equal to within a trial. The searcher proposes
    the other parameters.

    More trials make a better best value by luck alone. What is selected has the least best value + `penalty` times what
    m trials of each of s sizes, measured on `validation` rows, can be off: sqrt(ln(2m) / 2n) + sqrt(ln s / n) / 2 for
    values of a range of 1 (Hoeffding). Each start at the greatest size tells the standing as of all trials before the
    last such start, and waits for those to have ended.
    """

    summary: ClassVar[str] = "Gives every model size the same time, and tells which size is best for it."

    parameter: str | None = None
    slack: float = 1.0
    cost_power: float = 1.0
    penalty: float = 1.0
    validation: int = 1000

    def __post_init__(self) -> None:
        require_number(self, "slack", at_least=0.01)
        require_number(self, "cost_power", at_least=0)
        require_number(self, "penalty", at_least=0)
        require_integer(self, "validation", at_least=1)

    def check_space(self, space: "Space") -> None:
        """Raise StrategyError when the space has no sizes to choose among."""
        if self.parameter is None:
            if size_parameter(space) is None:
                raise StrategyError(
                    "Budgeted: the space has no size, that is an Int from 1 on, or a Choice of positive numbers with a "
                    "name like 'hidden', and no condition: name one, as in Budgeted(parameter='n'), or use 'full'."
                )
            return
        check_known(space, self.parameter, "Budgeted")
        if not sizes(space, self.parameter):
            raise StrategyError(
                f"Budgeted: {self.parameter!r} is no size: it must be an Int from 1 on or a Choice of positive numbers "
                "without a condition. Name another parameter."
            )

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return Resume for an interrupted trial, else Start in the class that has had the least time, else DONE."""
        for trial in history.open.values():
            if trial.state is State.PAUSED and trial.epochs < history.max_epochs:
                return Resume(trial.number, history.max_epochs, reason={"interrupted_at": trial.epochs})
        if not history.may_start:
            return DONE
        name, classes = self._classes(history.space)
        if name is None:
            return Start(history.max_epochs)
        placed = _BRACKETS.of(history)
        trials = [len(placed.span(k)) for k in range(len(classes))]
        spent = [trials[k] * (size / classes[0]) ** self.cost_power for k, size in enumerate(classes)]
        k = min(range(len(classes)), key=spent.__getitem__)
        reason: dict[str, object] = {"epochs": history.max_epochs, "class": classes[k], "place": trials[k] + 1}
        reason |= {"cost": (classes[k] / classes[0]) ** self.cost_power, "spent": spent[k], "of": sum(spent)}
        if k == len(classes) - 1 > 0 and trials[k]:
            last = placed.entries[placed.span(k)[-1]][1]
            if any(trial.state is State.RUNNING and trial.number < last for trial in history.open.values()):
                return WAIT
            values = _VALUES.of(history, trials=first_of(history.trials, last))
            reason |= self._standing(history.trials, values, classes)
        return Start(history.max_epochs, bracket=k, params={name: classes[k]}, reason=reason)

    def selected(self, trials: "Sequence[Trial]", values: Ranking, classes: list[float]) -> Selected | None:
        """Return the choice among the trials of a ranking by class and value; None when none of them has a value."""
        best: Selected | None = None
        for k, size in enumerate(classes):
            if not (tried := values.span(k)):
                continue
            _, value, number = values.entries[tried[0]]
            luck = self.penalty * sqrt(log(2 * len(tried)) / (2 * self.validation))
            least = criterion(value, luck, self.validation, len(classes), kappa=self.penalty)
            if isfinite(least) and (best is None or least < best.criterion):
                best = Selected(trials[number], size, least)
        return best

    def _standing(self, trials: "Sequence[Trial]", values: Ranking, classes: list[float]) -> Reason:
        best = self.selected(trials, values, classes)
        if best is None:
            return {}
        standing = {"trial": best.trial.number, "class": best.size, "criterion": Loss(best.criterion)}
        return {"selected": standing}

    def _classes(self, space: "Space") -> tuple[str | None, list[float]]:
        name = self.parameter or size_parameter(space)
        if name is None or name not in space.parameters or not sizes(space, name):
            return None, []
        # penalties sqrt(d / n) after equal time, n = T / d^p, grow as d^((1 + p) / 2)
        return name, spaced(space, name, (1 + self.slack) ** (2 / (1 + self.cost_power)))


def _placed(trial: "Trial") -> tuple[int, int]:
    return trial.bracket, trial.number


def by_value(trial: "Trial") -> tuple[int, float, int]:
    """Return what trials are ranked by: class, value, number."""
    return trial.bracket, trial.value, trial.number


_BRACKETS: Final = Kept(lambda: Ranking(_placed))
_VALUES: Final = Kept(lambda: Ranking(by_value))
