"""The median rule (Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section 3.2.2)."""

from array import array
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from strategies.base import Loss, Stop, Stopper
from strategies.following import Kept, Ranking
from strategies.models.quantiles import middle
from strategies.settings import require_integer
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.trial import History, Trial

_LARGEST: Final = 1e300
"""Beyond it sums overflow."""


@dataclass(frozen=True)
class Median(Stopper):
    """Stop a trial whose best value is worse than the median, over complete trials, of their averages up to its epoch.

    It judges from epoch `min_epochs` on, and where at least `min_trials` complete trials were trained so long.
    """

    summary: ClassVar[str] = "Stops a trial whose best value is worse than what half of the others had on average."
    adaptive: ClassVar[bool] = True

    min_epochs: int = 1
    min_trials: int = 5

    def __post_init__(self) -> None:
        require_integer(self, "min_epochs", at_least=1)
        require_integer(self, "min_trials", at_least=1)

    def verdict(self, trial: "Trial", history: "History") -> Stop | None:
        """Compare with the complete trials of `history`; a tie goes on."""
        if trial.epochs < self.min_epochs:
            return None
        averages = _AVERAGES.of(history, trial.epochs).entries
        if len(averages) < self.min_trials:
            return None
        best, cut_off = min(trial.curve), middle(averages)
        if min(best, _LARGEST) <= cut_off:
            return None
        reason = {"epoch": trial.epochs, "best": Loss(best), "cut_off": Loss(cut_off), "of": len(averages)}
        return Stop(trial.number, reason)


def _average(epochs: int, trial: "Trial") -> float | None:
    """Return the mean of the first `epochs` values of a complete trial; nothing of another, or of a shorter one."""
    if trial.state is not State.COMPLETE or trial.epochs < epochs:
        return None
    return float(np.cumsum(np.clip(trial.curve[:epochs], -_LARGEST, _LARGEST))[-1]) / epochs


_AVERAGES: Final = Kept(lambda epochs: Ranking(partial(_average, epochs), partial(array, "d")), most=1000)
"""By epoch: a worker judges at every one of them in turn."""
