"""The Gaussian process of freeze-thaw: curves, and where they lead (Swersky, Snoek, Adams, arXiv 1406.3896, 2014).

A curve falls towards its asymptote f as a mixture of exponentials does,

    y(t) = f + A exp(-λ t) + ε,    A ~ (fall, spread²),    λ ~ Gamma(alpha, beta),    ε ~ N(0, noise²),

which has the mean f + fall κ(t) and the covariance (fall² + spread²) κ(t + t') - fall² κ(t) κ(t'), with κ(t) =
(1 + t/beta)^-alpha. Without a fall it is the paper's kernel; without a spread, all curves fall equally far. Asymptotes
are a process over the points of the space; given theirs, curves are independent.

All curves are observed at the first times of one grid, so one Cholesky factor L of the grid's covariance serves all of
them. Let u = L⁻¹ 1 and z = L⁻¹ (y - mean - fall κ): then z = u (f - mean) + white noise, in any leading part. So a
curve tells of its asymptote what one observation with precision Λ = Σ u² would, and each further point adds its own u².
That makes O(N³ + T³) of O((N T)³).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from strategies.models.gaussian_process import matern, squared_distances

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

JITTER = 1e-6
"""What is added to a covariance of asymptotes, as a share of their variance, so that it can be drawn from."""


@dataclass(frozen=True, eq=False)
class Curves:
    """The curves of n trials at f features: `values` (n, T) at `times` (T,), the first `lengths` (n,) of them known.

    Equal by content. What lies beyond a curve's length is not looked at.
    """

    points: Array
    times: Array
    values: Array
    lengths: Counts

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Which values are known, shape (n, T)."""
        return np.arange(len(self.times)) < self.lengths[:, None]

    @cached_property
    def _content(self) -> tuple[object, ...]:
        arrays = (self.points, self.times, np.where(self.known, self.values, 0.0), self.lengths)
        return tuple((each.shape, each.tobytes()) for each in arrays)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Curves) and self._content == other._content

    def __hash__(self) -> int:
        return hash(self._content)


@dataclass(frozen=True, eq=False)
class Prior:
    """What is believed of curves before any is seen."""

    lengths: Array
    """The length scales of the asymptotes, shape (f,)."""
    mean: float = 0.0
    """The mean of the asymptotes."""
    amplitude: float = 1.0
    """Their standard deviation."""
    alpha: float = 1.0
    beta: float = 1.0
    fall: float = 0.0
    spread: float = 1.0
    noise: float = 0.1
    """The standard deviation of an observation around its curve."""
    warp: tuple[Array, Array] | None = None
    """The exponents a and b, each (f,), of 1 - (1 - x^a)^b, which bends features first (Snoek et al., ICML 2014)."""

    def asymptotes(self, points: Array, others: Array) -> Array:
        """Return the covariance of the asymptotes at `points` (n, f) and at `others` (m, f): shape (n, m)."""
        squared = squared_distances(self.scaled(points), self.scaled(others))
        return self.amplitude**2 * matern(squared)[0]

    def scaled(self, points: Array) -> Array:
        """Return points as the kernel sees them: bent, in units of the length scales."""
        if self.warp is None:
            return points / self.lengths
        a, b = self.warp
        return (1.0 - (1.0 - inside(points) ** a) ** b) / self.lengths

    def trend(self, times: Array) -> Array:
        """Return the mean of a curve above its asymptote."""
        return self.fall * self.decay(times)

    def decay(self, times: Array) -> Array:
        """Return κ, by which the mixture of exponentials has fallen: from 1 at time 0 to 0."""
        return (1.0 + times / self.beta) ** -self.alpha

    def curves(self, times: Array) -> Array:
        """Return the covariance of a curve's values around its asymptote and trend, without noise: shape (T, T)."""
        together = self.decay(times[:, None] + times)
        trend = self.trend(times)
        return (self.fall**2 + self.spread**2) * together - np.outer(trend, trend)


def inside(points: Array) -> Array:
    """Return points a little within the unit cube, where a warp has derivatives."""
    return np.clip(points, 1e-6, 1.0 - 1e-6)


