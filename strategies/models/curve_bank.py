"""Learning-curve extrapolation in milliseconds: a bank of curves drawn from a prior once, weighted by what is observed.

A curve is f(t) = final - gap h(t) up to its last step, the horizon m, where its shape h is 0. Most curves rise: h falls
from 1. A third of them fall again, as metrics of networks that overfit do: by a power of the step, usually by much less
than they rose. What rises mixes three curves of the eleven families of Domhan et al. (IJCAI 2015), in the manner of
LC-PFN (Adriaensen et al., NeurIPS 2023), but with time scales that suit any horizon, and often one of them dominates.

Only the shapes are drawn. Their levels are integrated out: with normal priors on final and gap every shape has a closed
evidence at each noise of a grid (log-normal as in LC-PFN: ln σ ~ N(-4, 1)), the condition gap > 0 included. Shapes and
noises are then drawn by their evidence (importance sampling with the prior as proposal), final and gap from the normal
posterior, and the draws that leave [0, 1] are rejected.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from strategies.models.curve_families import FAMILIES
from strategies.models.curve_prediction import Prediction

Array = NDArray[np.float64]

SHAPES = 10_000
MIXED = 3
DRAWS = 2000
LEAST = 50
"""Fewer effective shapes, or fewer draws within [0, 1], are too few."""
_COLUMNS = 64
_FLAT = 1e-9  # a family that rises less between the first and the last step tells no shape

_LN_NOISES = np.arange(-9.0, -0.75, 0.5)
_NOISES = np.exp(_LN_NOISES)
_LN_PRIOR = -0.5 * (_LN_NOISES + 4.0) ** 2
_HALVINGS = 20
_OVERFIT, _LN_DEPTH, _LN_DEPTH_SD = 1 / 3, -2.0, 1.5
_FINAL, _FINAL_SD, _GAP_SD = 0.5, 0.5, 0.5


def _priors(z: Array, horizon: int) -> Mapping[str, tuple[Array | float, ...]]:
    """Return parameters of every family for the standard normal numbers `z`, shape (2, n, 1).

    Level and height, which cancel in a shape, are 0 and 1. A `time` is when a good part is learned: between the first
    step and the last, as likely as not before the square root of the horizon.
    """
    time = horizon ** (0.5 + 0.3 * z[1])
    power = np.exp(0.5 * z[0])
    return {
        "vapor pressure": (0.0, -np.exp(z[0] - 0.5), np.exp(z[1] - 3.0)),
        "pow3": (1.0, 1.0, np.exp(2.0 * z[0])),
        "log log linear": (1.0, np.exp(1.5 * z[0])),
        "hill3": (1.0, power, time),
        "log power": (1.0, np.log(time), -power),
        "pow4": (1.0, 1.0, time, np.exp(z[0])),
        "mmf": (1.0, 0.0, 1 / time, 2 * power),
        "exp4": (1.0, time ** (-power / 2), 0.0, power / 2),
        "janoschek": (1.0, 0.0, time**-power, power),
        "weibull": (1.0, 0.0, 1 / time, power),
        "ilog2": (1.0, 1.0),
    }


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """Shapes drawn from the prior, at all steps up to the horizon, or at so many in geometric progression."""

    steps: NDArray[np.int64]
    """Shape (c,): from 1 to the horizon."""
    shapes: Array
    """Shape (s, c)."""


def steps_for(horizon: int) -> NDArray[np.int64]:
    """Return the steps at which shapes are known."""
    if horizon <= _COLUMNS:
        return np.arange(1, horizon + 1)
    return np.unique(np.geomspace(1, horizon, _COLUMNS).round().astype(np.int64))


def draw_shapes(horizon: int, count: int, rng: np.random.Generator) -> Array:
    """Return `count` shapes at the steps of the horizon, shape (count, c), drawn from the prior; each ends at 0."""
    singles = _draw_singles(horizon, MIXED * count, rng)
    chosen = rng.permutation(np.resize(np.arange(len(singles)), MIXED * count)).reshape(MIXED, count)
    weights = rng.standard_gamma(0.5, (MIXED, count))
    weights /= weights.sum(axis=0)
    shapes = np.zeros((count, singles.shape[1]))
    for k in range(MIXED):
        shapes += weights[k, :, None] * singles[chosen[k]]
    shapes += _declines(horizon, count, rng)
    return shapes - shapes[:, -1:]


def _declines(horizon: int, count: int, rng: np.random.Generator) -> Array:
    """Return what curves lose by overfitting until each step, in units of what they gain, shape (count, c)."""
    power = np.exp(0.5 * rng.standard_normal((count, 1)))
    depth = np.exp(_LN_DEPTH + _LN_DEPTH_SD * rng.standard_normal((count, 1)))
    depth[rng.random(count) > _OVERFIT] = 0.0
    declines: Array = depth * (steps_for(horizon) ** power - 1.0) / (float(horizon) ** power - 1.0)
    return declines


def _draw_singles(horizon: int, count: int, rng: np.random.Generator) -> Array:
    """Return shapes of single families, about `count`, equally many of each but for those that came out flat."""
    steps = steps_for(horizon).astype(float)
    shapes = []
    each = count // len(FAMILIES) + 1
    for name, parameters in _priors(rng.standard_normal((2, each, 1)), horizon).items():
        curves = np.broadcast_to(FAMILIES[name].curve(steps, parameters), (each, len(steps)))
        with np.errstate(all="ignore"):
            rise = curves[:, -1:] - curves[:, :1]
            shapes.append(((curves[:, -1:] - curves) / rise)[(rise > _FLAT).ravel() & np.isfinite(curves).all(axis=1)])
    return np.concatenate(shapes)


@lru_cache(maxsize=4)
def bank(horizon: int) -> Bank:
    """Return the bank of a horizon; the same one always."""
    return Bank(steps_for(horizon), draw_shapes(horizon, SHAPES, np.random.default_rng(horizon)))


def extrapolate(metric: Array, horizon: int) -> Prediction | None:
    """Predict the metric at step `horizon` from its values at steps 1 … n < horizon, rising in [0, 1] but for noise.

    Returns None when fewer than LEAST draws lie in [0, 1]. Where the evidence singles out fewer than LEAST shapes it is
    tempered until so many count: the prediction is then wider than the exact posterior. The draws are the same always.
    """
    known = bank(horizon)
    levels = _levels(_grouped(metric, known))
    rng = np.random.default_rng(0)
    shape, noise = _draw_pairs(levels.evidence, rng)
    gap = _positive_normal(levels.gap[noise, shape], levels.gap_sd[noise, shape], rng.random(DRAWS))
    precision = levels.final_precision[noise, 0]
    mean = levels.final_pull[noise, 0] + levels.final_slope[noise, shape] * gap
    final = _FINAL + mean / precision + rng.standard_normal(DRAWS) / np.sqrt(precision)
    drawn = known.shapes[shape]
    within = (final - gap * drawn.min(axis=1) <= 1.0) & (final >= gap * drawn.max(axis=1))
    return Prediction(final[within], _NOISES[noise[within]]) if within.sum() >= LEAST else None


@dataclass(frozen=True, slots=True, eq=False)
class _Observed:
    """A curve of n values in g groups of neighbouring steps, one for each column of the bank that it reaches."""

    means: Array
    """The groups' means relative to the prior mean of the last value, shape (g,)."""
    counts: Array
    """Shape (g,)."""
    squares: float
    """The sum of squares of all n values, relative likewise."""
    shapes: Array
    """The bank's shapes at the groups' centres, shape (s, g)."""


