"""Networks as scikit-learn's estimators, for pipelines, cross-validation and grid search."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from network.estimators.mlp_classifier import MLPClassifier
from network.estimators.mlp_regressor import MLPRegressor
from network.estimators.perceptron import Perceptron

__all__ = ["ESTIMATORS", "MLPClassifier", "MLPRegressor", "Perceptron"]

ESTIMATORS: Final[Mapping[str, type[Any]]] = MappingProxyType(
    {"MLPClassifier": MLPClassifier, "MLPRegressor": MLPRegressor, "Perceptron": Perceptron}
)
"""The estimators by name: what a file can hold."""
