"""The roles of a table's columns: which are features, which are targets, and which says how much a row counts."""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hpo.data.arrays import weight_of
from hpo.data.columns import Kind, kind_of, replaced
from hpo.data.messages import DataError, Remarks, counted, quoted
from hpo.data.options import Options
from hpo.data.sources import Table
from strategies.spelling import suggestion

if TYPE_CHECKING:
    import pandas as pd

Verbatim = Callable[[Sequence[str]], "pd.DataFrame"]
"""Reads columns of a CSV file as text, as `Contents.verbatim` does."""

_CODE: Final = "0[0-9]+"
"""A label that is written in digits, and is no number: 01 and 1 may be two."""

USUAL_TARGETS: Final = ("target", "label", "class", "y")


@dataclass(frozen=True, slots=True)
class Roles:
    """A table, taken apart; each part has all of its rows, in order."""

    features: "pd.DataFrame"
    targets: "pd.DataFrame"
    weight: "pd.Series[Any] | None"


def assign_roles(table: Table, options: Options, remarks: Remarks) -> Roles:
    """Return the columns by role; raises DataError when it is not clear which are meant."""
    targets = _targets(table, options, remarks)
    features = table.frame if table.chosen else table.frame.drop(columns=list(targets.columns))
    weight = _weight(table, features, targets, options.weight)
    if isinstance(options.weight, str) and options.weight in features.columns:
        features = features.drop(columns=options.weight)
    return Roles(_without_dropped(features, options), targets, weight)


def _targets(table: Table, options: Options, remarks: Remarks) -> "pd.DataFrame":
    names: Sequence[str] | None = options.targets
    if table.targets is not None:
        if names is not None and _each_named(names, table.targets.columns) != list(table.targets.columns):
            raise DataError(f"the target comes apart from the features. Leave out the target {quoted(names)}.")
        return table.targets
    columns = list(table.frame.columns)
    if names is None:
        usual = [column for column in columns if column.strip().casefold() in USUAL_TARGETS]
        if len(usual) != 1:
            raise DataError(f"which column is the target? Name one of {quoted(usual or columns)}.")
        names = usual
        remarks.notes.append(f"The target is the column '{usual[0]}'.")
    targets = _each_named(names, columns)
    for name in targets:
        if name not in columns:
            raise DataError(
                f"there is no column '{name}' to be the target.{suggestion(name, columns)} "
                f"Name one of {quoted(columns)}."
            )
    if table.verbatim is None:
        return table.frame[targets]
    coded = table.frame[targets] if options.task == "regression" else _with_codes(table.frame[targets], table.verbatim)
    return _with_labels(coded, table.verbatim, remarks)


def _with_codes(targets: "pd.DataFrame", verbatim: Verbatim) -> "pd.DataFrame":
    """Return the targets; those of whole numbers among which are codes, such as 007, as texts with their zeros."""
    whole = [name for name in map(str, targets.columns) if _is_whole(targets[name])]
    if not whole:
        return targets
    texts = verbatim(whole)
    return replaced(targets, texts[[name for name in whole if texts[name].str.fullmatch(_CODE).any()]])


def _with_labels(targets: "pd.DataFrame", verbatim: Verbatim, remarks: Remarks) -> "pd.DataFrame":
    """Return the targets; in those of text NA, None and the like are labels, as far as the file tells.

    Among features they are missing, as pandas has it: nothing is lost there, missing being a category of its own. Of
    several targets each has two values, and a third is what is missing.
    """
    texts = [name for name in map(str, targets.columns) if _is_text_with_gaps(targets[name])]
    if not texts:
        return targets
    labels = verbatim(texts)
    if len(targets.columns) > 1:
        labels = labels.loc[:, labels.nunique() <= 2]  # noqa: PLR2004 - yes, no
    for name in labels.columns:
        found = Counter(labels[name][targets[name].isna()].dropna().tolist())
        if found:
            said = ", ".join(f"'{label}' in {counted(rows, 'row')}" for label, rows in found.most_common())
            remarks.warnings.append(
                f"The target '{name}' holds {said}: learned like any other label. "
                "Empty those cells if nothing is known there."
            )
    return replaced(targets, labels)


def _is_whole(values: "pd.Series[Any]") -> bool:
    from pandas.api.types import is_float_dtype, is_integer_dtype

    if is_float_dtype(values.dtype):  # whole numbers with gaps are read so
        return bool(np.isfinite(there := values.dropna()).all()) and bool((there % 1 == 0).all())
    return is_integer_dtype(values.dtype)


def _is_text_with_gaps(values: "pd.Series[Any]") -> bool:
    gaps = values.isna()
    return bool(gaps.any()) and not gaps.all() and kind_of(values) is Kind.CATEGORY


def _each_named(names: Sequence[str], columns: Collection[str]) -> list[str]:
    """Return each name once; one that is no column, but has commas in it, stands for those between the commas."""
    parts = (
        [part.strip() for part in name.split(",")] if "," in name and name not in columns else [name] for name in names
    )
    return list(dict.fromkeys(chain.from_iterable(parts)))


def _weight(table: Table, features: "pd.DataFrame", targets: "pd.DataFrame", weight: Any) -> "pd.Series[Any] | None":
    """Return the column that is named, or the array that is given."""
    if weight is None:
        return None
    rows = len(features)
    if not isinstance(weight, str):
        if not table.in_memory:
            raise DataError("weights in memory go with data in memory. Give the name of a column as the weight.")
        return weight_of(weight, rows, "weight")
    if weight in features.columns:
        return features[weight]
    if weight in table.beside:
        return weight_of(table.beside[weight], rows, weight)
    if weight in targets.columns:
        raise DataError(f"the column '{weight}' is a target, and cannot be the weight too. Name another column.")
    names = [*features.columns, *table.beside]
    raise DataError(
        f"there is no column '{weight}' to be the weight.{suggestion(weight, names)} Name one of {quoted(names)}."
    )


def _without_dropped(features: "pd.DataFrame", options: Options) -> "pd.DataFrame":
    columns = list(features.columns)
    for name in (*options.keep, *options.drop):
        if name not in columns:
            raise DataError(
                f"there is no column '{name}' to keep or drop.{suggestion(name, columns)} "
                f"The columns are {quoted(columns)}."
            )
    return features.drop(columns=list(options.drop))