def _grouped(metric: Array, known: Bank) -> _Observed:
    logs = np.log(known.steps)
    steps = np.log(np.arange(1, len(metric) + 1))
    group = np.searchsorted((logs[1:] + logs[:-1]) / 2, steps)
    counts = np.bincount(group).astype(float)
    centres = np.bincount(group, steps) / counts
    left = np.searchsorted(logs[1:-1], centres, side="right")
    share = (centres - logs[left]) / (logs[left + 1] - logs[left])
    shapes = known.shapes[:, left] * (1 - share) + known.shapes[:, left + 1] * share
    values = metric - _FINAL
    return _Observed(np.bincount(group, values) / counts, counts, float(values @ values), shapes)


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """The normal posterior of final and gap for each of q noises and s shapes, and what it leaves as evidence.

    The gap has a mean and a deviation, cut at 0; given the gap, the last value has mean (pull + slope gap) / precision.
    """

    gap: Array
    gap_sd: Array
    final_pull: Array
    final_slope: Array
    final_precision: Array
    evidence: Array
    """The log of the marginal likelihood times the noise's prior, up to a constant; -infinity where negligible."""


def _levels(observed: _Observed) -> _Levels:
    """Solve the linear model y = final - gap h + noise, with normal priors, for all noises and shapes at once."""
    variances = _NOISES[:, None] ** 2
    h, counts, means = observed.shapes, observed.counts, observed.means
    n = counts.sum()
    final_precision = n / variances + _FINAL_SD**-2
    gap_precision = np.einsum("sg,sg,g->s", h, h, counts) / variances + _GAP_SD**-2
    slope = (h @ counts) / variances  # minus the precision that the two share
    pull = (counts @ means) / variances
    gap_pull = -(h @ (counts * means)) / variances
    determinant = final_precision * gap_precision - slope**2
    gap = (final_precision * gap_pull + slope * pull) / determinant
    gap_sd = np.sqrt(final_precision / determinant)
    fitted = pull * (pull + slope * gap) / final_precision + gap_pull * gap
    evidence = (
        0.5 * (fitted - observed.squares / variances - np.log(determinant)) + (_LN_PRIOR - n * _LN_NOISES)[:, None]
    )
    return _Levels(gap, gap_sd, pull, slope, final_precision, _with_rising(evidence, gap / gap_sd))


