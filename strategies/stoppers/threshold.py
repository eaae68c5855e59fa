"""A bar that the user sets: what a trial must have reached by some epoch."""

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Loss, Stop, Stopper
from strategies.errors import StrategyError
from strategies.settings import require_integer

if TYPE_CHECKING:
    from strategies.trial import History, Trial


@dataclass(frozen=True)
class Threshold(Stopper):
    """Stop a trial that has not reached `value`, in the objective's own units, by epoch `epoch`.

    To reach it is to equal or better it in the study's direction. Without a value every trial goes on.
    """

    summary: ClassVar[str] = "Stops a trial that has not reached a given value by a given epoch."

    value: float | None = None
    epoch: int = 1

    def __post_init__(self) -> None:
        if self.value is not None and (type(self.value) not in (int, float) or not isfinite(self.value)):
            raise StrategyError(
                f"Threshold: value must be a finite number, or none to let all pass, not {self.value!r}."
            )
        require_integer(self, "epoch", at_least=1)

    def verdict(self, trial: "Trial", history: "History") -> Stop | None:
        """Judge by the trial's own first `epoch` values."""
        if self.value is None or trial.epochs < self.epoch:
            return None
        best, bar = min(trial.curve[: self.epoch]), history.sign * self.value
        if best <= bar:
            return None
        return Stop(trial.number, {"epoch": trial.epochs, "best": Loss(best), "cut_off": Loss(bar), "by": self.epoch})
