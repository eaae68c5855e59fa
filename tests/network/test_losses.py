import warnings

import numpy as np
import pytest
from scipy.special import log_softmax, softmax
from sklearn import metrics

from network import LOSSES, NetworkError


def batch_for(name, rows=23, outputs=4, scale=2.0):
    """Return outputs, y and targets of a random batch."""
    rng = np.random.default_rng(rows)
    outputs_ = rng.normal(scale=scale, size=(rows, outputs))
    y = rng.integers(outputs, size=rows) if name == "cross_entropy" else rng.normal(scale=scale, size=(rows, outputs))
    return outputs_, y, LOSSES[name].targets("y", y, outputs, np.dtype("float64"))


def losses_and_gradient(name, outputs, targets):
    losses, gradient = np.full((1, len(outputs)), np.nan, outputs.dtype), np.full_like(outputs[None], np.nan)
    LOSSES[name].gradient(outputs[None].copy(), targets[None], gradient, losses)
    return losses[0], gradient[0]


SCORES = {
    "cross_entropy": {
        "loss": lambda z, y: metrics.log_loss(y, softmax(z, axis=1), labels=range(z.shape[1])),
        "log_loss": lambda z, y: metrics.log_loss(y, softmax(z, axis=1), labels=range(z.shape[1])),
        "accuracy": lambda z, y: metrics.accuracy_score(y, z.argmax(axis=1)),
    },
    "squared_error": {
        "loss": lambda z, y: metrics.mean_squared_error(y, z),
        "rmse": lambda z, y: metrics.mean_squared_error(y.ravel(), z.ravel()) ** 0.5,
        "r2": lambda z, y: metrics.r2_score(y, z),
    },
}


def test_every_metric_has_an_oracle():
    """Every registered loss, and every metric it announces, has a reference in scikit-learn."""
    assert {name: set(scores) for name, scores in SCORES.items()} == {
        name: set(loss.directions) for name, loss in LOSSES.items()
    }


@pytest.mark.parametrize(
    ("name", "metric"), [(name, metric) for name, loss in LOSSES.items() for metric in loss.directions]
)
@pytest.mark.parametrize("outputs", [2, 5])
def test_metrics_agree_with_scikit_learn(name, metric, outputs):
    """Metrics of random outputs are those of sklearn.metrics."""
    z, y, targets = batch_for(name, outputs=outputs)
    assert LOSSES[name].metrics(z, targets)[metric] == pytest.approx(SCORES[name][metric](z, y), rel=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_the_direction_of_a_metric_is_the_one_in_which_it_gets_better(name):
    """Outputs close to the truth beat outputs far from it, in every metric's own direction."""
    z, _, targets = batch_for(name)
    good, bad = (
        LOSSES[name].metrics(10 * targets if name == "cross_entropy" else targets, targets),
        LOSSES[name].metrics(-z - 9 * targets, targets),
    )
    for metric, direction in LOSSES[name].directions.items():
        assert (good[metric] < bad[metric]) == (direction == "minimize")


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("rows", [1, 6])
def test_the_gradient_is_that_of_the_mean_loss(name, outputs, rows):
    """The gradient agrees with central differences of the mean of the rows' losses."""
    z, _, targets = batch_for(name, rows, outputs)
    _, gradient = losses_and_gradient(name, z, targets)
    step = 1e-6
    for index in np.ndindex(z.shape):
        up, down = z.copy(), z.copy()
        up[index] += step
        down[index] -= step
        slope = (
            losses_and_gradient(name, up, targets)[0].mean() - losses_and_gradient(name, down, targets)[0].mean()
        ) / (2 * step)
        assert gradient[index] == pytest.approx(slope, rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_the_training_loss_is_the_validation_loss(name):
    """The mean of the rows' losses in training is the metric "loss" of the same outputs."""
    z, _, targets = batch_for(name)
    assert losses_and_gradient(name, z, targets)[0].mean() == pytest.approx(LOSSES[name].metrics(z, targets)["loss"])


def test_cross_entropy_of_huge_logits_is_exact():
    """Logits of ±1e4, whose exponentials overflow, give the loss and the probabilities that exact arithmetic gives."""
    z = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, 0.0]])
    targets = LOSSES["cross_entropy"].targets("y", np.array([1, 2]), 3, np.dtype("float64"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses, gradient = losses_and_gradient("cross_entropy", z, targets)
        probabilities = LOSSES["cross_entropy"].predictions(z)
    np.testing.assert_array_equal(losses, -log_softmax(z, axis=1)[[0, 1], [1, 2]])
    np.testing.assert_array_equal(probabilities, softmax(z, axis=1))
    np.testing.assert_array_equal(gradient, [[0.5, -0.5, 0], [0, 0, 0]])


def test_r2_of_a_constant_output_is_one_if_exact_and_else_zero():
    """Where the variance to explain is zero, the score is finite, as in scikit-learn."""
    constant, other = np.full((4, 1), 2.0), np.arange(4.0)[:, None]
    loss = LOSSES["squared_error"]
    assert loss.metrics(constant, constant)["r2"] == metrics.r2_score(constant, constant) == 1
    assert loss.metrics(other, constant)["r2"] == metrics.r2_score(constant, other) == 0


@pytest.mark.parametrize(
    ("name", "y", "message"),
    [
        ("cross_entropy", np.array([0, 3]), "classes from 0 to 3.*classes 0 to 2"),
        ("cross_entropy", np.array([-1, 0]), "classes from -1 to 0"),
        ("cross_entropy", np.array([0.0, 1.0]), "dtype float64.*one whole number per row"),
        ("cross_entropy", np.array([[0], [1]]), r"shape \(2, 1\)"),
        ("squared_error", np.array([0.0, 1.0]), r"shape \(n, 3\).*reshape"),
        ("squared_error", np.ones((2, 2)), r"shape \(n, 3\)"),
        ("squared_error", np.array([["a", "b", "c"]]), "dtype <U1"),
        ("squared_error", np.array([[0.0, 1.0, np.nan]]), "NaN"),
        ("squared_error", np.array([[0.0, 1.0, 1e300]]), "too large for float32"),
    ],
)
def test_targets_that_do_not_fit_are_refused(name, y, message):
    """The message says which array it is, what it holds, and what is needed."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(NetworkError, match=f"y_train.*{message}"):
            LOSSES[name].targets("y_train", y, 3, np.dtype("float32"))
