"""How much each row counts: as the table says, and so that each class counts the same."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import Kind, converted
from hpo.data.messages import DataError

if TYPE_CHECKING:
    import pandas as pd


def read_weights(column: "pd.Series[Any]") -> NDArray[np.float64]:
    """Return the weights (rows,): finite, none below 0, not all 0. Raises DataError, naming the row, for others."""
    name = column.name
    if column.isna().all():
        raise DataError(f"the weight '{name}' is missing in every row. Name another column.")
    weights: NDArray[np.float64] = converted(column, Kind.NUMBER)
    wrong = np.flatnonzero(~(weights >= 0))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"the weight '{name}', row {row + 1}: {column.iloc[row]} is no finite number from 0 on. Correct that cell."
        )
    if not weights.any():
        raise DataError(f"the weight '{name}' is 0 in every row, so that none counts. Name another column.")
    return weights


def balancing(y: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Return a factor for each class (classes,), by which they count the same: rows / (classes · rows of the class).

    `y` (rows,) holds each class at least once.
    """
    return len(y) / (classes * np.bincount(y, minlength=classes))
