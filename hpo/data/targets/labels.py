"""Several labels, each there or not: the target of a network with a sigmoid for each."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray

from hpo.data.messages import DataError, Remarks, counted, quoted
from hpo.data.splits import Split
from hpo.data.targets.base import Label, Target, Task
from hpo.data.targets.column import TargetColumn

FREQUENT: Final = 10
"""A combination of labels in fewer rows is split together with the other rare ones."""


@dataclass(frozen=True, slots=True)
class LabelsTarget(Target):
    """`classes` are each column's original values, (negative, positive): the smaller and the larger."""

    classes: tuple[tuple[Label, Label], ...]

    task: ClassVar[Task] = "multilabel"

    @staticmethod
    def values(columns: Sequence[TargetColumn]) -> NDArray[Any]:
        """Return the labels (rows, targets) of columns of two values each."""
        if len(columns) == 1:
            raise DataError(
                f"multilabel has several targets, and there is only '{columns[0].name}'. "
                "Name the others too, or use classification."
            )
        for column in columns:
            if not column.two_valued:
                raise DataError(
                    f"the target '{column.name}' has {len(column.distinct):,} distinct values, and a label has two. "
                    "Turn it into a column of 0 and 1 for each of its values, or leave it out."
                )
        return np.stack([column.labels() for column in columns], axis=1)

    @staticmethod
    def strata(names: Sequence[str], values: NDArray[Any], remarks: Remarks) -> NDArray[Any]:
        """Return the number of each row's combination of labels; the rare combinations share one.

        Raises DataError for a label that is the same in every row.
        """
        first = values[0]
        constant = [name for name, same in zip(names, (values == first).all(axis=0), strict=True) if same]
        if constant:
            raise DataError(
                f"nothing can be learned of {quoted(constant)}, the same in every row. Leave such targets out."
            )
        _, combination = np.unique(values == first, axis=0, return_inverse=True)
        combination = combination.ravel()  # NumPy 2.0.0 gives it a second axis
        frequent = np.bincount(combination)[combination] >= FREQUENT
        if not frequent.all():
            remarks.notes.append(
                f"Each combination of labels is split alike, but for those of fewer than {FREQUENT} rows "
                f"({counted(int((~frequent).sum()), 'row')} in all), which are split as one."
            )
        return np.where(frequent, combination, -1)

    @classmethod
    def fit(cls, names: Sequence[str], values: NDArray[Any], parts: Split, remarks: Remarks) -> Self:
        """Return the target; warns of labels that are the same throughout a part."""
        for part in fields(parts):
            rows = values[getattr(parts, part.name)]
            same = [name for name, known in zip(names, (rows == rows[0]).all(axis=0), strict=True) if known]
            if same:
                outcome = "learned" if part.name == "train" else "judged"
                remarks.warnings.append(
                    f"Too rare to be {outcome}: {quoted(same)}, of one value in the whole {part.name} part."
                )
        return cls(tuple(names), tuple((min(column), max(column)) for column in values.T.tolist()))

    @property
    def outputs(self) -> int:
        """One for each label."""
        return len(self.names)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return 1 where a label is positive and 0 where it is not, uint8 (rows, labels)."""
        positive = np.array([pair[1] for pair in self.classes], dtype=object)
        encoded: NDArray[Any] = (values == positive).astype(np.uint8)
        return encoded

    def decode(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Return the more probable value of each label (rows, labels), of probabilities of the positive one."""
        kinds = {type(label) for pair in self.classes for label in pair}
        classes = np.array(self.classes, dtype=None if len(kinds) == 1 else object)
        labels: NDArray[Any] = classes[np.arange(self.outputs), (predictions > 0.5).astype(np.intp)]  # noqa: PLR2004 - half
        return labels
