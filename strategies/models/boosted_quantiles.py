"""Gradient-boosted trees that know how sure they are, as a surrogate for scikit-optimize.

It has the same (`GradientBoostingQuantileRegressor`), but that is refused by scikit-learn 1.6 and fails with NumPy 2.4.
Imports scikit-learn: to be imported where it is used.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import GradientBoostingRegressor

_QUANTILES = (0.16, 0.5, 0.84)  # of a normal distribution, one standard deviation below and above the median


class BoostedQuantiles(RegressorMixin, BaseEstimator):  # type: ignore[misc] # scikit-learn has no types
    """Three gradient-boosted regressions, to the lower, middle and upper quantile."""

    def __init__(self, n_estimators: int = 30, random_state: int | None = None) -> None:
        self.n_estimators = n_estimators
        self.random_state = random_state

    def fit(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> Self:
        """Fit to points, shape (n, d), and values, shape (n,)."""
        self.regressors_ = [
            GradientBoostingRegressor(
                loss="quantile", alpha=quantile, n_estimators=self.n_estimators, random_state=self.random_state
            ).fit(x, y)
            for quantile in _QUANTILES
        ]
        return self

    def predict(self, x: NDArray[np.float64], return_std: bool = False) -> Any:  # noqa: FBT001, FBT002 - scikit-optimize's contract
        """Return the medians, shape (n,); with `return_std` also half of the distance between the outer quantiles."""
        lower, middle, upper = (each.predict(x) for each in self.regressors_)
        return (middle, (upper - lower) / 2) if return_std else middle
