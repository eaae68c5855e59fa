"""Gaussian process regression: a Matérn 5/2 kernel with a length scale for every parameter, at its posterior mode.

Rasmussen & Williams, "Gaussian processes for machine learning", 2006: algorithm 2.1, equations (4.17) and (5.9). The
prior of the length scales grows with the number of parameters: Hvarfner et al., "Vanilla Bayesian optimization performs
great in high dimensions", 2024. Squared distances and what they weigh are matrix products throughout, so that no array
of shape (n, n, f) is ever made.
"""

from dataclasses import dataclass, replace
from math import log, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Groups = NDArray[np.int64]

_MANY: Final = 120  # points beyond which every second one first says where to begin
_NOISY: Final = -3.0  # the log of an observation's variance
_LEAST: Final = 1e-14  # of the process's variance: what rounding leaves of a variance


@dataclass(frozen=True, slots=True, eq=False)
class Posterior:
    """A Gaussian process conditioned on n observations at points of f features."""

    points: Array
    """In units of the length scales, shape (n, f)."""
    rates: Array
    """The inverse length scales, shape (f,)."""
    scale: float
    """The variance of the process."""
    noise: float
    """The variance of an observation around it."""
    mean: float
    weights: Array
    """C⁻¹ (y - mean), shape (n,), where C is the covariance of the observations."""
    whitener: Array
    """L⁻¹ where L Lᵀ = C, shape (n, n)."""

    def predict(self, features: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation of the process at `features` (m, f): each of shape (m,)."""
        covariance = self.scale * matern(squared_distances(features * self.rates, self.points))[0]
        return self.mean + covariance @ self.weights, self._deviation(covariance @ self.whitener.T)

    def slopes(self, features: Array) -> tuple[Array, Array, Array, Array]:
        """Return what `predict` does, and the gradients of both by the features, each of shape (m, f)."""
        scaled = features * self.rates
        correlation, slope = matern(squared_distances(scaled, self.points))
        covariance, slope = self.scale * correlation, self.scale * slope
        whitened = covariance @ self.whitener.T
        deviation = self._deviation(whitened)
        by_mean = self._gradient(scaled, slope * self.weights)
        by_deviation = -self._gradient(scaled, slope * (whitened @ self.whitener)) / deviation[:, None]
        return self.mean + covariance @ self.weights, deviation, by_mean, by_deviation

    def believing(self, features: Array) -> "Posterior":
        """Return the process as if its own mean had been observed at `features` (m, f).

        The mean stays what it is everywhere; the variance shrinks, so that what is under way already attracts no more
        (the "kriging believer" of Ginsbourger et al., 2010).
        """
        if not len(features):
            return self
        points = np.vstack([self.points, features * self.rates])
        whitener = _whitener(self.scale * matern(squared_distances(points, points))[0], self.noise)
        return replace(self, points=points, weights=np.append(self.weights, np.zeros(len(features))), whitener=whitener)

    def _deviation(self, whitened: Array) -> Array:
        explained = np.einsum("ij,ij->i", whitened, whitened)
        return np.asarray(np.sqrt(np.maximum(self.scale - explained, _LEAST * self.scale)))

    def _gradient(self, scaled: Array, pulls: Array) -> Array:
        """Return the gradient of what changes by `pulls` (m, n) with the squared distances."""
        return np.asarray(2.0 * self.rates * (scaled * pulls.sum(axis=1)[:, None] - pulls @ self.points))


def fit(points: Array, values: Array, groups: Groups) -> Posterior:
    """Fit to `values` (n,), of mean 0 and variance 1, at `points` (n, f) in the unit cube.

    Features of a group, numbered from 0, share a length scale.
    """
    return Likelihood(points, values, groups).posterior(_mode(points, values, groups))


def _mode(points: Array, values: Array, groups: Groups) -> Array:
    """Return where the posterior of the logs is highest, sought from the mode for half of many points."""
    from scipy.optimize import minimize

    likelihood = Likelihood(points, values, groups)
    start = likelihood.start if len(values) <= _MANY else _mode(points[::2], values[::2], groups)
    options = {"maxiter": 100, "gtol": 3e-2, "ftol": 1e-6, "maxcor": 15}
    found = minimize(likelihood, start, jac=True, method="L-BFGS-B", bounds=likelihood.bounds, options=options)
    return np.asarray(found.x)


class Likelihood:
    """The negative log posterior of the logs of length scales (one a group), scale and noise: value and gradient.

    The constant mean, whose prior is a standard normal, is at its own mode given the others.
    """

    def __init__(self, points: Array, values: Array, groups: Groups) -> None:
        self._points = points
        self._values = values
        self._groups = groups
        self._count = count = int(groups[-1]) + 1
        # log-normal with parameters √2 + log(D) / 2 and √3 has its mode 3 below; by that mode a density of logs
        self.middles = np.array([sqrt(2) - 3.0 + log(count) / 2] * count + [0.0, -8.0])
        # with more noise than is likely: from too little of it the way to the mode is often barred
        self.start = np.append(self.middles[:-1], _NOISY)
        self.widths = np.array([sqrt(3)] * count + [1.0, 3.0])
        self.bounds = [(log(0.005), log(100.0))] * count + [(-6.0, 6.0), (log(1e-8), 1.0)]

    def __call__(self, logs: Array) -> tuple[float, Array]:
        """Return the value, up to a constant, and the gradient by `logs`, shape (groups + 2,)."""
        scaled, scale, noise = self._unpacked(logs)
        correlation, slope = matern(squared_distances(scaled, scaled))
        whitener = _whitener(scale * correlation, noise)
        weights, mean = self._weights(whitener)
        offsets = (logs - self.middles) / self.widths
        fit = (self._values - mean) @ weights / 2 - np.log(whitener.diagonal()).sum()
        pull = np.outer(weights, weights) - whitener.T @ whitener  # the brackets of (5.9)
        moved = pull * slope
        spread = 2.0 * (moved.sum(axis=1) @ scaled**2 - np.einsum("ij,ij->j", scaled, moved @ scaled))
        by_logs = np.empty_like(logs)
        by_logs[:-2] = scale * np.bincount(self._groups, spread, self._count)
        by_logs[-2] = -scale * np.einsum("ij,ij->", pull, correlation) / 2
        by_logs[-1] = -noise * pull.trace() / 2
        return float(fit + mean**2 / 2 + offsets @ offsets / 2), by_logs + offsets / self.widths

    def posterior(self, logs: Array) -> Posterior:
        """Return the process with these parameters, conditioned on the observations."""
        scaled, scale, noise = self._unpacked(logs)
        whitener = _whitener(scale * matern(squared_distances(scaled, scaled))[0], noise)
        weights, mean = self._weights(whitener)
        return Posterior(scaled, np.exp(-logs[self._groups]), scale, noise, mean, weights, whitener)

    def _unpacked(self, logs: Array) -> tuple[Array, float, float]:
        return self._points * np.exp(-logs[self._groups]), float(np.exp(logs[-2])), float(np.exp(logs[-1]))

    def _weights(self, whitener: Array) -> tuple[Array, float]:
        whitened, ones = (whitener @ np.column_stack([self._values, np.ones(len(self._values))])).T
        mean = float(ones @ whitened / (ones @ ones + 1.0))
        return whitener.T @ (whitened - mean * ones), mean


def matern(squared: Array) -> tuple[Array, Array]:
    """Return the Matérn 5/2 correlation (4.17) at squared distances, and its derivative by them."""
    r = np.sqrt(5.0 * squared)
    decay = np.exp(-r)
    slope = decay * (1.0 + r)
    return slope + decay * squared * (5.0 / 3.0), slope * (-5.0 / 6.0)


def squared_distances(a: Array, b: Array) -> Array:
    """Return the squared distances of the rows of `a` to those of `b`."""
    squared = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * (a @ b.T)
    return np.asarray(np.maximum(squared, 0.0, out=squared))


def _whitener(covariance: Array, noise: float) -> Array:
    """Return L⁻¹ where L Lᵀ = covariance + noise I, with as little more noise as makes that definite."""
    from scipy.linalg.lapack import dpotrf, dtrtri

    diagonal = covariance.diagonal().copy()
    while True:
        np.fill_diagonal(covariance, diagonal + noise)
        lower, fault = dpotrf(covariance, lower=1, clean=1)
        if not fault:
            return np.asarray(dtrtri(lower, lower=1)[0])
        noise *= 10.0