class Joint:
    """The posterior of asymptotes and curves, given curves; covariances are matrices, so that any kernels will do.

    `trend` (T,) and `within` (T, T) are mean and covariance of a curve around its asymptote, noise included; `between`
    (n, n) is the prior covariance of the asymptotes.
    """

    def __init__(self, curves: Curves, trend: Array, within: Array, between: Array, mean: float) -> None:
        from scipy.linalg import cholesky, solve_triangular

        self.curves = curves
        self.trend = trend
        self.mean = mean
        self.factor = cholesky(within, lower=True, check_finite=False)
        residuals = np.where(curves.known, curves.values - mean - trend, 0.0)
        sides = np.column_stack([np.ones(len(trend)), residuals.T])
        whitened = solve_triangular(self.factor, sides, lower=True, check_finite=False)
        self.ones = whitened[:, 0]
        """u, shape (T,)."""
        self.whitened = np.where(curves.known, whitened[:, 1:].T, 0.0)
        """z of every curve, 0 beyond its length: shape (n, T)."""
        self._gathered = np.concatenate([[0.0], np.cumsum(self.ones**2)])
        self.precision = self._gathered[curves.lengths]
        """Λ: how well each curve determines its own asymptote."""
        self.weight = self.whitened @ self.ones
        """γ: each curve's own estimate of its asymptote, above the mean, times its precision."""
        self._sum = cholesky(between + np.diag(1.0 / self.precision), lower=True, check_finite=False)
        estimates = solve_triangular(self._sum, self.weight / self.precision, lower=True, check_finite=False)
        self._estimates = estimates
        self.pull = solve_triangular(self._sum, estimates, lower=True, trans="T", check_finite=False)
        """(K + Λ⁻¹)⁻¹ Λ⁻¹ γ: what predicts asymptotes from those of the curves, shape (n,)."""

    @property
    def log_likelihood(self) -> float:
        """The log marginal likelihood of all values."""
        known = self.curves.known
        squares = (self.whitened**2).sum() - (self.weight**2 / self.precision).sum() + self._estimates @ self._estimates
        logs = (known * np.log(self.factor.diagonal())).sum() + np.log(self._sum.diagonal()).sum()
        return float(-squares / 2 - logs - np.log(self.precision).sum() / 2 - known.sum() * np.log(2 * np.pi) / 2)

    def asymptotes(self, across: Array, among: Array) -> tuple[Array, Array]:
        """Return mean (m,) and covariance (m, m) of asymptotes whose prior covariances are `across` (n, m), `among`.

        They may be those of the curves themselves.
        """
        from scipy.linalg import solve_triangular

        explained = solve_triangular(self._sum, across, lower=True, check_finite=False)
        return self.mean + across.T @ self.pull, among - explained.T @ explained

    def ahead(self, times: Counts, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Return mean and variance (n,) of what each curve will be at its own of `times`: indices beyond its length.

        `mean` and `variance` (n,) are those of the asymptotes.
        """
        rows = self.factor[times]
        seen = np.where(self.curves.known, rows, 0.0)
        share = 1.0 - seen @ self.ones  # Ω of the paper
        own = self.mean + self.trend[times] + (seen * self.whitened).sum(axis=1)
        noise = (rows**2).sum(axis=1) - (seen**2).sum(axis=1)
        return own + share * (mean - self.mean), noise + share**2 * variance

    def first(self, times: Counts, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Return the same for trials without a curve, whose asymptotes have such mean and variance."""
        return self.trend[times] + mean, (self.factor[times] ** 2).sum(axis=1) + variance

    def gain(self, lengths: Counts, longer: Counts) -> Array:
        """Return the precision about its asymptote that a curve gains from `lengths` points to `longer` ones."""
        gain: Array = self._gathered[longer] - self._gathered[lengths]
        return gain


def posterior(prior: Prior, curves: Curves) -> Joint:
    """Return what is believed once the curves are seen."""
    within = prior.curves(curves.times) + prior.noise**2 * np.eye(len(curves.times))
    return Joint(curves, prior.trend(curves.times), within, prior.asymptotes(curves.points, curves.points), prior.mean)
