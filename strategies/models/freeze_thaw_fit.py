"""The prior of freeze-thaw's curves, fitted: the mode of the posterior of its parameters, by gradient ascent.

The gradient is a Gaussian process's, ½ tr((K⁻¹ r (K⁻¹ r)ᵀ - K⁻¹) dK), Rasmussen & Williams (2006), equation (5.9); as
the covariance of all values is that of curves in blocks and that of asymptotes between them, so is the gradient.
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from strategies.models.freeze_thaw import Array, Curves, Joint, Prior, inside, posterior
from strategies.models.gaussian_process import matern, squared_distances

KERNELS: Final = {"exponential": ("fall",), "centred": ("spread",), "falling": ()}
"""What a kernel leaves out: in the paper's, curves fall by nothing on average; centred ones fall all equally far."""

_SCALARS: Final = {
    "mean": (0.0, 1.0),
    "amplitude": (-0.5, 1.0),
    "alpha": (0.0, 1.0),
    "beta": (0.0, 1.0),
    "fall": (0.0, 1.0),
    "spread": (-0.5, 1.0),
    "noise": (-3.0, 1.0),
}
"""The prior mean and standard deviation of each parameter: of the mean itself, of the logarithm of the others."""
_LENGTH: Final = (-0.5, 1.0)
"""The same for a length scale, of the logarithm; in d dimensions they are √d as long."""
_BEND: Final = (0.0, 0.5)
_REACH: Final = 4.0
"""How many standard deviations from its prior mean a parameter may lie."""
_DRAWS: Final = 20
"""Points drawn from the prior, of which the likeliest are climbed from."""


@lru_cache(maxsize=64)
def fit(curves: Curves, groups: tuple[int, ...], *, kernel: str, warp: bool, restarts: int) -> Prior:
    """Return the most probable prior of `curves`, whose values should have mean 0 and deviation 1.

    Features of a group, numbered from 0, share a length scale. The best of `restarts` climbs.
    """
    from scipy.optimize import minimize

    target = Target(curves, np.array(groups, dtype=np.int64), kernel, warp=warp)
    options = {"maxiter": 40, "ftol": 1e-5, "gtol": 1e-2}
    climbs = [
        minimize(target, start, jac=True, method="L-BFGS-B", bounds=target.bounds, options=options)
        for start in _starts(target, restarts)
    ]
    return target.prior(min(climbs, key=lambda climb: float(climb.fun)).x)


def _starts(target: "Target", count: int) -> list[Array]:
    """Return where to climb from: the middle of the parameters' prior, and the likeliest of some points of it."""
    normals = np.random.default_rng(0).standard_normal((_DRAWS, len(target.middles)))
    drawn = np.clip(target.middles + target.widths * normals, *np.transpose(target.bounds)) if count > 1 else []
    return [target.middles, *sorted(drawn, key=lambda logs: target(logs)[0])[: count - 1]]


class Target:
    """The negative log posterior of a prior's parameters (its mean, the logs of all others), with its gradient."""

    def __init__(self, curves: Curves, groups: NDArray[np.int64], kernel: str, *, warp: bool) -> None:
        self._curves = curves
        self._groups = groups
        self._names = [name for name in _SCALARS if name not in KERNELS[kernel]]
        self._dimension = int(groups.max()) + 1 if len(groups) else 0
        length = (_LENGTH[0] + np.log(max(self._dimension, 1)) / 2, _LENGTH[1])
        by_feature = [length] * self._dimension + [_BEND] * (2 * self._dimension * warp)
        self.middles, self.widths = np.transpose([*(_SCALARS[name] for name in self._names), *by_feature])
        self._rows = 3 if warp else 1  # lengths, and the two exponents of a warp
        self.bounds = list(zip(self.middles - _REACH * self.widths, self.middles + _REACH * self.widths, strict=True))

    def prior(self, logs: Array) -> Prior:
        """Return the prior with these parameters."""
        count = len(self._names)
        scalars = dict(zip(self._names, [float(logs[0]), *np.exp(logs[1:count]).tolist()], strict=True))
        lengths, *warp = np.exp(logs[count:].reshape(self._rows, self._dimension))[:, self._groups]
        return Prior(lengths, **{"fall": 0.0, "spread": 0.0, **scalars}, warp=(warp[0], warp[1]) if warp else None)

    def __call__(self, logs: Array) -> tuple[float, Array]:
        prior = self.prior(logs)
        joint = posterior(prior, self._curves)
        by_scalar, by_point = _gradients(prior, joint)
        by_feature = [(by_point * each).sum(axis=0) for each in _by_logs(prior, self._curves.points)]
        rising = [np.bincount(self._groups, each, self._dimension) for each in by_feature]
        gradient = np.concatenate([[by_scalar[name] for name in self._names], *rising])
        offsets = (logs - self.middles) / self.widths
        return float(offsets @ offsets / 2 - joint.log_likelihood), offsets / self.widths - gradient


