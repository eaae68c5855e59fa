"""How good a model's predictions are, by scikit-learn's metrics."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hpo.data import ClassTarget, MeasureTarget, Target


def scores(
    target: Target, truth: NDArray[Any], predictions: NDArray[Any], weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Return the scores of `predictions` (rows, outputs) for an encoded `truth`; `weights` say how much a row counts.

    Classes and labels: accuracy (of labels: all of a row's right), balanced_accuracy, log_loss and roc_auc, the last
    three as means over labels, roc_auc also over classes, each against the rest; what needs rows of both kinds is left
    out where there is only one. Numbers: rmse, mae and r2, means over several targets; errors are in the target's own
    unit, or of several targets in standard deviations of each, which can be averaged.
    """
    if isinstance(target, ClassTarget):
        return _of_classes(truth, predictions, weights)
    if isinstance(target, MeasureTarget):
        if target.outputs == 1:
            truth, predictions = target.decode(truth), target.decode(predictions)
        return _of_numbers(truth, predictions, weights)
    return _of_labels(truth, predictions, weights)


def _of_classes(
    truth: NDArray[Any], probabilities: NDArray[Any], weights: NDArray[np.float64] | None
) -> dict[str, float]:
    from sklearn import metrics

    found, classes = probabilities.argmax(axis=1), range(probabilities.shape[1])
    # Rows of float32 do not quite sum to 1, of which scikit-learn would warn.
    exact = probabilities.astype(np.float64)
    exact /= exact.sum(axis=1, keepdims=True)
    figures = {
        "accuracy": metrics.accuracy_score(truth, found, sample_weight=weights),
        "balanced_accuracy": _recall(truth, found, weights),
        "log_loss": metrics.log_loss(truth, exact, labels=classes, sample_weight=weights),
    }
    areas = [_area(truth == label, probabilities[:, label], weights) for label in classes]
    known = [area for area in areas if area is not None]
    return _plain(figures | ({"roc_auc": np.mean(known)} if known else {}))


def _of_labels(
    truth: NDArray[Any], probabilities: NDArray[Any], weights: NDArray[np.float64] | None
) -> dict[str, float]:
    from sklearn import metrics

    found = (probabilities > 0.5).astype(truth.dtype)  # noqa: PLR2004 - the likelier of two
    exact = probabilities.astype(np.float64)
    columns = range(truth.shape[1])
    losses = [metrics.log_loss(truth[:, k], exact[:, k], labels=[0, 1], sample_weight=weights) for k in columns]
    figures = {
        "accuracy": metrics.accuracy_score(truth, found, sample_weight=weights),
        "balanced_accuracy": np.mean([_recall(truth[:, k], found[:, k], weights) for k in columns]),
        "log_loss": np.mean(losses),
    }
    areas = [_area(truth[:, k] == 1, exact[:, k], weights) for k in columns]
    known = [area for area in areas if area is not None]
    return _plain(figures | ({"roc_auc": np.mean(known)} if known else {}))


def _of_numbers(truth: NDArray[Any], values: NDArray[Any], weights: NDArray[np.float64] | None) -> dict[str, float]:
    from sklearn import metrics

    truth, values = truth.astype(np.float64), values.astype(np.float64)
    return _plain(
        {
            "rmse": np.sqrt(metrics.mean_squared_error(truth, values, sample_weight=weights)),
            "mae": metrics.mean_absolute_error(truth, values, sample_weight=weights),
            "r2": metrics.r2_score(truth, values, sample_weight=weights),
        }
    )


def _recall(truth: NDArray[Any], found: NDArray[Any], weights: NDArray[np.float64] | None) -> float:
    """Return the mean over the classes that there are of the share of a class's rows that were found."""
    from sklearn.metrics import recall_score

    classes = np.unique(truth)
    return float(recall_score(truth, found, labels=classes, average="macro", sample_weight=weights, zero_division=0.0))


def _area(positive: NDArray[Any], score: NDArray[Any], weights: NDArray[np.float64] | None) -> float | None:
    """Return the area under the curve of one class against the rest; None unless there are rows of both."""
    from sklearn.metrics import roc_auc_score

    counted = positive if weights is None else positive[weights > 0]
    if counted.all() or not counted.any():
        return None
    return float(roc_auc_score(positive, score, sample_weight=weights))


def _plain(figures: dict[str, Any]) -> dict[str, float]:
    return {name: float(value) for name, value in figures.items()}
