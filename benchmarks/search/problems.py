"""What is searched: problems with a known best value, and a scale on which their regrets compare."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import isclose
from statistics import median

import numpy as np

from strategies import Params, Space

DRAWS = 1000
PROBES = 3
TOLERANCE = 1e-5  # wider than the rounding of values that are kept


@dataclass(frozen=True)
class Problem:
    """A function to minimise: `truth(params)` is its value, and `best` the lowest in the space.

    Where there is noise, a search gets to see `seen(params, seed)` instead. A recorded table is a problem whose space
    holds its rows alone.
    """

    name: str
    space: Space
    truth: Callable[[Params], float]
    best: float
    seen: Callable[[Params, int], float] | None = None

    def evaluate(self, params: Params, seed: int) -> float:
        """Return what a search gets to see."""
        return self.truth(params) if self.seen is None else self.seen(params, seed)

    @cached_property
    def scale(self) -> float:
        """What a random draw is above the best: the median of a thousand."""
        return median(self._draws(DRAWS)) - self.best

    def regret(self, value: float) -> float:
        """Return how far a true value is above the best, by that scale: 0 is the optimum, 1 a point drawn blindly.

        Raises ValueError for a value that is better than the best.
        """
        if value < self.best - TOLERANCE * self.scale:
            raise ValueError(
                f"{value!r} was found on {self.name!r}, below what is called the best there: {self.best!r}"
            )
        return max(value - self.best, 0.0) / self.scale

    @property
    def probes(self) -> list[float]:
        """True values at some points: results that are kept belong to a problem with the same."""
        return [float(f"{value:.7g}") for value in self._draws(PROBES)]

    def is_same(self, probes: list[float]) -> bool:
        """Tell whether a problem with these `probes` is this one."""
        return all(isclose(ours, kept, rel_tol=TOLERANCE) for ours, kept in zip(self.probes, probes, strict=True))

    def _draws(self, count: int) -> list[float]:
        rng = np.random.default_rng(0)
        return [self.truth(self.space.sample(rng)) for _ in range(count)]
