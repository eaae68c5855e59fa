"""One of several classes: a softmax network's target."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from hpo.data.messages import DataError, Remarks, quoted
from hpo.data.splits import FEWEST, Split
from hpo.data.targets.base import Label, Target, Task
from hpo.data.targets.column import TargetColumn


@dataclass(frozen=True, slots=True)
class ClassTarget(Target):
    """`classes` are the original labels, in the order of the network's outputs."""

    classes: tuple[Label, ...]

    task: ClassVar[Task] = "classification"

    @staticmethod
    def values(columns: Sequence[TargetColumn]) -> NDArray[Any]:
        """Return the labels (rows, 1) of one column."""
        if len(columns) > 1:
            names = [column.name for column in columns]
            raise DataError(
                f"classification has one target, and {quoted(names)} are {len(names)}. Name one of them, "
                "or use multilabel if each of them is there or not."
            )
        return columns[0].labels()[:, None]

    @staticmethod
    def strata(names: Sequence[str], values: NDArray[Any], remarks: Remarks) -> NDArray[Any]:
        """Return the classes; warns of those too rare to be judged.

        Raises DataError unless two of them at least can be learned and judged.
        """
        labels = values[:, 0]
        sizes = Counter(labels.tolist())
        rare = sorted(str(label) for label, size in sizes.items() if size < FEWEST)
        if len(sizes) == 1:
            raise DataError(
                f"the target '{names[0]}' is '{labels[0]}' in every row: there is nothing to learn. "
                "Name another column."
            )
        if 2 * len(sizes) > len(labels) or len(sizes) - len(rare) < 2:  # noqa: PLR2004 - a choice is one of two
            raise DataError(
                f"the target '{names[0]}' has {len(sizes):,} classes in {len(labels):,} rows, and fewer than {FEWEST} "
                f"rows of {quoted(rare)}. Merge the rare classes, give more rows, or use regression if they are "
                "numbers."
            )
        if rare:
            remarks.warnings.append(
                f"Classes of '{names[0]}' with fewer than {FEWEST} rows, too few to be split: {quoted(rare)}. "
                "They are in the training part only, never judged."
            )
        return labels

    @classmethod
    def fit(cls, names: Sequence[str], values: NDArray[Any], parts: Split, remarks: Remarks) -> Self:  # noqa: ARG003 - the contract's
        """Return the target with the classes in rising order."""
        return cls(tuple(names), tuple(np.unique(values).tolist()))

    @property
    def outputs(self) -> int:
        """One for each class."""
        return len(self.classes)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the labels' places in `classes`, int64 (rows,)."""
        places = {label: place for place, label in enumerate(self.classes)}
        return np.array([places[label] for label in values[:, 0]], dtype=np.int64)

    def decode(self, predictions: NDArray[Any]) -> NDArray[Any]:
        """Return the label (rows,) of each row's largest probability."""
        labels: NDArray[Any] = np.array(self.classes)[predictions.argmax(axis=1)]
        return labels
