"""Which columns are of use: neither identifiers, nor constants, nor empty."""

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Column, Kind, converted, kind_of
from hpo.data.lookalikes import almost_numbers
from hpo.data.messages import DataError, Remarks, counted, quoted
from hpo.data.preprocessing import MAX_CATEGORIES

if TYPE_CHECKING:
    import pandas as pd

IDENTIFYING: Final = 0.95
"""Text with a larger share of distinct values than that identifies rows rather than describing them."""
FEWEST_TEXTS: Final = 20
"""Up to so many rows, distinct texts may be chance."""
_NAMED_SO: Final = re.compile(r"(?i:(.*[\s_-])?(id|uuid|guid|index))|.*[a-z]I[dD]")


def screen(
    features: "pd.DataFrame", train: NDArray[Any], *, chosen: bool, keep: Collection[str], remarks: Remarks
) -> tuple[Column, ...]:
    """Return every column with its kind and, if it is of no use, why.

    Its kind, and whether it is an identifier, is told from all rows; whether it is constant, from the rows `train`
    alone. Columns that were `chosen` as features, and those in `keep`, are no identifiers. Raises DataError for a
    column without values, and when no column is left.
    """
    empty = [name for name in features.columns if features[name].isna().all()]
    if empty:
        raise DataError(f"missing in every row: {quoted(empty)}. Remove such columns, or name them in the option drop.")
    columns = tuple(
        _judged(features[name], train, named_rows=not chosen and name not in keep, remarks=remarks)
        for name in features.columns
    )
    identifiers = [column.name for column in columns if column.dropped == "identifier"]
    constants = [column.name for column in columns if column.dropped == "constant"]
    like = f"look like identifiers: {quoted(identifiers)}"
    same = f"are constant in the training part: {quoted(constants)}"
    if len(identifiers) + len(constants) == len(columns):
        reasons = [like] * bool(identifiers) + [same] * bool(constants)
        raise DataError(
            f"no column is left to learn from ({'; '.join(reasons) or 'there is only the target'}). "
            "Give other columns, or keep an identifier by the option keep."
        )
    if identifiers:
        remarks.warnings.append(f"Left out columns that {like}. The option keep brings them back.")
    if constants:
        (remarks.notes if chosen else remarks.warnings).append(f"Left out columns that {same}.")
    return columns


def _judged(values: "pd.Series[Any]", train: NDArray[Any], *, named_rows: bool, remarks: Remarks) -> Column:
    name = str(values.name)
    kind = kind_of(values)
    read = converted(values, kind)
    missing = read != read  # noqa: PLR0124 - NaN, among texts as among numbers
    if missing.all():
        raise DataError(f"the column '{name}' holds no finite number. Remove it, or name it in the option drop.")
    infinite = int(missing.sum() - values.isna().sum())
    if infinite:
        remarks.warnings.append(f"The column '{name}' holds {counted(infinite, 'infinite number')}: taken as missing.")
    identifies = named_rows and _is_identifier(name, kind, read[~missing], len(values))
    if kind is Kind.CATEGORY:
        _remark_categories(name, read[~missing].tolist(), remarks, few=not identifies)
    if identifies:
        return Column(name, kind, "identifier")
    return Column(name, kind, "constant" if _is_constant(read[train], missing[train], kind) else "")


def _remark_categories(name: str, texts: list[str], remarks: Remarks, *, few: bool) -> None:
    """Tell of categories that could be numbers, and of more than there may be, where there should be `few`."""
    if told := almost_numbers(f"The column '{name}'", texts, "categories" if few else "text"):
        remarks.warnings.append(told)
    levels = len(set(texts))
    if few and levels > MAX_CATEGORIES:
        remarks.notes.append(
            f"The column '{name}' has {levels:,} categories: the most frequent have an input each, the rest share one."
        )


def _is_identifier(name: str, kind: Kind, present: NDArray[Any], rows: int) -> bool:
    """Tell a column that names rows: nearly every value is there once, and its name or order says the rest."""
    distinct = len(set(present.tolist())) / len(present)
    if kind is Kind.CATEGORY:
        return distinct > IDENTIFYING and (len(present) > FEWEST_TEXTS or bool(_NAMED_SO.fullmatch(name)))
    if kind is not Kind.NUMBER or distinct < 1 or np.any(present != np.round(present)):
        return False
    return bool(_NAMED_SO.fullmatch(name)) or (len(present) == rows and bool(np.all(np.diff(present) > 0)))


def _is_constant(values: NDArray[Any], missing: NDArray[Any], kind: Kind) -> bool:
    """Tell whether nothing can be learned from it: missing is a category of its own, but no number."""
    present = values[~missing]
    if kind is Kind.CATEGORY and missing.any():
        return len(present) == 0
    return len(present) == 0 or bool(np.all(present == present[0]))
