"""One number or several: a regression network's target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Kind
from hpo.data.messages import DataError, Remarks, counted
from hpo.data.preprocessing import FARTHEST, bounded
from hpo.data.splits import Split
from hpo.data.targets.base import Target, Task
from hpo.data.targets.column import TargetColumn


@dataclass(frozen=True, slots=True)
class MeasureTarget(Target):
    """Each column is standardised for the network by its mean and its scale, those of the training part."""

    means: tuple[float, ...]
    scales: tuple[float, ...]

    task: ClassVar[Task] = "regression"

    @staticmethod
    def values(columns: Sequence[TargetColumn]) -> NDArray[Any]:
        """Return the numbers, float64 (rows, targets)."""
        for column in columns:
            if column.kind is not Kind.NUMBER:
                other = "classification" if len(columns) == 1 else "multilabel"
                raise DataError(
                    f"the target '{column.name}' holds {column.holds}; regression needs numbers. Use {other}."
                )
        return np.stack([column.entries for column in columns], axis=1)

    @staticmethod
    def strata(names: Sequence[str], values: NDArray[Any], remarks: Remarks) -> NDArray[Any]:  # noqa: ARG004 - the contract's
        """Return one stratum for all."""
        return np.zeros(len(values), dtype=np.int8)

    @classmethod
    def fit(cls, names: Sequence[str], values: NDArray[Any], parts: Split, remarks: Remarks) -> Self:
        """Return the target with mean and standard deviation of each column."""
        means, scales = [], []
        for name, column, everywhere in zip(names, values[parts.train].T, values.T, strict=True):
            means.append(float(column.mean()))
            scales.append(float(column.std()))
            if np.ptp(column) == 0 or scales[-1] == 0:
                raise DataError(
                    f"the target '{name}' is {column[0]} throughout the training part: there is nothing to learn. "
                    "Name another column, or give more rows."
                )
            far = int(np.sum(np.abs(everywhere - means[-1]) > FARTHEST * scales[-1]))
            if far:
                remarks.warnings.append(
                    f"The target '{name}' of {counted(far, 'row')} lies more than {FARTHEST:,.0f} standard deviations "
                    "from the training part's mean, and counts as if it lay just there, in scores as well. Does it "
                    "stand for a missing value?"
                )
        return cls(tuple(names), tuple(means), tuple(scales))

    @property
    def outputs(self) -> int:
        """One for each column."""
        return len(self.names)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return standardised numbers, float32 (rows, targets)."""
        return bounded((values - np.array(self.means)) / np.array(self.scales))

    def decode(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Return standardised numbers in their original units, float64 (rows, targets); (rows,) of one target."""
        numbers: NDArray[Any] = predictions.astype(np.float64) * np.array(self.scales) + np.array(self.means)
        return numbers[:, 0] if self.outputs == 1 else numbers
