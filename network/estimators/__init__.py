"""Networks as scikit-learn's estimators, for pipelines, cross-validation and grid search."""

from network.estimators.mlp_classifier import MLPClassifier
from network.estimators.mlp_regressor import MLPRegressor
from network.estimators.perceptron import Perceptron

__all__ = ["MLPClassifier", "MLPRegressor", "Perceptron"]
