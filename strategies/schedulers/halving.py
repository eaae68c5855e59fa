"""Successive halving (Jamieson & Talwalkar, AISTATS 2016; Li et al., "Hyperband", JMLR 18(185), 2018)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Decision, Scheduler
from strategies.errors import StrategyError
from strategies.schedulers.brackets import Bracket, decide, rungs
from strategies.settings import require_integer

if TYPE_CHECKING:
    import numpy as np

    from strategies.trial import History


@dataclass(frozen=True)
class SuccessiveHalving(Scheduler):
    """Brackets of `trials` trials (default: eta^s for s+1 rungs, so that one reaches the last), one after another.

    In a rung of n trials, the best max(1, n // eta) of those that can go on are promoted and the others are stopped;
    trials that failed or were stopped on the way count in n. Ties go to the lower number.
    """

    summary: ClassVar[str] = "Trains many trials briefly, the best third of them three times longer, and so on."
    resumes: ClassVar[bool] = True

    eta: int = 3
    min_epochs: int = 1
    trials: int | None = None

    def __post_init__(self) -> None:
        require_integer(self, "eta", at_least=2)
        require_integer(self, "min_epochs", at_least=1)
        if self.trials is not None:
            require_integer(self, "trials", at_least=1)

    def check(self, max_epochs: int) -> None:
        """Raise StrategyError when there are fewer than two rungs, and so nothing to halve."""
        if max_epochs < self.eta * self.min_epochs:
            raise StrategyError(
                f"Successive halving with eta = {self.eta} and min_epochs = {self.min_epochs} needs max_epochs of at "
                f"least {self.eta * self.min_epochs}, not {max_epochs}: raise max_epochs, or use 'full'."
            )

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return the next decision of the oldest bracket that has one, else Start, else WAIT or DONE."""
        levels = rungs(history.max_epochs, self.eta, self.min_epochs)
        bracket = Bracket(self.trials or self.eta ** (len(levels) - 1), levels, self.eta)
        return decide(history, lambda _: bracket)
