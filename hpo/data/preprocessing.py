"""From raw columns to the numbers a network is fed, by scikit-learn's pipelines."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Column, Kind, converted
from hpo.data.messages import DataError, quoted

if TYPE_CHECKING:
    import pandas as pd

MAX_CATEGORIES: Final = 50
"""A column's most frequent categories have an input each; all others share one."""

FARTHEST: Final = 1e6
"""Standardised values are cut off here: a million standard deviations is as far as a float32 need go."""

_MISSING: Final = "(missing)"


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a training part has taught about its columns.

    `columns` are all raw columns in the order of the table, the dropped ones too; `transformer` is a fitted
    `ColumnTransformer` over the used ones, `feature_names` are its outputs.
    """

    columns: tuple[Column, ...]
    transformer: Any = field(repr=False)
    feature_names: tuple[str, ...] = field(repr=False)

    @property
    def used(self) -> tuple[Column, ...]:
        """The raw columns that must be in a table to be transformed."""
        return tuple(column for column in self.columns if not column.dropped)

    def transform(self, table: "pd.DataFrame") -> NDArray[Any]:
        """Return float32 inputs (rows, features), C-contiguous; columns are found by name, others ignored.

        Raises DataError when a column is missing or holds what cannot be read as its kind.
        """
        missing = [column.name for column in self.used if column.name not in table.columns]
        if missing:
            raise DataError(f"the table has no column {quoted(missing)}; it has {quoted(list(table.columns))}.")
        inputs = self.transformer.transform(_converted(table, self.used))
        return bounded(inputs)


def fit_preprocessing(table: "pd.DataFrame", columns: Sequence[Column]) -> Preprocessing:
    """Fit on `table`, which holds the training part's rows and nothing else.

    Numbers, booleans and dates: missing ones become the median, then all are standardised. Categories: missing is a
    category of its own, then one input for each; one that was not there in training gives the input of the rare ones,
    or zeros.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    used = tuple(column for column in columns if not column.dropped)
    numbers = [column.name for column in used if column.kind is not Kind.CATEGORY]
    categories = [column.name for column in used if column.kind is Kind.CATEGORY]
    encoder = OneHotEncoder(
        handle_unknown="infrequent_if_exist", max_categories=MAX_CATEGORIES, sparse_output=False, dtype=np.float32
    )
    transformer = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
            ("categories", make_pipeline(SimpleImputer(strategy="constant", fill_value=_MISSING), encoder), categories),
        ]
    ).fit(_converted(table, used))
    names = (name.partition("__")[2] for name in transformer.get_feature_names_out())
    return Preprocessing(tuple(columns), transformer, tuple(names))


def bounded(values: NDArray[Any]) -> NDArray[Any]:
    """Return standardised values as C-contiguous float32, cut off where float32 would overflow in training."""
    return np.ascontiguousarray(np.clip(values, -FARTHEST, FARTHEST), dtype=np.float32)


def _converted(table: "pd.DataFrame", columns: Sequence[Column]) -> "pd.DataFrame":
    import pandas as pd

    # Each column keeps its dtype: left to itself, pandas would turn an object column of texts into another type.
    converted_columns = {column.name: converted(table[column.name], column.kind) for column in columns}
    return pd.DataFrame({name: pd.Series(values, dtype=values.dtype) for name, values in converted_columns.items()})
