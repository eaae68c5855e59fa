"""Learning-curve extrapolation as published (Domhan, Springenberg & Hutter, IJCAI 2015): the slow reference.

A curve is a mixture of those of the eleven families that can be fitted to it, plus noise:

    y_t = f(t) + N(0, σ²),  f(t) = Σ_k w_k f_k(t | θ_k) / Σ_k w_k

with flat priors on θ, σ > 0 and w > 0, where every f_k and f itself end no lower than they begin. Up to 48 numbers are
sampled by an affine-invariant ensemble (emcee) that starts at the fits. As in the authors' program, later values count
more: value i = 0 … n-1 enters 10^(i/n) times.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.models.curve_families import FAMILIES, Family
from strategies.models.curve_prediction import Prediction

Array = NDArray[np.float64]

_HIGHEST_END = 100.0
_FIRST_WEIGHT = 10.0
_BALL = 1e-6
_RISE, _IN_A_ROW = 0.05, 5


@dataclass(frozen=True, slots=True)
class Chain:
    """How long to sample: the authors' settings. `recency` is how often the last value counts (1: like the others)."""

    walkers: int = 100
    steps: int = 2500
    burn_in: int = 500
    thin: int = 10
    recency: float = 10.0


def extrapolate(metric: Array, horizon: int, chain: Chain | None = None) -> Prediction | None:
    """Predict the metric at step `horizon` from its values at steps 1 … n, rising in [0, 1] but for noise.

    A flat start is cut off first. Returns None when no family fits. The same curve gives the same draws.
    """
    cut = flat_start(metric)
    mixture = _Mixture.fitted(metric[cut:], horizon - cut, chain or Chain())
    return None if mixture is None else mixture.sample()


def flat_start(metric: Array) -> int:
    """Return how many values come before the first five in a row that are 0.05 above the first; 0 if none are."""
    risen = metric > metric[0] + _RISE
    for i in range(len(metric) - _IN_A_ROW + 1):
        if risen[i : i + _IN_A_ROW].all():
            return i
    return 0


def recency_weights(n: int, recency: float) -> Array:
    """Return how often each of n values counts: recency^(i/n)."""
    weights: Array = recency ** (np.arange(n) / n)
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class _Mixture:
    """The posterior of one curve. A point is (σ, w of every family, θ of every family)."""

    metric: Array
    horizon: int
    chain: Chain
    families: tuple[Family, ...]
    fits: tuple[Array, ...]

    @classmethod
    def fitted(cls, metric: Array, horizon: int, chain: Chain) -> "_Mixture | None":
        """Fit every family and keep those that end where they may; None when there are none."""
        steps = np.arange(1.0, len(metric) + 1)
        ends = np.array([2.0, horizon])
        found = [(family, family.fit(steps, metric)) for family in FAMILIES.values()]
        kept = [(family, fit) for family, fit in found if fit is not None and _is_rising(*family.curve(ends, fit))]
        if not kept:
            return None
        families, fits = zip(*kept, strict=True)
        return cls(metric, horizon, chain, families, fits)

    def sample(self) -> Prediction | None:
        """Run the ensemble from a small ball around the fits and return what it says of the horizon."""
        import emcee

        start = self._start()
        walkers = max(self.chain.walkers, 2 * len(start))
        random = np.random.RandomState(0)  # the kind of generator that emcee takes
        ball = start + _BALL * random.standard_normal((walkers, len(start)))
        sampler = emcee.EnsembleSampler(walkers, len(start), self.log_posterior, vectorize=True)
        sampler.run_mcmc(emcee.State(ball, random_state=random.get_state()), self.chain.steps)
        draws = sampler.get_chain(discard=self.chain.burn_in, thin=self.chain.thin, flat=True)
        return Prediction.of(self._curves(draws, np.array([float(self.horizon)]))[0][:, 0], draws[:, 0])

    def log_posterior(self, points: Array) -> Array:
        """Return the log density of points, shape (p, dimension), up to a constant; -infinity outside of the prior."""
        n = len(self.metric)
        mixed, parts = self._curves(points, np.append(np.arange(1.0, n + 1), (2.0, self.horizon)))
        sigma = points[:, 0]
        weights = recency_weights(n, self.chain.recency)
        with np.errstate(all="ignore"):
            scores = (self.metric - mixed[:, :n]) / sigma[:, None]
            density = -0.5 * (scores**2) @ weights - weights.sum() * np.log(sigma)
        allowed = (points[:, : 1 + len(self.families)] > 0).all(axis=1) & (mixed[:, 0] < mixed[:, -1])
        for part in parts:
            allowed &= _is_rising(part[:, -2], part[:, -1])
        return np.where(allowed & np.isfinite(density), density, -np.inf)

    def _start(self) -> Array:
        count = len(self.families)
        thetas = np.concatenate(self.fits)
        point = np.concatenate([[1.0], np.full(count, _FIRST_WEIGHT), thetas])
        mixed, _ = self._curves(point[None], np.arange(1.0, len(self.metric) + 1))
        point[0] = max(float(np.std(self.metric - mixed[0])), 10 * _BALL)
        return point

    def _curves(self, points: Array, steps: Array) -> tuple[Array, list[Array]]:
        """Return the mixed curves at `steps`, shape (p, len(steps)), and those of every family."""
        weights = points[:, 1 : 1 + len(self.families)]
        parts = [family.curve(steps, theta) for family, theta in self._thetas(points)]
        with np.errstate(all="ignore"):
            shares = weights / weights.sum(axis=1, keepdims=True)
            mixed = sum(
                (shares[:, k, None] * part for k, part in enumerate(parts)), np.zeros((len(points), len(steps)))
            )
        return mixed, parts

    def _thetas(self, points: Array) -> Iterator[tuple[Family, list[Array]]]:
        """Yield every family with its parameters, each of shape (p, 1)."""
        at = 1 + len(self.families)
        for family in self.families:
            end = at + len(family.parameters)
            yield family, [points[:, i, None] for i in range(at, end)]
            at = end


def _is_rising(second: Array, last: Array) -> NDArray[np.bool_]:
    """Tell which curves end where they may, given their values at step 2 and at the last."""
    return (second <= last) & (last >= 0) & (last <= _HIGHEST_END)
