"""Arrays as tables: what a person hands over as (X, y), in memory or in an NPZ file."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpo.data.messages import DataError

if TYPE_CHECKING:
    import pandas as pd


def features_of(x: Any, where: str) -> "pd.DataFrame":
    """Return `x` (rows, features) as a table with the columns f0, f1, …; further axes (of images) are flattened."""
    import pandas as pd

    array = _array(x, "X", where)
    if array.ndim < 2 or array.size == 0:  # noqa: PLR2004 - rows and features
        raise DataError(f"{where}: X has the shape {array.shape}. Give an array of shape (rows, features).")
    flat = array.reshape(len(array), -1)
    return pd.DataFrame(flat, columns=[f"f{index}" for index in range(flat.shape[1])]).infer_objects()


def labels_of(y: Any, rows: int, where: str) -> "pd.Series[Any]":
    """Return `y`, one value for each of `rows`, as a column named y unless it has a name."""
    import pandas as pd

    array = _array(y, "y", where)
    if array.shape not in {(rows,), (rows, 1)}:
        raise DataError(f"{where}: y has the shape {array.shape}. Give one value for each of the {rows:,} rows of X.")
    if isinstance(y, pd.Series):
        return y.reset_index(drop=True).rename("y" if y.name is None else str(y.name))
    return pd.Series(array.ravel(), name="y").infer_objects()


def _array(values: Any, name: str, where: str) -> NDArray[Any]:
    try:
        # A list keeps each value's own type: NumPy would turn numbers beside a text into texts.
        return np.asarray(values, dtype=object if isinstance(values, list | tuple) else None)
    except ValueError as error:
        raise DataError(f"{where}: {name} is no array ({error}). Give rows of the same length.") from error
