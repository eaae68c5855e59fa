"""Losses: what training minimises, its gradient, and the metrics that tell how good the outcome is.

The loss of a batch or of a data set is the mean of its rows' losses. Outputs are those of the last dense layer.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

import numpy as np

from network.arrays import Array, ones
from network.errors import NetworkError

Direction = Literal["minimize", "maximize"]


class Loss(ABC):
    """A loss, and the metrics that go with it."""

    directions: ClassVar[Mapping[str, Direction]]
    """The metrics by name, and which way each is better. "loss" is the loss itself."""

    @abstractmethod
    def targets(self, name: str, y: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """Return `y` as the array (n, outputs) that the outputs are compared with.

        Raises NetworkError, calling the array `name`, when `y` is no target of this loss.
        """

    @abstractmethod
    def gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> None:
        """Write the gradient of a batch's loss to `gradient` and each row's loss to `losses`.

        `outputs` (may be overwritten), `targets` and `gradient` have the shape (members, rows, outputs), `losses`
        (members, rows).
        """

    @abstractmethod
    def predictions(self, outputs: Array) -> Array:
        """Return what `outputs` (n, outputs) mean to a user, in the same shape."""

    @abstractmethod
    def metrics(self, outputs: Array, targets: Array) -> dict[str, float]:
        """Return every metric of one member's outputs; both arrays have the shape (n, outputs)."""


class CrossEntropy(Loss):
    """Softmax cross-entropy: outputs are logits, y is a class 0 … outputs-1, predictions are probabilities."""

    directions = MappingProxyType({"loss": "minimize", "log_loss": "minimize", "accuracy": "maximize"})

    def targets(self, name: str, y: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """Return one-hot rows: 1 in the column of the class."""
        if y.ndim != 1 or not np.issubdtype(y.dtype, np.integer):
            raise NetworkError(
                f"{name} has shape {y.shape} and dtype {y.dtype}, but cross_entropy needs one whole number per row: "
                "shape (n,), the class of each row."
            )
        if y.size and not 0 <= y.min() <= y.max() < outputs:
            raise NetworkError(
                f"{name} has classes from {y.min()} to {y.max()}, but the network's {outputs} outputs stand for the "
                f"classes 0 to {outputs - 1}: encode the classes so, or change the number of outputs."
            )
        one_hot = np.zeros((len(y), outputs), dtype)
        one_hot[np.arange(len(y)), y] = 1
        return one_hot

    def gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> None:
        """For each row, L = log Σ exp z - z_y, and ∂L/∂z = softmax(z) - one_hot(y)."""
        column = losses[..., None]
        np.maximum.reduce(outputs, axis=-1, out=losses)
        outputs -= column  # softmax does not change when a row is shifted, and exp of at most 0 cannot overflow
        np.exp(outputs, out=gradient)
        np.vecdot(gradient, ones(outputs.shape[-1], outputs.dtype), out=losses)
        gradient /= column
        gradient -= targets
        gradient *= 1 / outputs.shape[-2]
        np.log(losses, out=losses)
        losses -= np.vecdot(outputs, targets)

    def predictions(self, outputs: Array) -> Array:
        """Return softmax(z)."""
        exponentials = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        probabilities: Array = exponentials / exponentials.sum(axis=-1, keepdims=True)
        return probabilities

    def metrics(self, outputs: Array, targets: Array) -> dict[str, float]:
        """Return the loss, again as "log_loss", and the share of rows whose largest output is their class."""
        shifted = outputs - outputs.max(axis=-1, keepdims=True)
        losses = np.log(np.exp(shifted).sum(axis=-1)) - np.vecdot(shifted, targets)
        hits = np.take_along_axis(targets, outputs.argmax(axis=-1, keepdims=True), axis=-1)
        loss = float(losses.mean(dtype=np.float64))
        return {"loss": loss, "log_loss": loss, "accuracy": float(hits.mean(dtype=np.float64))}


class SquaredError(Loss):
    """Squared error, the mean over a row's outputs: y and predictions are the values themselves."""

    directions = MappingProxyType({"loss": "minimize", "rmse": "minimize", "r2": "maximize"})

    def targets(self, name: str, y: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """Return the values themselves."""
        if y.ndim != 2 or y.shape[1] != outputs or y.dtype.kind not in "fiu":  # noqa: PLR2004 - a matrix
            raise NetworkError(
                f"{name} has shape {y.shape} and dtype {y.dtype}, but squared_error needs numbers of shape "
                f"(n, {outputs}), one column an output: reshape a single column with y.reshape(-1, 1)."
            )
        with np.errstate(over="ignore"):
            targets = np.ascontiguousarray(y, dtype)
        if not np.isfinite(targets).all():
            raise NetworkError(
                f"{name} holds NaN, infinity or a number too large for {dtype}: drop or mend these rows."
            )
        return targets

    def gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> None:
        """For each row, L = mean (z - y)², and ∂L/∂z = 2 (z - y) / outputs."""
        rows, columns = outputs.shape[-2:]
        np.subtract(outputs, targets, out=gradient)
        np.vecdot(gradient, gradient, out=losses)
        losses *= 1 / columns
        gradient *= 2 / (rows * columns)

    def predictions(self, outputs: Array) -> Array:
        """Return z."""
        return outputs.copy()

    def metrics(self, outputs: Array, targets: Array) -> dict[str, float]:
        """Return the mean squared error, its root, and the coefficient of determination R²."""
        truth = targets.astype(np.float64)
        squares = np.square(outputs - truth)
        loss = float(squares.mean())
        return {"loss": loss, "rmse": float(np.sqrt(loss)), "r2": _r2(squares.sum(axis=0), truth)}


def _r2(residual: Array, truth: Array) -> float:
    """Return the coefficient of determination, the mean over outputs; a constant output counts 1 if exact, else 0."""
    total = np.square(truth - truth.mean(axis=0)).sum(axis=0)
    constant = total == 0
    scores = np.where(constant, residual == 0, 1 - residual / np.where(constant, 1, total))
    return float(scores.mean())


LOSSES: Final[Mapping[str, Loss]] = MappingProxyType({"cross_entropy": CrossEntropy(), "squared_error": SquaredError()})
