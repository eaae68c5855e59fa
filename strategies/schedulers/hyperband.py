"""Hyperband (Li, Jamieson, DeSalvo, Rostamizadeh, Talwalkar, JMLR 18(185), 2018)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Decision, Scheduler
from strategies.errors import StrategyError
from strategies.schedulers.brackets import Bracket, decide, rungs
from strategies.settings import require_integer

if TYPE_CHECKING:
    import numpy as np

    from strategies.trial import History

VARIANTS = ("algorithm1", "table1")


@dataclass(frozen=True)
class Hyperband(Scheduler):
    """Successive halving from many short trials to few long ones: brackets s = s_max … 0, and again from the first.

    Nobody knows how early a bad trial shows itself; so the brackets hedge: the first stops most trials after
    `min_epochs`, the last trains all in full, and each costs about the same. Promoted trials are trained on from
    their checkpoints, so that a bracket costs fewer epochs than in the paper, where every rung begins anew: `table`
    tells both.

    The paper's algorithm 1 and its table 1 disagree on the number of trials; `variant` chooses. `brackets` is the most
    brackets there may be: it caps s_max where starting many trials costs too much (the paper's n_max).
    """

    summary: ClassVar[str] = "Brackets of successive halving, from many short trials to a few long ones."
    resumes: ClassVar[bool] = True

    eta: int = 3
    min_epochs: int = 1
    variant: str = "algorithm1"
    brackets: int | None = None

    def __post_init__(self) -> None:
        require_integer(self, "eta", at_least=2)
        require_integer(self, "min_epochs", at_least=1)
        if self.variant not in VARIANTS:
            raise StrategyError(f"Hyperband: variant must be one of {', '.join(VARIANTS)}, not {self.variant!r}.")
        if self.brackets is not None:
            require_integer(self, "brackets", at_least=2)

    def table(self, max_epochs: int) -> tuple[Bracket, ...]:
        """Return the brackets s = s_max … 0 for trials of at most `max_epochs` epochs, each with what it costs."""
        levels = rungs(max_epochs, self.eta, self.min_epochs)[-(self.brackets or 0) :]
        return tuple(Bracket(self._size(s, len(levels) - 1), levels[-s - 1 :], self.eta) for s in range(len(levels)))[
            ::-1
        ]

    def check(self, max_epochs: int) -> None:
        """Raise StrategyError when there is but one bracket, in which every trial trains in full."""
        if max_epochs < self.eta * self.min_epochs:
            raise StrategyError(
                f"Hyperband with eta = {self.eta} and min_epochs = {self.min_epochs} needs max_epochs of at least "
                f"{self.eta * self.min_epochs}, not {max_epochs}: raise max_epochs, or use 'full'."
            )

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return the next decision of the oldest bracket that has one, else Start, else WAIT or DONE."""
        table = self.table(history.max_epochs)
        return decide(history, lambda number: table[number % len(table)])

    def _size(self, s: int, s_max: int) -> int:
        """Return n, the trials of bracket s: a budget of B = (s_max + 1) R over its s + 1 rungs."""
        share: int = self.eta**s
        if self.variant == "table1":
            return (s_max + 1) // (s + 1) * share
        return -(-(s_max + 1) * share // (s + 1))  # n = ceil(B/R eta^s / (s + 1)), in integers
