"""Sigmoid cross-entropy: for rows that have each label or have it not."""

from dataclasses import dataclass
from math import inf
from types import MappingProxyType
from typing import Any

import numpy as np

from network.arrays import Array
from network.errors import NetworkError
from network.losses.base import Loss, mean, mean_over_outputs
from network.losses.classification import balanced_accuracy, roc_auc


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """Outputs are logits, one for each label; y holds 0 or 1, predictions are the probabilities of 1.

    With one output y has the shape (n,) or (n, 1), else (n, outputs). A row's loss is the mean over its labels. Targets
    between 0 and 1 are right as well; in the metrics, those above 0.5 count as 1, as do logits above 0. A row of more
    than one label is accurate when all of them are right; balanced accuracy and ROC AUC are means over the labels.
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
        """Return y as a matrix."""
        labels = y[:, None] if y.ndim == 1 and outputs == 1 else y
        if labels.ndim != 2 or labels.shape[1] != outputs or labels.dtype.kind not in "biuf":  # noqa: PLR2004 - a matrix
            shape = "(n,) or (n, 1)" if outputs == 1 else f"(n, {outputs})"
            raise NetworkError(
                f"{name} has shape {y.shape} and dtype {y.dtype}, but binary_cross_entropy with outputs={outputs} "
                f"needs numbers 0 and 1 of shape {shape}, one column an output."
            )
        wrong = (labels != 0) & (labels != 1)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise NetworkError(
                f"{name} holds {labels[row, column]}, first in row {row}, column {column}, but binary_cross_entropy "
                "knows 0 and 1 alone: encode the labels so, or use cross_entropy for more than two classes."
            )
        return np.ascontiguousarray(labels, dtype)

    def undecided(self, outputs: int) -> float:  # noqa: ARG002 - each label is one of two
        """Return 1/2 for every label."""
        return 0.5

    def predictions(self, outputs: Array) -> Array:
        """Return σ(z) as exp(min(z, 0)) / (1 + exp(-|z|)), whose relative error is small at either end."""
        probabilities: Array = np.exp(np.minimum(outputs, 0))
        probabilities /= 1 + np.exp(-np.abs(outputs))
        return probabilities

    def _gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> float:
        """L = mean max(z, 0) - t z + log(1 + exp(-|z|)), and ∂L/∂z = (σ(z) - t) / outputs.

        σ(z) = (1 + tanh(z/2)) / 2, as it cannot overflow.
        """
        labels: int = outputs.shape[-1]
        np.abs(outputs, out=gradient)
        gradient *= -1  # np.negative to an array with gaps can be wrong in NumPy 2.4
        np.exp(gradient, out=gradient)
        np.log1p(gradient, out=gradient)
        linear = outputs.clip(0.0, inf)
        linear -= outputs * targets
        gradient += linear
        mean_over_outputs(gradient, losses)
        outputs *= 0.5
        np.tanh(outputs, out=outputs)
        outputs *= 0.5
        np.subtract(0.5, targets, out=gradient)
        gradient += outputs
        return 1 / labels

    def _metric(self, name: str, outputs: Array, targets: Array, weights: Array | None) -> Array:
        has_label = targets > 0.5  # noqa: PLR2004 - half way from 0 to 1
        if name == "roc_auc":
            return roc_auc(self.predictions(outputs), has_label, weights)
        hits = (outputs > 0) == has_label
        if name == "accuracy":
            return mean(hits.all(axis=-1), weights)
        labels = [np.stack([label, ~label], axis=-1) for label in has_label.T]
        scores = [balanced_accuracy(hits[..., label], of, weights) for label, of in enumerate(labels)]
        total: Array = sum(scores, np.zeros(len(outputs)))
        return total / len(scores)
