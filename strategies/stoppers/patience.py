"""Early stopping on a plateau (Prechelt, "Early stopping - but when?", 1998)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Loss, Stop, Stopper
from strategies.settings import require_integer, require_number

if TYPE_CHECKING:
    from strategies.trial import History, Trial


@dataclass(frozen=True)
class Patience(Stopper):
    """Stop a trial whose best value has not improved by more than `min_delta` within the last `epochs` epochs."""

    summary: ClassVar[str] = "Stops a trial that has not improved for some epochs."

    epochs: int = 10
    min_delta: float = 0.0

    def __post_init__(self) -> None:
        require_integer(self, "epochs", at_least=1)
        require_number(self, "min_delta", at_least=0)

    def verdict(self, trial: "Trial", history: "History") -> Stop | None:  # noqa: ARG002 - a trial's own curve decides
        """Judge by the trial's own curve; one of at most `epochs` epochs always goes on."""
        if trial.epochs <= self.epochs:
            return None
        before, best = min(trial.curve[: -self.epochs]), min(trial.curve)
        if before - best > self.min_delta:
            return None
        best_epoch = trial.curve.index(best) + 1
        reason = {"epoch": trial.epochs, "best": Loss(best), "best_epoch": best_epoch, "patience": self.epochs}
        return Stop(trial.number, reason)
