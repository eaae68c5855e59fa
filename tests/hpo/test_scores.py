"""Metrics: the value that a study tunes is what scikit-learn measures of the network on the validation part."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from searches import searched
from sklearn import metrics
from toy_tables import TASKS, data_of

import hpo
from hpo.network_objective import _METRICS
from hpo.objectives import Beginning
from hpo.scores import scores
from network import predict

EVERY = [(kind, metric) for kind, task in TASKS.items() for metric in _METRICS[task]]
SEARCH = {"max_epochs": 3, "seed": 1}


def labelwise(score: Callable[..., float]) -> Callable[..., float]:
    """Return the mean over labels of a score of one."""
    return lambda y, p, w: float(np.mean([score(y[:, k], p[:, k], w) for k in range(y.shape[1])]))


def area(y: Any, p: Any, w: Any) -> float:
    scores_of_class = p if p.shape[1] > 2 else p[:, 1]
    return float(metrics.roc_auc_score(y, scores_of_class, multi_class="ovr", average="macro", sample_weight=w))


ORACLES: Mapping[str, Mapping[str, Callable[..., float]]] = {
    "classification": {
        "accuracy": lambda y, p, w: metrics.accuracy_score(y, p.argmax(1), sample_weight=w),
        "balanced_accuracy": lambda y, p, w: metrics.balanced_accuracy_score(y, p.argmax(1), sample_weight=w),
        "log_loss": lambda y, p, w: metrics.log_loss(y, p, sample_weight=w),
        "roc_auc": area,
    },
    "multilabel": {
        "accuracy": lambda y, p, w: metrics.accuracy_score(y, p > 0.5, sample_weight=w),
        "balanced_accuracy": labelwise(lambda y, p, w: metrics.balanced_accuracy_score(y, p > 0.5, sample_weight=w)),
        "log_loss": labelwise(lambda y, p, w: metrics.log_loss(y, p, sample_weight=w)),
        "roc_auc": lambda y, p, w: metrics.roc_auc_score(y, p, average="macro", sample_weight=w),
    },
    "regression": {
        "rmse": lambda y, p, w: metrics.mean_squared_error(y, p, sample_weight=w) ** 0.5,
        "mae": lambda y, p, w: metrics.mean_absolute_error(y, p, sample_weight=w),
        "r2": lambda y, p, w: metrics.r2_score(y, p, sample_weight=w),
    },
}


def told(data: hpo.Data, model: hpo.Model, part: str) -> tuple[Any, Any]:
    """Return truth and predictions on a part: one number in its own unit, several in standard deviations of each."""
    x, y = data.part(part)
    outputs = predict(model.architecture, model.weights, x).astype(np.float64)
    if data.task == "classification":
        return y, outputs / outputs.sum(axis=1, keepdims=True)
    return (
        (data.target.decode(y), model.target.decode(outputs)) if data.outputs == 1 else (y.astype(np.float64), outputs)
    )


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(("kind", "metric"), EVERY)
def test_a_value_is_scikit_learns(kind: str, metric: str, *, weighted: bool) -> None:
    """Best value of a study, evaluation of its best model, and scikit-learn's own function are one number.

    So with weights too, in the target's own unit where there is one.
    """
    data = data_of(kind, weighted=weighted)
    study = searched(hpo.NetworkObjective(data, metric=metric), 2, space=None, strategy="random", **SEARCH)
    model, weights = study.best_model(), data.weights("validation")
    oracle = ORACLES[data.task][metric](*told(data, model, "validation"), weights)
    assert (weights is not None) is weighted
    assert study.best_value == pytest.approx(oracle, rel=1e-5)
    assert model.evaluate(data, "validation")[metric] == pytest.approx(oracle, rel=1e-6)

    best = max if study.direction == "maximize" else min
    assert study.direction == _METRICS[data.task][metric]
    assert study.best_value == best(value for curve in study.curves().values() for value in curve)


@pytest.mark.parametrize("kind", TASKS)
def test_a_model_is_judged_by_every_metric(kind: str) -> None:
    """`evaluate` has exactly the task's metrics; each is scikit-learn's on every part, weighted as the rows are."""
    data = data_of(kind, weighted=True)
    model = searched(hpo.NetworkObjective(data), 1, space=None, **SEARCH).best_model()
    for part in ("train", "validation", "test"):
        found = model.evaluate(data, part)
        truth, predictions = told(data, model, part)
        expected = {name: score(truth, predictions, data.weights(part)) for name, score in ORACLES[data.task].items()}
        assert found.keys() == _METRICS[data.task].keys()
        assert found == pytest.approx(expected, rel=1e-6)


def test_the_unit_of_an_error_is_the_target_s() -> None:
    """A target of kilograms around 70, spread by about 15, is missed by kilograms; scaled up, by as much more."""
    data = data_of("number")
    assert 2 < searched(hpo.NetworkObjective(data, metric="mae"), 3, space=None, **SEARCH).best_value < 20


# --- scores themselves --------------------------------------------------------------------------------------------


def guesses(kind: str) -> tuple[hpo.Data, Any, Any]:
    """Return data, the truth of their training part, and predictions that are wrong now and then."""
    data, rng = data_of(kind), np.random.default_rng(5)
    truth = data.part("train")[1]
    if data.task == "regression":
        return data, truth, (truth + rng.normal(size=truth.shape)).astype(np.float32)
    certain = np.eye(data.outputs)[truth] if truth.ndim == 1 else truth
    vague = (certain + rng.uniform(0, 1.5, certain.shape)) / 2.5
    return data, truth, (vague / vague.sum(1, keepdims=True) if truth.ndim == 1 else vague).astype(np.float32)


@pytest.mark.parametrize("kind", TASKS)
def test_a_weight_of_two_is_a_row_twice(kind: str) -> None:
    """Whole weights count rows; a common factor of all weights changes nothing."""
    data, truth, predictions = guesses(kind)
    times = np.random.default_rng(0).integers(1, 4, len(truth))
    counted = scores(data.target, np.repeat(truth, times, axis=0), np.repeat(predictions, times, axis=0))
    for factor in (1.0, 0.1):
        assert scores(data.target, truth, predictions, factor * times) == pytest.approx(counted)
    assert scores(data.target, truth, predictions) != pytest.approx(counted)


@pytest.mark.parametrize("kind", ["classes", "two classes", "labels"])
@pytest.mark.filterwarnings("error")
def test_what_needs_rows_of_both_kinds_is_left_out(kind: str) -> None:
    """In a part of one class the area under the curve means nothing; the other scores do."""
    data, truth, predictions = guesses(kind)
    alike = (truth == truth[0]) if truth.ndim == 1 else (truth == truth[0]).all(axis=1)
    found = scores(data.target, truth[alike], predictions[alike])
    assert found.keys() == {"accuracy", "balanced_accuracy", "log_loss"}
    assert found["balanced_accuracy"] == pytest.approx(
        found["accuracy"] if truth.ndim == 1 else ((predictions > 0.5) == truth)[alike].mean()
    )


def test_balanced_classes_are_found_alike() -> None:
    """With `balance`, a rare class is found more often, and the metrics still count rows as they are."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    y = x[:, 0] + rng.normal(size=600) > 2.2
    plain, balanced = (hpo.load_data((x, y), balance=balance) for balance in (False, True))
    found = {}
    for data in (plain, balanced):
        objective = hpo.NetworkObjective(data, learning_rate=0.01)
        session = objective.open([Beginning({}, 0)])
        results = [session.train_epoch()[0] for _ in range(8)]
        evaluated = objective.model({}, 0, session.state(0)).evaluate(data, "validation")
        assert max(result.value for result in results) == pytest.approx(evaluated["accuracy"])
        found[data] = evaluated["balanced_accuracy"]
    assert found[balanced] > found[plain] + 0.1
