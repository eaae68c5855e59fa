"""Parzen estimators: mixtures of product kernels over floats, integers, choices and conditions (Watanabe, 2023, §3.3).

A kernel sits on one point. To a float it gives a normal density truncated to [0, 1], in the parameter's own coordinate;
to an integer the mass of such a normal in the integer's bin; to a choice some mass on every value, most on its own.

Conditions need no groups. A point is drawn parents first, and a parameter only when it is active: what is inactive in a
point has no factor in its density. What is active in the point but not in the kernel's is uniform, for the kernel knows
nothing of it. So the density sums to 1 over the space, and every trial tells of the parameters that it has.
"""

from dataclasses import dataclass
from math import log, pi
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from strategies.parameters import Choice, Float, Int

if TYPE_CHECKING:
    from strategies.space import Space

Array = NDArray[np.float64]
_BLOCK = 2**14  # numbers that a processor's cache holds
_TINY = 1e-300  # what stands for a mass too small for floating point


@dataclass(frozen=True, slots=True)
class Bins:
    """The `count` values of an integer or a choice as shares of the unit interval, numbered from 0.

    On its scale, value k lies between `start` + k and `start` + k + 1. Only integers are `ordered`.
    """

    count: int
    start: float
    log: bool
    ordered: bool

    @classmethod
    def of(cls, domain: Int | Choice) -> "Bins":
        """Return the bins of a domain."""
        if isinstance(domain, Choice):
            return cls(len(domain.values), 0.0, log=False, ordered=False)
        return cls(domain.high - domain.low + 1, domain.low - 0.5, log=domain.log, ordered=True)

    def numbers(self, coordinates: Array) -> NDArray[np.int64]:
        """Return the number of the value in whose share each coordinate lies."""
        low, high = self._scale(self.start), self._scale(self.start + self.count)
        along = low + (high - low) * coordinates
        numbers = np.floor((np.exp(along) if self.log else along) - self.start)
        return np.clip(numbers, 0, self.count - 1).astype(np.int64)

    def edges(self, numbers: NDArray[np.int64]) -> tuple[Array, Array]:
        """Return the lower and the upper end of each value's share of the unit interval."""
        low, high = self._scale(self.start), self._scale(self.start + self.count)
        lower, upper = self._scale(self.start + numbers), self._scale(self.start + numbers + 1)
        return (lower - low) / (high - low), (upper - low) / (high - low)

    def middles(self, numbers: NDArray[np.int64]) -> Array:
        """Return the coordinates by which a space encodes the values."""
        low, high = self._scale(self.start), self._scale(self.start + self.count)
        return (self._scale(self.start + 0.5 + numbers) - low) / (high - low)

    def _scale(self, x: ArrayLike) -> Array:
        values = np.asarray(x, dtype=float)
        return np.log(values) if self.log else values


class Axes:
    """The coordinates of a space by kind: `floats` that vary, and the `bins` of integers and choices by index."""

    def __init__(self, space: "Space") -> None:
        domains = list(space.parameters.values())
        index = {name: j for j, name in enumerate(space.parameters)}
        self.dimension = space.dimension
        varying = [j for j, each in enumerate(domains) if isinstance(each, Float) and each.low < each.high]
        self.floats = np.array(varying, dtype=np.int64)
        self.bins = {j: Bins.of(each) for j, each in enumerate(domains) if not isinstance(each, Float)}
        self._conditions = [
            (index[name], j, self.bins[j].numbers(space.parameters[parent].encode_all(wanted)))
            for name in space.parents_first
            for parent, wanted in space.conditions[name]
            for j in [index[parent]]
        ]

    def active(self, points: Array) -> NDArray[np.bool_]:
        """Return which parameters of the points are active, shape (n, d)."""
        active = np.ones(points.shape, dtype=bool)
        for child, parent, wanted in self._conditions:
            holds = np.isin(self.bins[parent].numbers(points[:, parent]), wanted)
            active[:, child] &= active[:, parent] & holds
        return active


@dataclass(frozen=True, slots=True)
class Widths:
    """How wide kernels are: h = `factor` sd n^(-1/(d+4)) (Scott, 1992), with n and sd of the weighted points.

    The prior, uniform over the scale, counts as one of them. At least `least`, and at least (n+1)^-`clip` of the scale
    for n points ("magic clipping"; Watanabe, 2023), and at most the scale.
    """

    factor: float = 0.5
    least: float = 0.03
    clip: float = 2.0

    def __call__(self, coordinates: Array, weights: Array, dimension: int) -> float:
        """Return the width in one coordinate, known of n >= 0 points; 1 when none of them has any weight."""
        n = len(coordinates)
        if not weights.sum() > 0:
            return 1.0
        shares = weights / weights.sum()
        variance = shares @ (coordinates - shares @ coordinates) ** 2
        with_prior = (n * variance + 1 / 12) / (n + 1)
        effective = 1 / (shares @ shares)
        width = self.factor * with_prior**0.5 * effective ** (-1 / (dimension + 4))
        return float(min(max(width, self.least, (n + 1.0) ** -self.clip), 1.0))


