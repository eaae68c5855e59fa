# ruff: noqa: N803 - X is scikit-learn's name for the inputs
"""Rosenblatt's perceptron as an estimator."""

from dataclasses import dataclass, field
from typing import Any, Self, final

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from network import perceptron
from network.arrays import Array
from network.estimators.examples import checked_examples, checked_inputs
from network.estimators.labels import Labels
from network.estimators.seeds import RandomState, drawn_seed
from network.saving import Savable


@final
@dataclass(kw_only=True, eq=False, repr=False)
class Perceptron(ClassifierMixin, Savable, BaseEstimator):  # type: ignore[misc] # scikit-learn comes without types
    """One threshold on a weighted sum for two classes, else one for each class against the rest, or for each label.

    It learns by the perceptron rule until an epoch has no mistake, or for `max_epochs`: classes that no plane separates
    never come to rest. The rule starts at 0, so for two classes `learning_rate` changes only the size of the weights.
    A row of weight s changes them s times as much on a mistake.

    `coef_` (units, inputs) and `intercept_` (units,) are the weights, `loss_curve_` the mistakes in each epoch, of all
    units together; `converged_`: the last had none.
    """

    max_epochs: int = field(default=100, kw_only=False)
    learning_rate: float = 1.0
    random_state: RandomState = None

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "coef_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn anew. Raises ValueError on settings or examples that cannot be, and when the weights overflow."""
        examples = checked_examples(self, X, y, sample_weight, first=True)
        labels, rng = Labels.of(examples.y), np.random.default_rng(drawn_seed(self.random_state))
        learned = perceptron.learn(
            examples.x,
            _targets(labels, examples.y),
            max_epochs=self.max_epochs,
            rng=rng,
            learning_rate=self.learning_rate,
            sample_weights=examples.weights,
        )
        self.loss_curve_: list[int] = []
        self._learned(labels, rng, learned.weights, learned.mistakes)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Learn for one epoch from these rows, going on from where the last call, or `fit`, has ended.

        The first call, unless it follows `fit`, needs all `classes` that will ever come. Raises ValueError as `fit`.
        """
        first = not self.__sklearn_is_fitted__()
        examples = checked_examples(self, X, y, sample_weight, first=first)
        labels = Labels.named(classes, examples.y) if first else self._labels
        labels.check_same(classes)
        targets = _targets(labels, examples.y)
        rng = np.random.default_rng(drawn_seed(self.random_state)) if first else self._rng
        weights, mistakes = perceptron.learn_epoch(
            np.zeros((targets.shape[1], 1 + examples.x.shape[1])) if first else self._weights(),
            examples.x,
            targets,
            rng=rng,
            learning_rate=self.learning_rate,
            sample_weights=examples.weights,
        )
        self.loss_curve_ = [] if first else self.loss_curve_
        self._learned(labels, rng, weights, mistakes[None])
        return self

    def decision_function(self, X: Any) -> Array:
        """Return the weighted sums (n, classes) or (n, labels); of two classes that of the second (n,)."""
        x = checked_inputs(self, X)
        scores = perceptron.scores(self._weights(), x)
        return scores[:, 0] if self._labels.binary else scores

    def predict(self, X: Any) -> Array:
        """Return the class of the largest sum (n,), of two classes by the sum's sign, or the labels (n, labels)."""
        x = checked_inputs(self, X)
        if self._labels.multilabel:
            return self._labels.decode(perceptron.linear_threshold(self._weights(), x))
        if self._labels.binary:
            return self._labels.decode(perceptron.linear_threshold(self._weights()[0], x))
        return self._labels.decode(perceptron.scores(self._weights(), x).argmax(axis=1))

    def _weights(self) -> Array:
        return np.column_stack([self.intercept_, self.coef_])

    def _learned(self, labels: Labels, rng: np.random.Generator, weights: Array, mistakes: Array) -> None:
        self._labels, self.classes_, self._rng = labels, labels.classes, rng
        self.intercept_, self.coef_ = weights[:, 0].copy(), weights[:, 1:].copy()
        self.loss_curve_ = [*self.loss_curve_, *mistakes.sum(axis=1).tolist()]
        self.n_iter_, self.converged_ = len(self.loss_curve_), self.loss_curve_[-1] == 0


def _targets(labels: Labels, y: Array) -> Array:
    """Return the targets (n, units) of the rule."""
    numbers = labels.encode(y)
    if labels.multilabel:
        return numbers
    return numbers[:, None] if labels.binary else perceptron.one_vs_rest(numbers, len(labels.classes))
