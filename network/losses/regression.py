"""What losses of real values have in common: targets, predictions and metrics."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from network.arrays import Array
from network.errors import NetworkError
from network.losses.base import Loss, mean


@dataclass(frozen=True)
class Regression(Loss):
    """Outputs, y (n, outputs) and predictions are the values themselves.

    Of the metrics, rmse is the root of the mean square over rows and outputs, r2 the mean over the outputs of their
    coefficients of determination; an output whose true value is constant counts 1 if it is met exactly, else 0.
    """

    directions = MappingProxyType({"loss": "minimize", "rmse": "minimize", "r2": "maximize", "mae": "minimize"})
    usual = ("loss", "rmse", "r2", "mae")

    def targets(self, name: str, y: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """Return the values themselves."""
        if y.ndim != 2 or y.shape[1] != outputs or y.dtype.kind not in "fiu":  # noqa: PLR2004 - a matrix
            raise NetworkError(
                f"{name} has shape {y.shape} and dtype {y.dtype}, but regression needs numbers of shape "
                f"(n, {outputs}), one column an output: reshape a single column with y.reshape(-1, 1)."
            )
        with np.errstate(over="ignore"):
            targets = np.ascontiguousarray(y, dtype)
        if not np.isfinite(targets).all():
            raise NetworkError(
                f"{name} holds NaN, infinity or a number too large for {dtype}: drop or mend these rows."
            )
        return targets

    def predictions(self, outputs: Array) -> Array:
        """Return z."""
        return outputs.copy()

    def _metric(self, name: str, outputs: Array, targets: Array, weights: Array | None) -> Array:
        truth, residuals = targets.T.astype(np.float64), outputs.mT.astype(np.float64)  # (…, outputs, n)
        residuals -= truth
        if name == "mae":
            return _mean(np.abs(residuals, out=residuals), weights)
        squares = np.square(residuals, out=residuals)
        return np.sqrt(_mean(squares, weights)) if name == "rmse" else _r2(squares, truth, weights)


def _mean(values: Array, weights: Array | None) -> Array:
    """Return the mean (members,) of `values` (members, outputs, n)."""
    return mean(mean(values, weights))


def _r2(squares: Array, truth: Array, weights: Array | None) -> Array:
    """Return the mean over outputs of 1 - Σ w (z - y)² / Σ w (y - ȳ)²."""
    residual = mean(squares, weights)
    variance = mean(np.square(truth - mean(truth, weights)[:, None]), weights)
    constant = truth.min(axis=-1) == truth.max(axis=-1)
    scores = np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, variance))
    return mean(scores)
