"""Which kind of target columns are, told from what they hold; and their values."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Kind
from hpo.data.lookalikes import almost_numbers
from hpo.data.messages import DataError, Remarks, counted, named, quoted
from hpo.data.targets.base import Target, Task
from hpo.data.targets.classes import ClassTarget
from hpo.data.targets.column import TargetColumn
from hpo.data.targets.labels import LabelsTarget
from hpo.data.targets.measures import MeasureTarget

if TYPE_CHECKING:
    import pandas as pd

MOST_CLASSES: Final = 20
"""Integers with more distinct values are measures rather than classes, unless the task is given."""
ROWS_PER_CLASS: Final = 10
"""So are integers whose values return less often than that, on average; two values are always classes."""

TARGETS: Final[Mapping[Task, type[Target]]] = MappingProxyType(
    {kind.task: kind for kind in (ClassTarget, LabelsTarget, MeasureTarget)}
)
"""The kinds of target, by task."""


def read_targets(table: "pd.DataFrame", task: Task | None, remarks: Remarks) -> tuple[type[Target], NDArray[Any]]:
    """Return the kind of target that the table's columns are, and their values (rows, targets).

    The task is told from the values unless given. Raises DataError when the columns have no value, hold what cannot be
    a target, or do not fit the task.
    """
    columns = [TargetColumn.read(table[name]) for name in table.columns]
    for column in columns:
        if column.kind is Kind.CATEGORY and (
            told := almost_numbers(f"The target '{column.name}'", column.present.tolist(), "labels")
        ):
            remarks.warnings.append(told)
    if task is None:
        task, reason = _told_of_one(columns[0]) if len(columns) == 1 else _told_of_several(columns)
        holds = "holds" if len(columns) == 1 else "hold"
        remarks.notes.append(
            f"The task is {task}: the {named('target', list(table.columns))} {holds} {reason}. "
            "The option task overrules it."
        )
    values = TARGETS[task].values(columns)
    if task == "multilabel" and _is_one_hot(columns):
        remarks.notes.append(
            "Every row has exactly one of the labels. If these are classes that exclude each other, give one column "
            "of classes, as y.argmax(axis=1) does of a matrix y."
        )
    return TARGETS[task], values


def target_from_dict(said: Mapping[str, Any]) -> Target:
    """Return the target that `Target.to_dict` described, also by way of JSON."""
    return TARGETS[said["task"]](**{name: _tuples(value) for name, value in said.items() if name != "task"})


def _told_of_one(column: TargetColumn) -> tuple[Task, str]:
    if column.kind is not Kind.NUMBER:
        return "classification", column.holds
    if not column.whole:
        return "regression", "fractions"
    distinct, rows = len(column.distinct), len(column.present)
    are_classes = distinct <= MOST_CLASSES and (column.two_valued or distinct * ROWS_PER_CLASS <= rows)
    return "classification" if are_classes else "regression", counted(distinct, "distinct integer")


def _told_of_several(columns: Sequence[TargetColumn]) -> tuple[Task, str]:
    """Return the task; columns that are labels are of booleans, of text, or of 0 and 1."""
    labels = [column.name for column in columns if column.kind is not Kind.NUMBER or _is_of_0_and_1(column)]
    measures = [column.name for column in columns if column.name not in labels]
    if labels and measures:
        raise DataError(
            f"the targets are both labels ({quoted(labels)}) and numbers ({quoted(measures)}). Name targets of one "
            "sort; or, if all are numbers, give the task regression."
        )
    return ("regression", "numbers") if measures else ("multilabel", "two values each")


def _is_of_0_and_1(column: TargetColumn) -> bool:
    return bool(np.isin(column.present, (0, 1)).all())


def _is_one_hot(columns: Sequence[TargetColumn]) -> bool:
    """Tell whether each row without a missing value has one 1 (or true) among 0 (or false)."""
    if any(column.kind is Kind.CATEGORY or not _is_of_0_and_1(column) for column in columns):
        return False
    sums = np.sum([column.entries for column in columns], axis=0)
    return bool(np.all((sums == 1) | np.isnan(sums)))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list | tuple) else value
