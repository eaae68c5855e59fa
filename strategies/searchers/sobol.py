"""Sobol's sequence (Sobol', 1967; direction numbers of Joe & Kuo, 2008), scrambled (Matoušek, 1998)."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from strategies.base import Proposal, Searcher
from strategies.errors import StrategyError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from strategies.space import Space
    from strategies.trial import History

_BLOCK: Final = 1024
_MOST: Final = 21_201  # dimensions for which direction numbers are known


@dataclass(frozen=True)
class Sobol(Searcher):
    """Point `number` of one sequence for the whole study, scrambled by the study's seed.

    The first 2^m points have one in each of 2^m equal slices of every parameter's scale, and so has every further run
    of 2^m: best used in powers of two.
    """

    summary: ClassVar[str] = "Points spread evenly by Sobol's sequence; best in powers of two."

    def propose(self, number: int, history: "History", rng: np.random.Generator) -> Proposal:  # noqa: ARG002 - no chance
        """Return the point that follows from the study's seed and `number` alone."""
        block, place = divmod(number, _BLOCK)
        points = _points(history.space.dimension, history.seed, block)
        return Proposal(history.space.decode(points[place]), {"by": "sobol"})

    def check(self, space: "Space") -> None:
        """Raise StrategyError for more dimensions than the sequence has."""
        if space.dimension > _MOST:
            raise StrategyError(
                f"Sobol's sequence is known in up to {_MOST} dimensions, but the space has {space.dimension} "
                "parameters: use 'random', or search fewer."
            )


@lru_cache(maxsize=64)
def _points(dimension: int, seed: int, block: int) -> "NDArray[np.float64]":
    """Return points block * _BLOCK and on, shape (_BLOCK, dimension): the same however the sequence is cut."""
    from scipy.stats import qmc

    scramble = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    sequence = qmc.Sobol(dimension, scramble=True, rng=scramble)
    if block:  # scipy cannot skip nothing
        sequence.fast_forward(block * _BLOCK)
    points: NDArray[np.float64] = sequence.random(_BLOCK)
    return points
