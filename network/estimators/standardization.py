"""Columns brought to mean 0 and variance 1."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Array
from network.errors import NetworkError


@dataclass(frozen=True, slots=True, eq=False)
class Standardization:
    """(value - mean) / scale, column by column: both are (columns,), the scale is never 0."""

    mean: Array
    scale: Array

    @classmethod
    def of(cls, name: str, values: Array, weights: Array | None) -> "Standardization":
        """Return that of `values` (n, columns), whose rows count by `weights`; a constant column is only shifted.

        Raises NetworkError, calling the values `name`, when they are too large for their variance to be a number.
        """
        values = values.astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.average(values, axis=0, weights=weights)
            deviation = np.sqrt(np.average(np.square(values - mean), axis=0, weights=weights))
        if not np.isfinite(deviation).all():
            column = int(np.flatnonzero(~np.isfinite(deviation))[0])
            raise NetworkError(f"Column {column} of {name} has values too large to be standardized: rescale it.")
        constant = (values.min(axis=0) == values.max(axis=0)) | (deviation == 0)
        return cls(mean, np.where(constant, 1.0, deviation))

    @classmethod
    def none(cls, columns: int) -> "Standardization":
        """Return the one that leaves every value as it is."""
        return cls(np.zeros(columns), np.ones(columns))

    def apply(self, values: Array) -> Array:
        """Return `values` (n, columns) standardized, in float64."""
        return (values - self.mean) / self.scale

    def undo(self, values: Array) -> Array:
        """Return standardized `values` (n, columns) as they were before."""
        return values * self.scale + self.mean