def _gradients(prior: Prior, joint: Joint) -> tuple[dict[str, float], Array]:
    """Return the gradients of the log likelihood by scalars (by their logs, but for the mean) and by scaled points."""
    from scipy.linalg import solve_triangular

    curves, times = joint.curves, joint.curves.times
    apart = np.linalg.inv(prior.asymptotes(curves.points, curves.points) + np.diag(1.0 / joint.precision))
    shares = (np.eye(len(apart)) - apart / joint.precision[:, None]).diagonal() / joint.precision  # C_nn
    inverse = solve_triangular(joint.factor, np.eye(len(times)), lower=True, check_finite=False)
    # K⁻¹ r and K_n⁻¹ 1 of all curves, each 0 beyond a curve's length: shape (n, T)
    above = (joint.weight - joint.pull) / joint.precision
    ones = np.where(curves.known, joint.ones, 0.0)
    residuals = (joint.whitened - above[:, None] * ones) @ inverse
    ones = ones @ inverse
    counts = curves.known.sum(axis=0)
    within = residuals.T @ residuals - (inverse.T * counts) @ inverse + (ones.T * shares) @ ones
    between = np.outer(joint.pull, joint.pull) - apart
    scalars = _by_curves(prior, times, residuals.sum(axis=0), within)
    scaled = prior.scaled(curves.points)
    correlation, slope = matern(squared_distances(scaled, scaled))
    scalars["mean"] = float(joint.pull.sum())
    scalars["amplitude"] = float(prior.amplitude**2 * (between * correlation).sum())
    slopes = prior.amplitude**2 * between * slope
    return scalars, 2.0 * (slopes.sum(axis=1)[:, None] * scaled - slopes @ scaled)


def _by_curves(prior: Prior, times: Array, residuals: Array, within: Array) -> dict[str, float]:
    """Return the gradients by curves' parameters, from those by their mean (T,) and, doubled, covariance (T, T)."""
    together, decay = prior.decay(times[:, None] + times), prior.decay(times)
    trend, square = prior.fall * decay, prior.fall**2 + prior.spread**2
    fallen = np.outer(trend, trend)

    def along(by_decay: Array, by_together: Array) -> float:
        by_mean = prior.fall * decay * by_decay
        by_covariance = square * together * by_together - fallen * (by_decay[:, None] + by_decay)
        return float(residuals @ by_mean + (within * by_covariance).sum() / 2)

    sums = times[:, None] + times
    return {
        "alpha": along(*(-prior.alpha * np.log1p(each / prior.beta) for each in (times, sums))),
        "beta": along(*(prior.alpha * each / (prior.beta + each) for each in (times, sums))),
        "fall": float(residuals @ trend + (within * (prior.fall**2 * together - fallen)).sum()),
        "spread": float(prior.spread**2 * (within * together).sum()),
        "noise": float(prior.noise**2 * within.trace()),
    }


def _by_logs(prior: Prior, points: Array) -> list[Array]:
    """Return the derivatives of scaled points by the logs of lengths, and of a warp's exponents: (n, f) each."""
    by_length = -prior.scaled(points)
    if prior.warp is None:
        return [by_length]
    (a, b), x = prior.warp, inside(points)
    rest = 1.0 - x**a
    by_a = a * b * rest ** (b - 1.0) * x**a * np.log(x) / prior.lengths
    by_b = -b * rest**b * np.log(rest) / prior.lengths
    return [by_length, by_a, by_b]