def _with_rising(evidence: Array, scores: Array) -> Array:
    """Add ln P(gap > 0) = ln Φ(score), but drop noises that are hopeless for a shape: Φ costs more than the rest."""
    from scipy.special import log_ndtr

    bound = evidence - 0.5 * np.minimum(scores, 0.0) ** 2  # ln Φ(x) is -x²/2 for x < 0, but for a logarithm
    kept = bound > bound.max(axis=0) - 30.0
    total = np.full(evidence.shape, -np.inf)
    total[kept] = evidence[kept] + log_ndtr(scores[kept])
    return total


def _draw_pairs(evidence: Array, rng: np.random.Generator) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the indices of DRAWS shapes, by systematic resampling, and of a noise for each."""
    best: Array = evidence.max(axis=0)
    likelihood = np.exp(evidence - best)
    weights = np.cumsum(_tempered(np.log(likelihood.sum(axis=0)) + best))
    shape = np.searchsorted(weights, (np.arange(DRAWS) + 0.5) / DRAWS * weights[-1])
    by_noise = np.cumsum(likelihood[:, shape], axis=0)
    noise: NDArray[np.intp] = (by_noise < rng.random(DRAWS) * by_noise[-1]).sum(axis=0)
    return shape, noise


def _tempered(logs: Array) -> Array:
    """Return weights exp(β log) with the largest β ≤ 1 that leaves LEAST effective shapes, (Σw)² / Σw²."""

    def weights(beta: float) -> Array:
        powered: Array = np.exp(beta * (logs - logs.max()))
        return powered

    def is_enough(w: Array) -> bool:
        return bool(w.sum() ** 2 >= LEAST * (w @ w))

    if is_enough(weights(1.0)):
        return weights(1.0)
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if is_enough(weights(middle)) else (low, middle)
    return weights(low)


def _positive_normal(mean: Array, sd: Array, quantile: Array) -> Array:
    """Return normal numbers under the condition that they are positive: the one that exceeds a share of `quantile`."""
    from scipy.special import log_ndtr, ndtri_exp

    drawn: Array = mean - sd * ndtri_exp(np.log1p(-quantile) + log_ndtr(mean / sd))
    return drawn
