"""Expected improvement on a log scale (Ament et al., "Unexpected improvements to expected improvement", 2023).

Improvement is downwards, below `best`. Where expected improvement itself rounds to zero, and its gradient with it, its
logarithm still tells which way to go. Where values are noisy, it is worth as much less as they would tell little new
("augmented" expected improvement: Huang, Allen, Notz & Zeng, "Global optimization of stochastic black-box systems via
sequential kriging meta-models", J. Global Optimization 34, 2006), or a search would stay where it has been.
"""

from dataclasses import dataclass
from math import log, pi, sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from strategies.models.gaussian_process import Posterior

Array = NDArray[np.float64]

_C1: Final = log(2 * pi) / 2
_C2: Final = log(pi / 2) / 2
_FAR: Final = -1e6


@dataclass(frozen=True, slots=True, eq=False)
class LogImprovement:
    """The log of expected improvement at m points, and its derivatives by the predicted mean and deviation there."""

    value: Array
    by_mean: Array
    by_deviation: Array


@dataclass(frozen=True, slots=True, eq=False)
class Acquisition:
    """The log of the augmented improvement upon `best` that a posterior expects, as a function of features (m, f)."""

    posterior: "Posterior"
    best: float

    def __call__(self, features: Array) -> Array:
        """Return its values, shape (m,)."""
        mean, deviation = self.posterior.predict(features)
        improvement = log_h((self.best - mean) / deviation) + np.log(deviation)
        return np.asarray(improvement + log_novelty(deviation, self.posterior.noise)[0])

    def slopes(self, features: Array) -> tuple[Array, Array]:
        """Return its values, shape (m,), and its gradients, shape (m, f)."""
        mean, deviation, mean_slopes, deviation_slopes = self.posterior.slopes(features)
        improvement = log_improvement(mean, deviation, self.best)
        novelty, by_deviation = log_novelty(deviation, self.posterior.noise)
        by_deviation = (improvement.by_deviation + by_deviation)[:, None]
        return improvement.value + novelty, improvement.by_mean[:, None] * mean_slopes + by_deviation * deviation_slopes


def log_improvement(mean: Array, deviation: Array, best: float) -> LogImprovement:
    """Return log E[max(0, best - f)] for normal f; the arrays have shape (m,), deviations are above 0."""
    z = (best - mean) / deviation
    mass, density = _ratios(z)
    return LogImprovement(log_h(z) + np.log(deviation), -mass / deviation, density / deviation)


def log_novelty(deviation: Array, noise: float) -> tuple[Array, Array]:
    """Return log(1 - √(noise / (deviation² + noise))), shape (m,), and its derivative by the deviation.

    That is the factor of augmented improvement; `noise` is the variance of an observation.
    """
    sigma = sqrt(noise)
    total = np.hypot(deviation, sigma)
    value = 2 * np.log(deviation) - np.log(total) - np.log(total + sigma)
    return value, 2 / deviation - deviation / total**2 - deviation / (total * (total + sigma))


def log_h(z: Array) -> Array:
    """Return log(φ(z) + z Φ(z)), the log of what a standard normal improves upon z: equation (9)."""
    from scipy.special import ndtr

    near = np.maximum(z, -1.0)
    direct = np.log(np.exp(-(near**2) / 2 - _C1) + near * ndtr(near))
    return np.where(z > -1, direct, -(z**2) / 2 - _C1 + _log_h_over_density(z))


def probability_of_improvement(mean: Array, deviation: Array, best: float) -> Array:
    """Return P(f < best) for normal f."""
    from scipy.special import ndtr

    return np.asarray(ndtr((best - mean) / deviation))


def _ratios(z: Array) -> tuple[Array, Array]:
    """Return Φ(z) / h(z) and φ(z) / h(z), where both parts of the ratios may round to zero."""
    from scipy.special import erfcx, ndtr

    near, far = np.maximum(z, -1.0), np.minimum(z, -1.0)
    near_density = np.exp(-(near**2) / 2 - _C1)
    near_h = near_density + near * ndtr(near)
    far_density = np.exp(-_log_h_over_density(far))
    far_mass = sqrt(pi / 2) * erfcx(-far / sqrt(2)) * far_density
    return np.where(z > -1, ndtr(near) / near_h, far_mass), np.where(z > -1, near_density / near_h, far_density)


def _log_h_over_density(z: Array) -> Array:
    """Return log(h(z) / φ(z)) for z of at most -1: the second and third case of equation (9), without φ."""
    from scipy.special import erfcx

    far = np.minimum(z, -1.0)
    near = np.maximum(far, _FAR)
    exact = np.log(-np.expm1(np.log(erfcx(-near / sqrt(2)) * -near) + _C2))
    return np.where(far > _FAR, exact, -2 * np.log(-far))
