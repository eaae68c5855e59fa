# ruff: noqa: N803 - X is scikit-learn's name for the inputs
"""What a user hands to an estimator, checked."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted, validate_data

from network.arrays import Array
from network.errors import NetworkError

FLOATS = (np.float64, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Inputs `x` (n, inputs), targets `y` (n,) or (n, outputs), and what each row counts, `weights` (n,), above 0."""

    x: Array
    y: Array
    weights: Array | None

    def take(self, rows: Array) -> "Examples":
        """Return these rows."""
        return Examples(self.x[rows], self.y[rows], None if self.weights is None else self.weights[rows])


def checked_inputs(estimator: Any, X: Any) -> Array:
    """Return inputs that a fitted estimator can take; raise scikit-learn's ValueErrors when it is not or cannot."""
    check_is_fitted(estimator)
    x: Array = validate_data(estimator, X, dtype=FLOATS, reset=False)
    return x


def checked_examples(estimator: Any, X: Any, y: Any, sample_weight: Any, *, first: bool) -> Examples:
    """Return examples without the rows of weight 0, which are as good as absent; raise ValueError for what is none.

    The `first` ones say how many inputs, and of what names, the estimator has.
    """
    x, targets = validate_data(estimator, X, y, dtype=FLOATS, multi_output=True, reset=first)
    targets = targets.toarray() if hasattr(targets, "toarray") else targets  # an indicator matrix may be sparse
    if sample_weight is None:
        return Examples(x, targets, None)
    weights = check_array(sample_weight, dtype=np.float64, ensure_2d=False, input_name="sample_weight")
    if weights.shape != (len(x),) or weights.min() < 0:
        raise NetworkError(
            f"sample_weight has shape {weights.shape} and a least value of {weights.min():g}, but must hold a number "
            f"of at least 0 for each of the {len(x)} rows."
        )
    counted = weights > 0
    if not counted.any():
        raise NetworkError("The sample weights are all zero: give at least one row a positive weight.")
    return Examples(x, targets, weights).take(counted)
