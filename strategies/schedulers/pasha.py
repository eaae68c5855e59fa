"""PASHA (Bohdal, Balles, Wistuba, Ermis, Archambeau, Zappella, ICLR 2023)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from strategies.base import Decision, Scheduler
from strategies.schedulers.asha import check_rungs, continue_interrupted, promote, start_or_end
from strategies.schedulers.brackets import rungs
from strategies.schedulers.standings import Standings, standings
from strategies.settings import require_integer

if TYPE_CHECKING:
    from strategies.trial import History

_RANKED: Final = 1000
"""Trials of a rung, from the best, whose ranks are compared: their number bounds what a decision costs."""
_PAIRED: Final = 64
"""Those of them whose curves are compared in pairs."""
_LARGEST: Final = 1e300
"""Beyond it differences overflow."""


@dataclass(frozen=True)
class PASHA(Scheduler):
    """ASHA that opens its rungs one by one, as long as more epochs still change the ranking.

    Two rungs are open at first. While the trials in the highest open rung rank otherwise there than they did in the
    rung below, one more is open. Ranks may differ where values do so by no more than ε: the noise that is seen in pairs
    of curves that cross and cross back. Of a rung with more than a thousand trials the best thousand are compared.

    In the paper a rung that was opened stays open; here that follows from what is known at each decision. As in ASHA
    the best trial trains in full at the end, in place of the paper's retraining.
    """

    summary: ClassVar[str] = "ASHA that trains longer only while it changes the ranking."
    adaptive: ClassVar[bool] = True
    numpy_only: ClassVar[bool] = True
    resumes: ClassVar[bool] = True

    eta: int = 3
    min_epochs: int = 1

    def __post_init__(self) -> None:
        require_integer(self, "eta", at_least=2)
        require_integer(self, "min_epochs", at_least=1)

    def check(self, max_epochs: int) -> None:
        """Raise StrategyError when there are fewer than two rungs, and so nothing to decide."""
        check_rungs("PASHA", self.eta, self.min_epochs, max_epochs)

    def decide(self, history: "History", rng: "np.random.Generator") -> Decision:  # noqa: ARG002 - no chance
        """Return the first of: Resume what was interrupted, a promotion within the open rungs, Start."""
        found = standings(history, rungs(history.max_epochs, self.eta, self.min_epochs))
        top = open_rung(found)
        if promotion := promote(found, self.eta, top):
            promotion = replace(promotion, reason={**promotion.reason, "open": found.levels[top]})
        return continue_interrupted(history, found) or promotion or start_or_end(history, found, self.eta)


def open_rung(found: Standings) -> int:
    """Return the highest open rung: the lowest from rung 1 on whose ranking agrees with that of the rung below."""
    last = len(found.levels) - 1
    return next((rung for rung in range(1, last) if _settled(found, rung)), last)


def agree(above: Sequence[float], below: Sequence[float], tolerance: float) -> bool:
    """Tell whether trials rank alike by their values at one rung and at the rung below, each with both values.

    The trial at place p above must be within `tolerance` below of the one at place p there (soft ranking).
    """
    by_place = np.argsort(above, kind="stable")
    values = np.asarray(below)
    return bool((abs(values[by_place] - np.sort(values)) <= tolerance).all())


def criss_cross(curves: NDArray[np.float64]) -> float:
    """Return ε of curves, shape (n, epochs): what two that cross and cross back are apart at the end, at most.

    That is the 90th percentile over the pairs in which one is below, then above, then below again, the last epoch being
    the last of the three; 0 without such a pair.
    """
    first, second = np.triu_indices(len(curves), 1)
    apart = curves[first] - curves[second]
    order = np.sign(apart) * np.sign(apart[:, -1:])  # 1 where it is as in the end, -1 where it is opposite
    back = (np.logical_or.accumulate(order > 0, axis=1) & (order < 0)).any(axis=1)
    return float(np.percentile(abs(apart[back, -1]), 90)) if back.any() else 0.0


def _settled(found: Standings, rung: int) -> bool:
    """Tell whether the best trials of a rung, as far as they have values, rank there as in the rung below."""
    best = found.rankings[rung][:_RANKED]
    seen, settled = found.drawn.get(rung, (None, False))
    if seen != best:
        epochs, before = found.levels[rung], found.levels[rung - 1]
        rows = [found.curve(number)[:epochs] for value, number in best if isfinite(value)]
        curves = np.array(rows).reshape(-1, epochs).clip(-_LARGEST, _LARGEST)
        tolerance = criss_cross(curves[:_PAIRED]) if len(curves) > 1 else 0.0
        settled = agree(curves[:, -1].tolist(), curves[:, before - 1].tolist(), tolerance)
        found.drawn[rung] = best, settled
    return bool(settled)
