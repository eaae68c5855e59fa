# ruff: noqa: N803 - X is scikit-learn's name for the inputs
"""Networks that tell classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np
from sklearn.base import ClassifierMixin

from network.arrays import Array
from network.errors import NetworkError
from network.estimators.examples import Examples, checked_examples, checked_inputs
from network.estimators.labels import Labels
from network.estimators.mlp import MLP
from network.topology import loss_of


@final
@dataclass(kw_only=True, eq=False, repr=False)
class MLPClassifier(ClassifierMixin, MLP):  # type: ignore[misc] # scikit-learn comes without types
    """A network that gives each row a class, or with y a matrix (n, labels) of 0 and 1, any number of labels.

    It minimises cross-entropy: over the softmax of one output a class, two for two classes; or over the sigmoid of one
    output a label. `class_weight` multiplies the rows' weights: a dict by class, where a class left out counts 1, or
    "balanced". For everything else see `MLP`.

    `classes_` are the classes in the order of the columns of `predict_proba`; of labels, the column numbers.
    """

    label_smoothing: float = 0.0
    class_weight: Mapping[Any, float] | str | None = None

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train anew. Raises ValueError on settings or examples that cannot be, and when training diverges."""
        examples = checked_examples(self, X, y, sample_weight, first=True)
        labels = Labels.of(examples.y)
        self._fit(self._encoded(examples, labels), _loss(labels), len(labels.classes))
        self._labels, self.classes_ = labels, labels.classes
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one epoch on these rows, from where the last call, or `fit`, has ended.

        The first call, unless it follows `fit`, needs all `classes` that will ever come. Raises ValueError as `fit`.
        """
        if self.class_weight == "balanced":
            raise NetworkError(
                "partial_fit does not see all rows, so it cannot balance the classes: give class_weight as a dict."
            )
        first = not self.__sklearn_is_fitted__()
        examples = checked_examples(self, X, y, sample_weight, first=first)
        labels = Labels.named(classes, examples.y) if first else self._labels
        labels.check_same(classes)
        self._partial_fit(self._encoded(examples, labels), _loss(labels), len(labels.classes))
        self._labels, self.classes_ = labels, labels.classes
        return self

    def decision_function(self, X: Any) -> Array:
        """Return the outputs before softmax or sigmoid (n, classes); of two classes the log-odds of the second (n,)."""
        outputs = self._outputs(checked_inputs(self, X))
        if self._labels.binary:
            return np.subtract(outputs[:, 1], outputs[:, 0])
        return outputs

    def predict_proba(self, X: Any) -> Array:
        """Return the probabilities (n, classes), in the order of `classes_`."""
        outputs = self._outputs(checked_inputs(self, X))
        return loss_of(self.architecture_).predictions(outputs)

    def predict(self, X: Any) -> Array:
        """Return the most probable class of each row (n,), or 1 for each label more probable than not (n, labels)."""
        outputs = self._outputs(checked_inputs(self, X))
        return self._labels.decode(outputs > 0 if self._labels.multilabel else outputs.argmax(axis=1))

    def _encoded(self, examples: Examples, labels: Labels) -> Examples:
        numbers = labels.encode(examples.y)
        return Examples(examples.x, numbers, labels.weights(self.class_weight, numbers, examples.weights))


def _loss(labels: Labels) -> str:
    return "binary_cross_entropy" if labels.multilabel else "cross_entropy"
