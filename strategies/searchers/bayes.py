"""Bayesian search at its most robust: a Gaussian process, with the tree-structured Parzen estimator beside it.

Each gets stuck where the other does not. A process that has mistaken how quickly the objective changes, or how noisy it
is, stays where it has been; Parzen's estimator goes on from the best points, but closes in on the minimum slowly. Both
learn from all trials.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Proposal, Searcher
from strategies.searchers.gp import GaussianProcess
from strategies.searchers.tpe import TPE
from strategies.settings import require_integer

if TYPE_CHECKING:
    import numpy as np

    from strategies.space import Space
    from strategies.trial import History


@dataclass(frozen=True)
class Bayes(Searcher):
    """One proposal in `every` is TPE's, the others are a Gaussian process's; from trial `most` on all are TPE's.

    Until trial `initial`, points are those of Sobol's sequence.
    """

    summary: ClassVar[str] = (
        "A Gaussian process and TPE by turns, so that neither gets stuck: the best for 10 to 300 trials."
    )
    adaptive: ClassVar[bool] = True
    slow: ClassVar[bool] = True

    initial: int = 8
    every: int = 3
    most: int = 300

    def __post_init__(self) -> None:
        require_integer(self, "initial", at_least=1)
        require_integer(self, "every", at_least=1)
        require_integer(self, "most", at_least=10)

    def check(self, space: "Space") -> None:
        """Raise StrategyError for a space that has no first points."""
        self._process.check(space)

    def propose(self, number: int, history: "History", rng: "np.random.Generator") -> Proposal:
        """Return the proposal of whose turn it is; its reason tells by whom it is."""
        is_parzen = number >= self.most or (number >= self.initial and number % self.every == 0)
        return (TPE() if is_parzen else self._process).propose(number, history, rng)

    @property
    def _process(self) -> GaussianProcess:
        return GaussianProcess(initial=self.initial, most=self.most)
