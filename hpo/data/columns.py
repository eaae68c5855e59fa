"""The kinds of a raw column, and its values in the one form that each kind has.

    number      float64; missing and infinite are NaN
    boolean     float64: 0, 1; missing is NaN
    datetime    float64: days since 1970-01-01 UTC; missing is NaN
    category    object: text; missing is NaN

The kind is told once, from the column a model is trained on. Later tables are read by that kind: whether a column
arrives as integers, floats or text must not depend on what else happens to be in the file.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data.messages import DataError, quoted
from strategies.spelling import is_storable

if TYPE_CHECKING:
    import pandas as pd

LARGEST: Final = 1e100
"""A number beyond it counts as infinite: its square must stay well within float64."""

_ISO_DATE: Final = re.compile(r"\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?\s*")
_TRUTHS: Final = {"true": 1.0, "1": 1.0, "1.0": 1.0, "false": 0.0, "0": 0.0, "0.0": 0.0}


class Kind(StrEnum):
    """What a raw column holds."""

    NUMBER = "number"
    BOOLEAN = "boolean"
    DATETIME = "datetime"
    CATEGORY = "category"


@dataclass(frozen=True, slots=True)
class Column:
    """One raw input column; `dropped` says why it is not used, or is empty."""

    name: str
    kind: Kind
    dropped: str = ""


def check_names(names: Sequence[str], where: str) -> None:
    """Raise DataError when a column's name appears twice, or holds what NumPy or a database would lose."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise DataError(f"{where}: more than one column is named {quoted(twice)}. Give each column its own name.")
    for name in names:
        if not is_storable(name):
            raise DataError(
                f"{where}: the column {name!r} has a NUL or half a character in its name. Name it otherwise."
            )


def replaced(frame: "pd.DataFrame", others: "pd.DataFrame") -> "pd.DataFrame":
    """Return the table with those of its columns that are in `others` as they are there."""
    columns = {name: others[name] if name in others.columns else frame[name] for name in frame.columns}
    return type(frame)(columns)


def kind_of(values: "pd.Series[Any]") -> Kind:
    """Tell the kind from a column with at least one value; raises DataError for values that fit none."""
    import pandas as pd
    from pandas.api import types

    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return Kind.CATEGORY
    if types.is_bool_dtype(dtype):
        return Kind.BOOLEAN
    if types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype):
        return Kind.NUMBER
    if types.is_datetime64_any_dtype(dtype):
        return Kind.DATETIME
    present = values.dropna()
    inferred = types.infer_dtype(present, skipna=True)
    if inferred in _INFERRED:
        return _INFERRED[inferred]
    if inferred == "string":
        return Kind.DATETIME if _are_dates(present) else Kind.CATEGORY
    if inferred.startswith("mixed") and all(
        isinstance(value, str | float | int | Decimal | np.number | np.bool) for value in present
    ):
        return Kind.CATEGORY
    example = repr(present.iloc[0])
    raise DataError(
        f"the column '{values.name}' holds values that are no number, boolean, date or text, such as {example[:60]}. "
        "Remove the column, or turn it into such values."
    )


def converted(values: "pd.Series[Any]", kind: Kind) -> NDArray[Any]:
    """Return the values in the form of `kind`, as this module's docstring has it.

    Raises DataError with the row of the first value that cannot be read as that kind.
    """
    return _CONVERTERS[kind](values, values.notna().to_numpy(dtype=bool))


def _texts(values: "pd.Series[Any]", present: NDArray[Any]) -> NDArray[Any]:
    import pandas as pd

    texts = np.full(len(values), np.nan, dtype=object)
    found = values.to_numpy(dtype=object)[present]
    texts[present] = found if isinstance(values.dtype, pd.StringDtype) else [_text(value) for value in found]
    return texts


def _numbers(values: "pd.Series[Any]", present: NDArray[Any]) -> NDArray[Any]:
    from pandas.api import types

    if types.is_numeric_dtype(values.dtype) and not types.is_complex_dtype(values.dtype):
        numbers = np.array(values.to_numpy(dtype=np.float64, na_value=np.nan))
    else:
        numbers = _each(values, present, _number, "a number")
    numbers[~(np.abs(numbers) <= LARGEST)] = np.nan
    return numbers


def _truths(values: "pd.Series[Any]", present: NDArray[Any]) -> NDArray[Any]:
    from pandas.api import types

    if types.is_bool_dtype(values.dtype):
        return np.array(values.to_numpy(dtype=np.float64, na_value=np.nan))
    return _each(values, present, lambda value: _TRUTHS[str(value).strip().casefold()], "true or false")


def _days(values: "pd.Series[Any]", present: NDArray[Any]) -> NDArray[Any]:
    dates = _datetimes(values)
    unread = present & dates.isna().to_numpy(dtype=bool)
    if unread.any():
        raise _unreadable(values, int(np.argmax(unread)), "a date (YYYY-MM-DD, or with a time)")
    # In microseconds, int64 spans every year that a date may have; pandas' nanoseconds end in 2262.
    instants = dates.dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.array((instants - np.datetime64(0, "us")) / np.timedelta64(1, "D"), dtype=np.float64)


def _each(values: "pd.Series[Any]", present: NDArray[Any], read: Callable[[Any], float], what: str) -> NDArray[Any]:
    numbers = np.full(len(values), np.nan)
    for row in np.flatnonzero(present).tolist():
        try:
            numbers[row] = read(values.iloc[row])
        except (KeyError, TypeError, ValueError) as error:
            raise _unreadable(values, row, what) from error
    return numbers


def _unreadable(values: "pd.Series[Any]", row: int, what: str) -> DataError:
    value = repr(values.iloc[row])[:60]
    return DataError(f"the column '{values.name}', row {row + 1}: {value} is not {what}. Correct or empty that cell.")


def _datetimes(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return the values as UTC timestamps; NaT where that cannot be."""
    import pandas as pd

    return pd.to_datetime(values, format="ISO8601", errors="coerce", utc=True)


def _are_dates(texts: "pd.Series[Any]") -> bool:
    return all(_ISO_DATE.fullmatch(text) for text in texts) and bool(_datetimes(texts).notna().all())


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:  # an integer beyond float64
        return np.inf


def _text(value: Any) -> str:
    """Return the category's name: a number written 1, 1.0 or "1" is the same category."""
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


_CONVERTERS: Final[Mapping[Kind, Callable[..., NDArray[Any]]]] = {
    Kind.NUMBER: _numbers,
    Kind.BOOLEAN: _truths,
    Kind.DATETIME: _days,
    Kind.CATEGORY: _texts,
}
_INFERRED: Final = {
    "boolean": Kind.BOOLEAN,
    "integer": Kind.NUMBER,
    "floating": Kind.NUMBER,
    "mixed-integer-float": Kind.NUMBER,
    "decimal": Kind.NUMBER,
    "date": Kind.DATETIME,
    "datetime": Kind.DATETIME,
    "datetime64": Kind.DATETIME,
}
