# ruff: noqa: N803 - X is scikit-learn's name for the inputs
"""Networks that estimate values."""

from dataclasses import dataclass, replace
from typing import Any, Final, Self, final

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.utils import check_array

from network.arrays import Array
from network.errors import NetworkError, check_name
from network.estimators.examples import Examples, checked_examples, checked_inputs
from network.estimators.mlp import MLP
from network.losses import LOSSES
from network.losses.regression import Regression

REGRESSIONS: Final = tuple(name for name, loss in LOSSES.items() if isinstance(loss, Regression))


@final
@dataclass(kw_only=True, eq=False, repr=False)
class MLPRegressor(RegressorMixin, MLP):  # type: ignore[misc] # scikit-learn comes without types
    """A network that gives each row a value, or with y a matrix (n, outputs), several.

    `loss` is "squared_error", "rss" or "huber", whose `huber_delta` says where outliers begin. With `standardize` the
    targets are standardized as well, so losses and `huber_delta` are in units of their standard deviation. For
    everything else see `MLP`.
    """

    loss: str = "squared_error"
    huber_delta: float = 1.0

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train anew. Raises ValueError on settings or examples that cannot be, and when training diverges."""
        examples = self._columns(checked_examples(self, X, y, sample_weight, first=True))
        scaling = self._standardization("y", examples.y, examples.weights)
        self._fit(replace(examples, y=scaling.apply(examples.y)), self.loss, examples.y.shape[1])
        self._target_scaling = scaling
        return self

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, from where the last call, or `fit`, has ended. Raises ValueError as `fit`.

        The first call, unless it follows `fit`, settles the standardization by its rows.
        """
        first = not self.__sklearn_is_fitted__()
        examples = self._columns(checked_examples(self, X, y, sample_weight, first=first))
        columns = examples.y.shape[1]
        scaling = self._standardization("y", examples.y, examples.weights) if first else self._target_scaling
        if columns != len(scaling.mean):
            raise NetworkError(f"y has {columns} columns, but the first call's had {len(scaling.mean)}: give as many.")
        self._partial_fit(replace(examples, y=scaling.apply(examples.y)), self.loss, columns)
        self._target_scaling = scaling
        return self

    def predict(self, X: Any) -> Array:
        """Return the values (n,), or (n, outputs)."""
        outputs = self._outputs(checked_inputs(self, X))
        values = self._target_scaling.undo(outputs)
        return values[:, 0] if values.shape[1] == 1 else values

    def _columns(self, examples: Examples) -> Examples:
        """Return the examples with targets (n, outputs) in float64."""
        check_name("loss of a regressor", self.loss, REGRESSIONS)
        y = check_array(examples.y, dtype=np.float64, ensure_2d=False, input_name="y")
        return replace(examples, y=y.reshape(len(y), -1))
