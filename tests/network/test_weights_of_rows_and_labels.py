"""How much each row counts, and how much each label."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest
from networks import Case, member
from restored import run

from network import LOSSES, Member, Training, TrainingData
from network.architecture import NORMALIZATIONS


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("shape", ["linear", "no power of two", "images"])
@pytest.mark.parametrize("normalization", [name for name in NORMALIZATIONS if name != "batch"])
def test_integer_weights_are_repeated_rows(loss, shape, normalization):
    """In full batches, to rounding; a weight of 0 leaves a row out. But batch normalization counts every row once."""
    case = Case.of(
        shape=shape, activation="tanh", loss=loss, normalization=normalization, dtype="float64", batch_size=99
    )
    data, counts = case.data, np.arange(case.rows) % 4
    weighted = TrainingData(data.x_train, data.y_train, weights=counts)
    repeated = TrainingData(*(np.repeat(array, counts, axis=0) for array in (data.x_train, data.y_train)))
    one = replace(member(2), clip_norm=inf, max_norm=inf)
    trainings = [Training(replace(case.architecture, optimizer="sgd"), [one], each) for each in (weighted, repeated)]
    for _ in range(4):
        (found,), (expected,) = (training.train_epoch() for training in trainings)
        assert found.loss == pytest.approx(expected.loss, rel=1e-10)
    np.testing.assert_allclose(*(training.state(0)["parameters"] for training in trainings), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(("dtype", "weight"), [("float32", 0.1), ("float32", 7), ("float64", 0.5), ("float64", 1)])
def test_equal_weights_are_no_weights(loss, dtype, weight):
    """Bit for bit: in float32 whatever the weight, in float64 where the sum of all weights is exact."""
    case = Case.of(loss=loss, dtype=dtype)
    data, weights = case.data, np.full(case.rows, weight)
    both = replace(data, weights=weights), replace(data, validation_weights=np.full(len(data.x_validation), weight))
    alike = run(case.architecture, [member(0)], data, 3)
    assert run(case.architecture, [member(0)], both[0], 3) == alike
    weighed = Training(case.architecture, [member(0)], both[1])
    plain = Training(case.architecture, [member(0)], data)
    for _ in range(3):
        assert weighed.train_epoch()[0].metrics == pytest.approx(plain.train_epoch()[0].metrics, rel=1e-6)


SMOOTHED = [name for name, loss in LOSSES.items() if loss.undecided(3) is not None]


@pytest.mark.parametrize("loss", SMOOTHED)
@pytest.mark.parametrize("outputs", [1, 3])
@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_label_smoothing_is_a_share_of_wrong_labels(loss, outputs, smoothing):
    """Of each row's weight, `smoothing` goes to rows with every label, or class, alike: in full batches, to rounding."""
    case = Case.of(loss=loss, outputs=outputs, activation="tanh", optimizer="sgd", dtype="float64", batch_size=99)
    x, y = case.data.x_train, case.data.y_train
    if loss == "cross_entropy":
        labels = [np.full_like(y, label) for label in range(outputs)]
        shares = [smoothing / outputs + (1 - smoothing) * (label == y) for label in labels]
    else:
        labels = [y, 1 - y]
        shares = [np.full(len(y), 1 - smoothing / 2), np.full(len(y), smoothing / 2)]
    mixed = TrainingData(np.tile(x, (len(labels), 1)), np.concatenate(labels), weights=np.concatenate(shares))
    members = [Member(seed=0, learning_rate=0.1, label_smoothing=amount) for amount in (smoothing, 0.0)]
    pair = zip(members, (TrainingData(x, y), mixed), strict=True)
    trainings = [Training(case.architecture, [member], data) for member, data in pair]
    for _ in range(4):
        (found,), (expected,) = (training.train_epoch() for training in trainings)
        assert found.loss == pytest.approx(expected.loss, rel=1e-10, abs=1e-15)
    np.testing.assert_allclose(*(training.state(0)["parameters"] for training in trainings), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("loss", [name for name in LOSSES if name not in SMOOTHED])
def test_values_are_not_smoothed(loss):
    """They are no shares of anything: the setting is of no effect."""
    case = Case.of(loss=loss)
    sharp, smooth = (run(case.architecture, [Member(0, label_smoothing=s)], case.data, 2) for s in (0.0, 0.3))
    assert sharp == smooth
    assert loss not in {"cross_entropy", "binary_cross_entropy"}
