"""Softmax cross-entropy: for rows of one class each."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from network.arrays import Array
from network.errors import NetworkError
from network.losses.base import Loss, mean, sum_over_outputs
from network.losses.classification import balanced_accuracy, roc_auc


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Outputs are logits, y (n,) holds classes 0 … outputs-1, predictions are probabilities.

    Targets are one-hot; any others that sum to 1 in each row, as label smoothing makes them, are right as well. In the
    metrics the class of a row is that of its largest target.
    """

    directions = MappingProxyType(
        {
            "loss": "minimize",
            "log_loss": "minimize",
            "accuracy": "maximize",
            "balanced_accuracy": "maximize",
            "roc_auc": "maximize",
        }
    )
    usual = ("loss", "log_loss", "accuracy")
    names_of_loss = frozenset({"loss", "log_loss"})

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

    def undecided(self, outputs: int) -> float:
        """Return the same share for every class."""
        return 1 / outputs

    def predictions(self, outputs: Array) -> Array:
        """Return softmax(z)."""
        with np.errstate(over="ignore"):  # to -inf, whose exponential is right
            probabilities: Array = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        probabilities /= probabilities.sum(axis=-1, keepdims=True)
        return probabilities

    def _gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> float:
        """L = log Σ exp(z - m) + m - Σ t z, where m = max z, and ∂L/∂z = softmax(z) - t.

        Softmax does not change when a row is shifted, and exp of at most 0 cannot overflow. Σ t z comes before the
        shift: after it, a logit may be -inf, and 0 · inf has no value.
        """
        np.multiply(outputs, targets, out=gradient)
        sum_over_outputs(gradient, losses)
        largest = np.maximum.reduce(outputs, axis=-1)
        outputs -= largest[..., None]
        largest -= losses
        np.exp(outputs, out=gradient)
        sum_over_outputs(gradient, losses)
        gradient /= losses[..., None]
        gradient -= targets
        np.log(losses, out=losses)
        losses += largest
        return 1.0

    def _metric(self, name: str, outputs: Array, targets: Array, weights: Array | None) -> Array:
        classes = targets.argmax(axis=-1)
        if name == "accuracy":
            return mean(_hits(outputs, classes), weights)
        of_class = classes[:, None] == np.arange(outputs.shape[-1])
        if name == "roc_auc":
            return roc_auc(self.predictions(outputs), of_class, weights)
        return balanced_accuracy(_hits(outputs, classes), of_class, weights)


def _hits(outputs: Array, classes: Array) -> Array:
    """Tell of each row (members, n) whether the first of its largest outputs is that of its class.

    argmax costs as much as everything else in an evaluation, and is needed only where outputs are equal, or NaN.
    """
    largest = np.maximum.reduce(outputs, axis=-1)
    if np.isnan(largest).any() or np.count_nonzero(outputs == largest[..., None]) != largest.size:
        first: Array = outputs.argmax(axis=-1) == classes
        return first
    hits: Array = outputs[:, np.arange(len(classes)), classes] == largest
    return hits
