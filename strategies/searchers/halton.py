"""Halton's sequence (Halton, 1960), its digits permuted (Owen, "A randomized Halton algorithm in R", 2017)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from strategies.base import Proposal, Searcher

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from strategies.trial import History

_BLOCK: Final = 256


@dataclass(frozen=True)
class Halton(Searcher):
    """Point `number` of one sequence for the whole study, its digits permuted by the study's seed.

    The i-th parameter counts in the i-th prime p: any p^k points in a row have one in each of p^k equal slices of its
    scale. So they are even at any number of trials, but for a handful of parameters; beyond some ten Sobol is better.
    """

    summary: ClassVar[str] = "Points spread evenly by Halton's sequence; good at any number, for a few parameters."

    def propose(self, number: int, history: "History", rng: np.random.Generator) -> Proposal:  # noqa: ARG002 - no chance
        """Return the point that follows from the study's seed and `number` alone."""
        block, place = divmod(number, _BLOCK)
        points = _points(history.space.dimension, history.seed, block)
        return Proposal(history.space.decode(points[place]), {"by": "halton"})


@lru_cache(maxsize=64)
def _points(dimension: int, seed: int, block: int) -> "NDArray[np.float64]":
    """Return points block * _BLOCK and on, shape (_BLOCK, dimension): the same however the sequence is cut."""
    from scipy.stats import qmc

    scramble = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    sequence = qmc.Halton(dimension, scramble=True, rng=scramble).fast_forward(block * _BLOCK)
    points: NDArray[np.float64] = sequence.random(_BLOCK)
    return points
