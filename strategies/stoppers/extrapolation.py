"""Stopping by extrapolated learning curves.

Domhan, Springenberg & Hutter, "Speeding up automatic hyperparameter optimization of deep neural networks by
extrapolation of learning curves", IJCAI 2015.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from math import inf, isfinite
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from strategies.base import Loss, Stop, Stopper
from strategies.errors import StrategyError
from strategies.following import Kept, Ranking
from strategies.models import curve_bank, curve_mcmc
from strategies.models.curve_prediction import Prediction
from strategies.models.quantiles import middle
from strategies.settings import require_integer, require_number
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.trial import History, Trial

ENGINES: Final[Mapping[str, Callable[[NDArray[np.float64], int], Prediction | None]]] = {
    "bank": curve_bank.extrapolate,
    "mcmc": curve_mcmc.extrapolate,
}

_CERTAIN = 0.005  # of the range between the bounds
_MARGIN = 0.25
_CHECKS = 20


@dataclass(frozen=True)
class CurveExtrapolation(Stopper):
    """Stop a trial that beats the best value of the others at its last epoch with a probability below `threshold`.

    Judged every `interval` epochs (default: 20 times in a trial), from epoch `min_epochs` on, once a trial is complete.
    The models know metrics in [0, 1]: `bounds` are the worst and best values possible, in either order and in the
    objective's own units, like (0, 1) for an accuracy; without them they are the range seen and a quarter more on each
    side. `optimistic` also stops a trial whose last value, better or worse, is known to half a percent of that range.
    The engine "bank" takes milliseconds, the reference "mcmc" many seconds.
    """

    summary: ClassVar[str] = "Stops a trial whose learning curve, carried on to its end, will hardly beat the best."
    adaptive: ClassVar[bool] = True

    threshold: float = 0.05
    interval: int | None = None
    min_epochs: int = 4
    bounds: tuple[float, float] | None = None
    engine: str = "bank"
    optimistic: bool = False

    def __post_init__(self) -> None:
        require_number(self, "threshold", at_least=0)
        if self.interval is not None:
            require_integer(self, "interval", at_least=1)
        require_integer(self, "min_epochs", at_least=3)
        if self.bounds is not None:
            object.__setattr__(self, "bounds", _ordered(self.bounds))
        if self.engine not in ENGINES:
            raise StrategyError(f"CurveExtrapolation: engine must be one of {', '.join(ENGINES)}, not {self.engine!r}.")
        if type(self.optimistic) is not bool:
            raise StrategyError(f"CurveExtrapolation: optimistic must be true or false, not {self.optimistic!r}.")

    def verdict(self, trial: "Trial", history: "History") -> Stop | None:
        """Extrapolate the trial's curve to `history.max_epochs`; without an incumbent or a clear answer it goes on."""
        if not self._is_due(trial.epochs, history.max_epochs) or not (told := _Told.of(trial, history)):
            return None
        if min(trial.curve) < told.incumbent:
            return None
        low, high = self._bounds(history.sign) or told.bounds
        if not 0 < high - low < inf:
            return None
        metric = ((high - np.array(trial.curve)) / (high - low)).clip(0.0, 1.0)
        prediction = ENGINES[self.engine](metric, history.max_epochs)
        if prediction is None or not 0 <= prediction.mean <= 1:
            return None
        probability = prediction.probability_above((high - told.incumbent) / (high - low))
        if probability >= self.threshold and not (self.optimistic and prediction.sd < _CERTAIN):
            return None
        reason = {
            "probability": probability,
            "predicted": Loss(high - (high - low) * prediction.mean),
            "sd": (high - low) * prediction.sd,
            "incumbent": Loss(told.incumbent),
            "incumbent_trial": told.incumbent_trial,
            "epoch": trial.epochs,
            "horizon": history.max_epochs,
        }
        return Stop(trial.number, reason)

    def _is_due(self, epoch: int, horizon: int) -> bool:
        interval = self.interval or max(1, horizon // _CHECKS)
        return self.min_epochs <= epoch < horizon and epoch % interval == 0

    def _bounds(self, sign: int) -> tuple[float, float] | None:
        """Return the bounds that were given as losses, the best first."""
        if self.bounds is None:
            return None
        low, high = sorted(sign * bound for bound in self.bounds)
        return low, high


@dataclass(frozen=True, slots=True)
class _Told:
    """What the other trials of a history say, and the range they span together with the trial's own curve."""

    incumbent: float
    incumbent_trial: int
    bounds: tuple[float, float]

    @classmethod
    def of(cls, trial: "Trial", history: "History") -> "_Told | None":
        """None before any other trial is complete."""
        before = history.trials[trial.number] if trial.number < len(history.trials) else None
        own = before if before is not None and _tells(before) else None
        if len(_COMPLETE.of(history).entries) <= (own is not None and own.state is State.COMPLETE):
            return None
        firsts, values = _FIRSTS.of(history).entries, _VALUES.of(history).entries
        incumbent, leader = values[own is not None and values[0][1] == trial.number]
        start = middle(firsts, None if own is None else bisect_left(firsts, own.curve[0]))
        low = min(incumbent, *trial.curve)
        high = max(start, *trial.curve)
        margin = _MARGIN * (high - low)
        return cls(incumbent, leader, (low - margin, high + margin))


def _tells(trial: "Trial") -> bool:
    """Tell whether there is a value to learn from: none of a trial that failed or was discarded."""
    return len(trial.curve) > 0 and trial.state not in (State.FAILED, State.DISCARDED)


def _first(trial: "Trial") -> float | None:
    return trial.curve[0] if _tells(trial) else None


def _value(trial: "Trial") -> tuple[float, int] | None:
    return (trial.value, trial.number) if _tells(trial) else None


def _complete(trial: "Trial") -> int | None:
    return trial.number if _tells(trial) and trial.state is State.COMPLETE else None


_FIRSTS: Final = Kept(lambda: Ranking(_first, partial(array, "d")))
_VALUES: Final = Kept(lambda: Ranking(_value))
_COMPLETE: Final = Kept(lambda: Ranking(_complete))


def _ordered(bounds: object) -> tuple[float, float]:
    """Return two numbers, the lower first; raises StrategyError for anything else."""
    if isinstance(bounds, list | tuple) and all(type(bound) in (int, float) and isfinite(bound) for bound in bounds):
        ordered = sorted(bounds)
        if len(ordered) == 2 and ordered[0] < ordered[1]:  # noqa: PLR2004 - a pair
            return ordered[0], ordered[1]
    raise StrategyError(f"CurveExtrapolation: bounds must be two different numbers, worst and best, not {bounds!r}.")