class Parzen:
    """The mixture with a kernel on each of the `points`, shape (n, d), with `weights` >= 0, and a uniform prior.

    The prior's weight is `prior` times the mean weight, or 1 without points. All kernels have the same width in a
    coordinate.
    """

    def __init__(self, axes: Axes, points: Array, weights: Array, widths: Widths, prior: float = 1.0) -> None:
        self._axes = axes
        # the prior is a kernel of which no parameter is known
        self._points = np.vstack([points, np.full((1, axes.dimension), 0.5)])
        self._known = np.vstack([axes.active(points), np.zeros((1, axes.dimension), dtype=bool)])
        mixed = np.append(weights, prior * weights.mean() if len(weights) else 1.0)
        self._shares = mixed / mixed.sum()
        known = self._known[:-1]
        self._widths = np.array(
            [widths(points[known[:, j], j], weights[known[:, j]], axes.dimension) for j in range(axes.dimension)]
        )

    def log_density(self, points: Array) -> Array:
        """Return the logarithm of the density at `points`, shape (m, d): masses for integers and choices."""
        active = self._axes.active(points)
        x, there = points[:, self._axes.floats], active[:, self._axes.floats]
        powers = np.hstack([x * x * there, x * there, there]).T
        kernels = self._quadratic()
        shares = np.log(np.maximum(self._shares, _TINY))[:, None]
        tables = []
        for j, bins in self._axes.bins.items():
            centres, rows = self._centres(j, bins)
            tables.append((self._log_masses(j, bins, centres, bins.numbers(points[:, j])) * active[:, j], rows))
        sums = []
        size = max(1, _BLOCK // max(1, len(points)))
        for block in (slice(first, first + size) for first in range(0, len(kernels), size)):
            logs = kernels[block] @ powers
            logs += shares[block]
            for table, rows in tables:
                logs += table[rows[block]]
            top = logs.max(axis=0)
            logs -= top
            sums.append(top + np.log(np.exp(logs, out=logs).sum(axis=0)))
        density: Array = np.logaddexp.reduce(sums, axis=0)
        return density

    def sample(self, count: int, rng: np.random.Generator, widen: float = 1.0) -> Array:
        """Draw points, shape (count, d), from kernels `widen` times as wide; inactive coordinates mean nothing."""
        from scipy.special import ndtr, ndtri

        kernels = rng.choice(len(self._shares), size=count, p=self._shares)
        uniform = rng.random((count, self._axes.dimension))
        centres, known, widths = self._points[kernels], self._known[kernels], self._widths * widen
        below = ndtr(-centres / widths)
        inside = ndtr((1 - centres) / widths) - below
        drawn = np.where(known, np.clip(centres + widths * ndtri(below + uniform * inside), 0.0, 1.0), uniform)
        for j, bins in self._axes.bins.items():
            if not bins.ordered:
                any_value = (rng.random(count) >= self._loyalty(bins)) | ~known[:, j]
                drawn[:, j] = np.where(any_value, uniform[:, j], centres[:, j])
        return drawn

    def _quadratic(self) -> Array:
        """Return what x^2, x and 1 of each float are multiplied by to give the kernels' logarithms, shape (n+1, 3f)."""
        floats = self._axes.floats
        mean, width, known = self._points[:, floats], self._widths[floats], self._known[:, floats]
        inside = _normal_mass(-mean, 1 - mean, width)
        constant = -0.5 * (mean / width) ** 2 - np.log(inside * width) - 0.5 * log(2 * pi)
        return np.hstack([known * (-0.5 / width**2), known * (mean / width**2), known * constant])

    def _centres(self, j: int, bins: Bins) -> "tuple[NDArray[np.int64], NDArray[np.int64]]":
        """Return values on which all kernels lie, and for each kernel which, or one past the last if it knows none."""
        numbers = bins.numbers(self._points[:, j])
        if bins.count <= len(numbers):
            centres, rows = np.arange(bins.count), numbers
        else:
            centres, rows = np.unique(numbers, return_inverse=True)
        return centres, np.where(self._known[:, j], rows, len(centres))

    def _log_masses(self, j: int, bins: Bins, centres: "NDArray[np.int64]", values: "NDArray[np.int64]") -> Array:
        """Return the logarithms of the masses of `values` (m,) for kernels on `centres` (c,), shape (c + 1, m).

        The last row is for a kernel that knows nothing of this coordinate.
        """
        lower, upper = bins.edges(values)
        if bins.ordered:
            at = bins.middles(centres)[:, None]
            masses = _normal_mass(lower - at, upper - at, self._widths[j]) / _normal_mass(-at, 1 - at, self._widths[j])
        else:
            loyalty = self._loyalty(bins)
            masses = loyalty * (centres[:, None] == values) + (1 - loyalty) / bins.count
        return np.log(np.maximum(np.vstack([masses, upper - lower]), _TINY))

    def _loyalty(self, bins: Bins) -> float:
        """Return the chance of a kernel to keep its own choice rather than draw any of them."""
        n = len(self._points)
        return n / (n + bins.count)


def _normal_mass(lower: Array, upper: Array, width: "float | Array") -> Array:
    """Return the mass of a normal about 0 between two ends, exact in either tail."""
    from scipy.special import ndtr

    beyond = lower > 0  # there the mass is a difference of numbers near 1, and its mirror image is not
    left, right = np.where(beyond, -upper, lower), np.where(beyond, -lower, upper)
    mass: Array = ndtr(right / width) - ndtr(left / width)
    return mass
