"""Losses as a Gaussian process can describe them: neither skewed, nor drawn out by a few that are very bad.

A power transform (Yeo & Johnson, "A new family of power transformations", Biometrika 87, 2000) takes the skew out. Then
whatever is worse than the median counts by its rank alone: how bad a bad point is says nothing of where the best lies.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_POWERS: Final = np.linspace(-1.5, 2.0, 36)
_NONE: Final = 1e-9
_LARGEST: Final = 1e150  # beyond it squares overflow
_FAR: Final = 20.0  # deviations of the better half above the median: what is worse is no guide to the power


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """Losses as values of mean 0 and variance 1, in the same order, and the way back."""

    values: Array
    """Shape (n,)."""
    knots: Array
    """The values of the median and of what is worse, rising."""
    known: Array
    """The losses that the knots stand for."""
    centre: float
    unit: float
    power: float
    offset: float
    factor: float

    def losses(self, values: Array) -> Array:
        """Return the losses that `values` stand for; those beyond the worst one stand for it."""
        below = np.minimum(values, self.knots[0])
        exact = self.centre + self.unit * _unbent(self.offset + self.factor * below, self.power)
        return np.where(values < self.knots[0], exact, np.interp(values, self.knots, self.known))


def standardised(losses: Array) -> Outputs:
    """Return `losses` (n,), at least one of them finite, as values; infinity counts as the worst of the finite ones."""
    from scipy.special import ndtri

    known = np.clip(losses, -_LARGEST, _LARGEST)
    known = np.where(np.isfinite(losses), known, known[np.isfinite(losses)].max())
    median = float(np.median(known))
    near = np.minimum(known, median + _FAR * ((median - known[known <= median]).mean() or np.inf))
    centre, unit = float(near.mean()), float(near.std()) or 1.0
    power = _likeliest((near - centre) / unit)
    *bent, middle = _bent((np.append(near, median) - centre) / unit, power)
    better = np.array(bent) - middle
    spread = float(np.sqrt((better[known <= median] ** 2).mean())) or 1.0
    ordered = np.sort(known)
    places = (np.searchsorted(ordered, known, "left") + np.searchsorted(ordered, known, "right")) / (2 * len(known))
    normal = ndtri(np.clip(places, 0.5, 1 - 0.5 / len(known)))
    together = np.where(known <= median, better / spread, normal)
    mean, deviation = float(together.mean()), float(together.std()) or 1.0
    values = (together - mean) / deviation
    knots, first = np.unique(np.append(-mean / deviation, values[known > median]), return_index=True)
    stand_for = np.append(median, known[known > median])[first]
    return Outputs(values, knots, stand_for, centre, unit, power, middle + spread * mean, spread * deviation)


def _bent(x: Array, power: float) -> Array:
    """Return the Yeo-Johnson transform: equation (2.1) of the paper."""
    return np.where(x >= 0, _box_cox(np.maximum(x, 0.0), power), -_box_cox(np.maximum(-x, 0.0), 2.0 - power))


def _unbent(y: Array, power: float) -> Array:
    """Return what `_bent` takes to `y`."""
    return np.where(y >= 0, _box_cox_inverse(np.maximum(y, 0), power), -_box_cox_inverse(np.maximum(-y, 0), 2 - power))


def _box_cox(x: Array, power: float) -> Array:
    logs = np.log1p(x)
    return np.asarray(np.expm1(power * logs) / power if abs(power) > _NONE else logs)


def _box_cox_inverse(y: Array, power: float) -> Array:
    return np.asarray(np.expm1(np.log1p(np.maximum(power * y, -1.0 + _NONE)) / power if abs(power) > _NONE else y))


def _likeliest(x: Array) -> float:
    """Return the power that makes `x` most like a normal sample: (3.1) of the paper, times a normal prior."""
    slant = float((np.sign(x) * np.log1p(np.abs(x))).sum())
    variances = np.array([max(_bent(x, power).var(), 1e-300) for power in _POWERS])
    score = -len(x) / 2 * np.log(variances) + (_POWERS - 1) * slant - (_POWERS - 1) ** 2 / 2
    return float(_POWERS[np.argmax(score)])
