"""Hyperband with an infinite horizon (Li et al., "Hyperband", JMLR 18(185), 2018, figure 9)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Decision, Scheduler
from strategies.errors import StrategyError
from strategies.schedulers.brackets import Bracket, decide

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from strategies.trial import History


@dataclass(frozen=True)
class InfiniteHyperband(Scheduler):
    """Rounds of successive halving with ever larger budgets: for trials of which nobody knows how long they should be.

    Round k = 1, 2… halves 2, 4, 8… fresh trials with 2^k epochs each. Rounds follow until one trains for `max_epochs`,
    beyond which no trial goes; that round is then repeated. The last two trials of a bracket are stopped at its end.
    Where max_epochs is known to be right, Hyperband is the better choice: so the paper finds.
    """

    summary: ClassVar[str] = "Hyperband with doubling budgets, where a good number of epochs is not known."
    resumes: ClassVar[bool] = True

    def check(self, max_epochs: int) -> None:
        """Raise StrategyError when there is nothing to halve."""
        if max_epochs < 2:  # noqa: PLR2004 - a first rung and a second
            raise StrategyError("Infinite Hyperband needs max_epochs of at least 2: raise max_epochs, or use 'full'.")

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return the next decision of the oldest bracket that has one, else Start, else WAIT or DONE."""
        return decide(history, lambda number: _bracket(number, history.max_epochs))


def halvings(budget: int, size: int) -> Bracket:
    """Return the bracket that halves `size` trials with `budget` epochs in each, if they begin anew: SH_inf(B, n).

    Rung k trains |S_k| trials up to floor(B / (|S_k| ceil(log2 n))) epochs.
    """
    rounds = (size - 1).bit_length()  # ceil(log2 n)
    return Bracket(size, tuple(budget // ((size >> k) * rounds) for k in range(rounds)), 2)


def sizes(k: int) -> "Iterator[int]":
    """Yield how many trials the brackets of round k have: 2^s for every s with k - s >= log2 s."""
    return (2**s for s in range(1, k + 1) if 2 ** (k - s) >= s)


def _bracket(number: int, max_epochs: int) -> Bracket:
    """Return bracket `number` = 0, 1…, its rungs cut at max_epochs."""
    k, last = 1, 1 + (max_epochs - 1).bit_length()  # the longest rung of round k is 2^(k-1)
    while number >= (n := len(list(sizes(k)))):
        number -= n
        if k == last:
            number %= n
        else:
            k += 1
    whole = halvings(2**k, list(sizes(k))[number])
    below = tuple(epochs for epochs in whole.rungs if epochs < max_epochs)
    return Bracket(whole.size, (below + (max_epochs,) * (len(below) < len(whole.rungs))), whole.eta)
