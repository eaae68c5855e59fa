"""What a model of learning curves foretells: where a curve will be at its last step."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """Draws from the posterior: the noiseless metric at the last step, with the noise of each draw, shape (n,)."""

    finals: Array
    noises: Array

    @classmethod
    def of(cls, finals: Array, noises: Array) -> Self | None:
        """Keep the draws that are numbers; None when there are none."""
        told = np.isfinite(finals)
        return cls(finals[told], noises[told]) if told.any() else None

    @property
    def mean(self) -> float:
        """The expected noiseless metric at the last step."""
        return float(self.finals.mean())

    @property
    def sd(self) -> float:
        """How uncertain that is."""
        return float(self.finals.std())

    def probability_above(self, metric: float) -> float:
        """Return how probable a last value above `metric` is, its noise included: the mean of 1 - Φ((ŷ - f(m)) / σ)."""
        from scipy.special import ndtr

        with np.errstate(divide="ignore", invalid="ignore"):
            scores = (self.finals - metric) / self.noises
        noiseless = np.where(self.finals > metric, 1.0, 0.0)
        return float(np.where(self.noises > 0, ndtr(scores), noiseless).mean())
