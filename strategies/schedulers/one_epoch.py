"""One epoch for all, all epochs for a few (Egele, Guyon, Sun, Balaprakash, "Is one epoch all you need?", 2023)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from strategies.base import Decision, Scheduler
from strategies.schedulers.brackets import Bracket, decide
from strategies.settings import require_integer

if TYPE_CHECKING:
    import numpy as np

    from strategies.trial import History

_TRIALS: Final = 200
"""As in the paper, where the study sets no number."""


@dataclass(frozen=True)
class OneEpoch(Scheduler):
    """Of `trials` trials (default: all of the study's) trained for one epoch the best `top` train to the end.

    The simplest use of partial training there is: what is more elaborate should do better. More trials than `trials`
    are further groups, each with its own best.
    """

    summary: ClassVar[str] = "One epoch for every trial, then the best three in full."
    resumes: ClassVar[bool] = True

    top: int = 3
    trials: int | None = None

    def __post_init__(self) -> None:
        require_integer(self, "top", at_least=1)
        if self.trials is not None:
            require_integer(self, "trials", at_least=1)

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return the next decision of the oldest group that has one, else Start, else WAIT or DONE."""
        size = self.trials or history.n_trials or _TRIALS
        levels = (1, history.max_epochs) if history.max_epochs > 1 else (1,)
        group = Bracket(size, levels, size, self.top)
        return decide(history, lambda _: group)
