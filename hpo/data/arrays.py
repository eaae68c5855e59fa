"""Arrays as tables: what a person hands over as (X, y), with weights or without, in memory or in an NPZ file."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import check_names
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


def targets_of(y: Any, rows: int, where: str) -> "pd.DataFrame":
    """Return `y` (rows,) or (rows, targets) as a table: with its own names, or named y, or y0, y1, …."""
    import pandas as pd

    array = _array(y, "y", where)
    if array.ndim not in {1, 2} or len(array) != rows or array.size == 0:
        raise DataError(
            f"{where}: y has the shape {array.shape}. Give one value for each of the {rows:,} rows of X, or an array "
            "of shape (rows, targets)."
        )
    if isinstance(y, pd.Series):
        return y.reset_index(drop=True).to_frame("y" if y.name is None else str(y.name))
    if isinstance(y, pd.DataFrame):
        names = [str(name) for name in y.columns]
        check_names(names, f"{where}: y")
        return y.set_axis(names, axis=1).reset_index(drop=True)
    matrix = array.reshape(rows, -1)
    names = ["y"] if matrix.shape[1] == 1 else [f"y{index}" for index in range(matrix.shape[1])]
    return pd.DataFrame(matrix, columns=names).infer_objects()


def weight_of(weight: Any, rows: int, name: str) -> "pd.Series[Any]":
    """Return `weight`, one for each of `rows`, as a column called `name`."""
    import pandas as pd

    array = _array(weight, name, "weight")
    if array.shape not in {(rows,), (rows, 1)}:
        raise DataError(
            f"the weight '{name}' has the shape {array.shape}. Give one number for each of the {rows:,} rows."
        )
    return pd.Series(array.ravel(), name=name).infer_objects()


def _array(values: Any, name: str, where: str) -> NDArray[Any]:
    try:
        # A list keeps each value's own type: NumPy would turn numbers beside a text into texts.
        return np.asarray(values, dtype=object if isinstance(values, list | tuple) else None)
    except ValueError as error:
        raise DataError(f"{where}: {name} is no array ({error}). Give rows of the same length.") from error
