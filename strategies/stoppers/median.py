"""The median rule (Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section 3.2.2)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from strategies.base import Loss, Stop, Stopper
from strategies.following import Columns, Kept
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
    numpy_only: ClassVar[bool] = True

    min_epochs: int = 1
    min_trials: int = 5

    def __post_init__(self) -> None:
        require_integer(self, "min_epochs", at_least=1)
        require_integer(self, "min_trials", at_least=1)

    def verdict(self, trial: "Trial", history: "History") -> Stop | None:
        """Compare with the complete trials of `history`; a tie goes on."""
        if trial.epochs < self.min_epochs:
            return None
        averages = _AVERAGES.of(history).entries(trial.epochs - 1)
        if len(averages) < self.min_trials:
            return None
        best, cut_off = min(trial.curve), middle(averages)
        if min(best, _LARGEST) <= cut_off:
            return None
        reason = {"epoch": trial.epochs, "best": Loss(best), "cut_off": Loss(cut_off), "of": len(averages)}
        return Stop(trial.number, reason)


def _running_averages(trial: "Trial") -> list[float]:
    """Return the mean of the first 1, 2, 3… values of a complete trial; nothing of another."""
    if trial.state is not State.COMPLETE:
        return []
    averages = np.cumsum(np.clip(trial.curve, -_LARGEST, _LARGEST)) / np.arange(1, trial.epochs + 1)
    told: list[float] = averages.tolist()
    return told


_AVERAGES: Final = Kept(lambda: Columns(_running_averages))
