"""The target: whether it names classes or measures something, and how a network sees it."""

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Kind, converted, kind_of
from hpo.data.messages import DataError, Remarks, counted, quoted
from hpo.data.preprocessing import bounded
from hpo.data.splits import FEWEST

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["classification", "regression"]
Label = str | int | float | bool

MOST_CLASSES: Final = 20
"""Integers with more distinct values are measures rather than classes, unless the task is given."""
ROWS_PER_CLASS: Final = 10
"""So are integers whose values return less often than that, on average; two values are always classes."""

_HOLDS: Final = {Kind.CATEGORY: "text", Kind.BOOLEAN: "booleans", Kind.NUMBER: "numbers"}


@dataclass(frozen=True, slots=True)
class Target:
    """What is predicted.

    `classes` are the original labels in the order of the network's outputs. A measure is standardised for the network
    by `mean` and `scale`, those of the training part.
    """

    name: str
    task: Task
    classes: tuple[Label, ...] | None = None
    mean: float = 0.0
    scale: float = 1.0

    @property
    def outputs(self) -> int:
        """The network's outputs: one for each class, or one value."""
        return 1 if self.classes is None else len(self.classes)

    def encode(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return labels as places in `classes`, int64 (rows,); or measures as standardised float32 (rows, 1)."""
        if self.classes is None:
            return bounded((values - self.mean) / self.scale).reshape(-1, 1)
        places = {label: place for place, label in enumerate(self.classes)}
        return np.array([places[value] for value in values], dtype=np.int64)

    def decode(self, outputs: NDArray[Any]) -> NDArray[Any]:
        """Return for each row of outputs the label of the largest, or the measure in its original unit."""
        if self.classes is None:
            return self.in_units(outputs)
        labels: NDArray[Any] = np.array(self.classes)[outputs.argmax(axis=1)]
        return labels

    def in_units(self, standardised: NDArray[Any]) -> NDArray[np.float64]:
        """Return standardised values (rows, 1) in their original unit, float64 (rows,)."""
        return standardised.ravel().astype(np.float64) * self.scale + self.mean


def read_target(labels: "pd.Series[Any]", task: Task | None, remarks: Remarks) -> tuple[NDArray[Any], Task]:
    """Return each row's label, or its measure, and the task; a missing label is None, a missing measure NaN.

    Raises DataError when the target has no value, holds what cannot be one, or does not fit the task.
    """
    name = labels.name
    if labels.isna().all():
        raise DataError(f"the target '{name}' is missing in every row. Name another column.")
    kind = kind_of(labels)
    if kind is Kind.DATETIME:
        raise DataError(f"the target '{name}' holds dates. Turn them into numbers, such as days since the first one.")
    if task == "regression" and kind is not Kind.NUMBER:
        raise DataError(f"the target '{name}' holds {_HOLDS[kind]}; regression needs numbers. Use classification.")
    values = converted(labels, kind)
    if task is None:
        task, reason = _told_task(values, kind)
        remarks.notes.append(f"The task is {task}: the target '{name}' holds {reason}. The option task overrules it.")
    return (values if task == "regression" else _labels(values, kind)), task


def fit_target(name: str, task: Task, values: NDArray[Any], train: NDArray[Any]) -> Target:
    """Return the target of complete `values`; mean and scale are those of the rows `train`."""
    if task == "classification":
        return Target(name, task, tuple(np.unique(values).tolist()))
    mean, scale = float(values[train].mean()), float(values[train].std())
    if np.ptp(values[train]) == 0 or scale == 0:
        raise DataError(
            f"the target '{name}' is {values[train][0]} throughout the training part: there is nothing to learn. "
            "Name another column, or give more rows."
        )
    return Target(name, task, mean=mean, scale=scale)


def check_classes(name: str, labels: NDArray[Any], remarks: Remarks) -> None:
    """Raise DataError unless two classes at least can be learned and judged; warn of those too rare to be judged."""
    sizes = Counter(labels.tolist())
    rare = sorted(str(label) for label, size in sizes.items() if size < FEWEST)
    if len(sizes) == 1:
        raise DataError(
            f"the target '{name}' is '{labels[0]}' in every row: there is nothing to learn. Name another column."
        )
    if 2 * len(sizes) > len(labels) or len(sizes) - len(rare) < 2:  # noqa: PLR2004 - a choice is one of two
        raise DataError(
            f"the target '{name}' has {len(sizes):,} classes in {len(labels):,} rows, and fewer than {FEWEST} rows of "
            f"{quoted(rare)}. Merge the rare classes, give more rows, or use regression if they are numbers."
        )
    if rare:
        remarks.warnings.append(
            f"Classes of '{name}' with fewer than {FEWEST} rows, too few to be split: {quoted(rare)}. "
            "They are in the training part only, never judged."
        )


def _told_task(values: NDArray[Any], kind: Kind) -> tuple[Task, str]:
    if kind is not Kind.NUMBER:
        return "classification", _HOLDS[kind]
    present = values[~np.isnan(values)]
    if not _are_whole(present):
        return "regression", "fractions"
    distinct = len(np.unique(present))
    named = distinct <= MOST_CLASSES and (distinct <= 2 or distinct * ROWS_PER_CLASS <= len(present))  # noqa: PLR2004 - yes, no
    return "classification" if named else "regression", f"{counted(distinct, 'distinct integer')}"


def _labels(values: NDArray[Any], kind: Kind) -> NDArray[Any]:
    """Return labels as Python values: text, booleans, or integers also where missing ones had made them floats."""
    missing = values != values  # noqa: PLR0124 - NaN, among texts as among numbers
    labels = np.full(len(values), None, dtype=object)
    if kind is Kind.BOOLEAN:
        labels[~missing] = [bool(value) for value in values[~missing]]
    elif kind is Kind.NUMBER and _are_whole(values[~missing]):
        labels[~missing] = [int(value) for value in values[~missing]]
    else:
        labels[~missing] = values[~missing].tolist()
    return labels


def _are_whole(values: NDArray[Any]) -> bool:
    return bool(np.all(values == np.round(values)) and np.all(np.abs(values) < 2**53))
