"""What training is to do, beside the laws of stacks."""

from dataclasses import replace

import numpy as np
import pytest
from networks import ALL_SCHEDULES, Case
from restored import frozen
from sklearn.datasets import load_digits

from network import LOSSES, OPTIMIZERS, Architecture, Convolution, Member, NetworkError, Training, TrainingData, predict
from network.schedules import Plateau


@pytest.fixture(scope="module")
def digits():
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order] / 16, y[order]
    return TrainingData(x[:1437], y[:1437], x[1437:], y[1437:])


@pytest.fixture
def small():
    rng = np.random.default_rng(0)
    return TrainingData(rng.normal(size=(9, 3)), rng.integers(2, size=9), rng.normal(size=(5, 3)), np.zeros(5, int))


RATES = {"adagrad": 0.03, "adam": 3e-3, "adamw": 3e-3, "nesterov": 0.05, "rmsprop": 2e-3, "sgd": 0.05}
KINDS = {
    "tanh": {"activation": "tanh"},
    "batch normalization, dropout": {"normalization": "batch", "dropout": True},
    "layer normalization": {"normalization": "layer"},
    "noisy": {"activation": "noisy_relu"},
    "convolutions": {"image": (8, 8, 1), "convolutions": (Convolution(8, pool=2),), "hidden": (32,)},
}


@pytest.mark.parametrize(
    "settings", [*KINDS.values(), *({"optimizer": name} for name in OPTIMIZERS)], ids=[*KINDS, *OPTIMIZERS]
)
def test_digits_are_learnt(digits, settings):
    """Both members of a stack classify more than 94 % of unseen digits after eight epochs."""
    architecture = Architecture(64, 10, **settings)
    rate = RATES[architecture.optimizer]
    training = Training(architecture, [Member(seed, rate, dropout=0.2) for seed in range(2)], digits, "accuracy")
    losses = [[epoch.loss for epoch in training.train_epoch()] for _ in range(8)]
    assert (np.array(losses[-1]) < np.array(losses[0]) / 2).all()
    for index in range(2):
        probabilities = predict(architecture, training.weights(index), digits.x_validation)
        assert (probabilities.argmax(axis=1) == digits.y_validation).mean() > 0.94


def linear(outputs, l2=0.0):
    """Return data, and what full batches of gradient descent make of them without a hidden layer: weights and biases."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, outputs))
    architecture = Architecture(3, outputs, (), loss="squared_error", optimizer="sgd", batch_size=40, dtype="float64")
    training = Training(architecture, [Member(seed=1, learning_rate=0.1, l2=l2)], TrainingData(x, y))
    for _ in range(400):
        training.train_epoch()
    ((weights, biases),) = training.weights(0)
    return x, y, weights, biases


def test_a_linear_network_finds_the_least_squares_solution():
    """That of numpy.linalg.lstsq."""
    x, y, weights, biases = linear(2)
    solution, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(40)]), y)
    np.testing.assert_allclose(np.vstack([weights, biases]), solution, atol=1e-9)


def test_with_l2_it_finds_that_of_ridge_regression():
    """That of the normal equations of λ/2 ‖W‖² beside the mean loss; b is free."""
    x, y, weights, biases = linear(1, l2=0.5)
    centred, mean = x - x.mean(axis=0), y.mean(axis=0)
    expected = np.linalg.solve(centred.T @ centred * 2 / 40 + 0.5 * np.eye(3), centred.T @ (y - mean) * 2 / 40)
    np.testing.assert_allclose(weights, expected, atol=1e-9)
    np.testing.assert_allclose(biases, mean - x.mean(axis=0) @ expected, atol=1e-9)


@pytest.mark.parametrize(("loss", "monitor"), [(name, metric) for name in LOSSES for metric in LOSSES[name].directions])
def test_a_schedule_is_told_the_monitored_value_lower_is_better(loss, monitor):
    """After each epoch, whatever the metric's direction; the rate of the next epoch has the scale of its answer."""
    case, plateau = Case.of(loss=loss), Plateau(factor=0.5, patience=0, threshold=0.0)
    towards = -1 if LOSSES[loss].directions[monitor] == "maximize" else 1
    training = Training(case.architecture, [Member(0, 0.01, schedule=plateau)], case.data, monitor)
    state = plateau.start()
    for _ in range(6):
        (epoch,) = training.train_epoch()
        state = plateau.observe(state, towards * epoch.metrics[monitor])
        assert training.state(0)["schedule"] == state


def test_without_validation_data_the_latest_epoch_counts():
    """There are no metrics and no best epoch; a schedule is told the training loss; weights are the latest."""
    case, plateau = Case.of(activation="tanh"), Plateau(patience=0, threshold=0.5)
    training = Training(
        case.architecture, [Member(0, schedule=plateau)], TrainingData(case.data.x_train, case.data.y_train)
    )
    state = plateau.start()
    for number in range(1, 4):
        (epoch,) = training.train_epoch()
        assert (epoch.epoch, epoch.metrics, epoch.diverged) == (number, {}, False)
        state = plateau.observe(state, epoch.loss)
        assert training.state(0)["schedule"] == state
        assert frozen(training.weights(0)) == frozen(training.weights(0, best=False))
    assert training.state(0)["best"] == {"monitor": "loss", "epoch": 0, "value": None}


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=str)
def test_the_rate_of_a_step_is_the_schedules(schedule):
    """Under plain gradient descent along a constant slope, a step's length is the rate: those of an epoch add up."""
    x, y = np.zeros((6, 1)), np.full((6, 1), 1e6)
    architecture = Architecture(
        1, 1, (), loss="huber", optimizer="sgd", initializer="zeros", batch_size=2, dtype="float64"
    )
    training = Training(architecture, [Member(0, 0.1, momentum=0.0, schedule=schedule)], TrainingData(x, y))
    state, travelled = schedule.start(), 0.0
    for number in range(5):
        (epoch,) = training.train_epoch()
        travelled += 0.1 * schedule.scale(state) * schedule.factors(number + np.arange(3) / 3).sum()
        state = schedule.observe(state, epoch.loss)
        ((_, biases),) = training.weights(0)
        assert biases[0] == pytest.approx(travelled, rel=1e-9)


def test_parameters_that_are_not_finite_are_divergence():
    """Also where the losses, each from before its step, and so all that is known without validation, are finite."""
    architecture = Architecture(1, 1, (), loss="squared_error", optimizer="sgd", batch_size=9)
    data = TrainingData(np.ones((9, 1)), np.full((9, 1), 100.0))
    training = Training(architecture, [Member(0, learning_rate=3e38), Member(0, learning_rate=1e-3)], data)
    wild, tame = training.train_epoch()
    assert np.isfinite([wild.loss, tame.loss]).all()
    assert (wild.diverged, tame.diverged) == (True, False)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(small):
    """With a learning rate too small to change anything, it is the loss of the initial network on the training data."""
    small = replace(small, x_validation=small.x_train, y_validation=small.y_train)
    training = Training(Architecture(3, 2, (4,), batch_size=4, dtype="float64"), [Member(0, 1e-300)], small)
    (epoch,) = training.train_epoch()
    assert epoch.loss == pytest.approx(epoch.metrics["loss"], rel=1e-12)


def test_seeds_give_members_their_initial_parameters(small):
    """Two members with different seeds start apart, two with the same seed are twins."""
    training = Training(Architecture(3, 2, (4,), batch_size=2), [Member(0), Member(1), Member(0)], small)
    for _ in range(2):
        first, second, twin = (training.state(k)["parameters"] for k in range(3))
        assert not np.array_equal(first, second)
        assert np.array_equal(first, twin)
        training.train_epoch()


def test_the_epochs_of_a_member_are_its_own(small):
    """A member restored from a later state counts on from there, beside one that starts."""
    ahead = Training(Architecture(3, 2), [Member(0)], small)
    for _ in range(3):
        ahead.train_epoch()
    training = Training(Architecture(3, 2), [Member(0), Member(0)], small)
    training.restore(1, ahead.state(0))
    assert [epoch.epoch for epoch in training.train_epoch()] == [1, 4]


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_ties_keep_the_earliest_epoch(small, monitor):
    """A validation metric that stays the same, of either direction, keeps the parameters of its first epoch."""
    training = Training(Architecture(3, 2, (4,)), [Member(0, 1e-30)], small, monitor)
    for _ in range(3):
        training.train_epoch()
    assert training.state(0)["best"]["epoch"] == 1


def test_an_empty_stack_trains_nobody(small):
    """When the last member has dropped out, an epoch has no results."""
    training = Training(Architecture(3, 2), [Member(0)], small)
    training.drop(0)
    assert training.members == ()
    assert training.group_sizes == []
    assert training.train_epoch() == []


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        (
            (Convolution(2, kernel=4, padding=0),),
            r"convolutions\[0\] has a kernel of 4 pixels.* 3 × 4 and 0 of padding: use",
        ),
        (
            (Convolution(2, kernel=3, padding=0), Convolution(2, padding=0)),
            r"convolutions\[1\].* 1 × 2 and 0 of padding",
        ),
        ((Convolution(2, pool=4),), r"convolutions\[0\] pools 4 × 4 pixels of an image of 3 × 4: use fewer stages"),
        (
            (Convolution(2, pool=2), Convolution(2, pool=2)),
            r"convolutions\[1\] pools 2 × 2 pixels of an image of 1 × 2",
        ),
    ],
)
def test_convolutions_that_use_up_the_image_are_refused(stages, message):
    """The message says at which stage, what is left there, and what to do."""
    architecture = Architecture(12, 2, image=(3, 4, 1), convolutions=stages)
    with pytest.raises(NetworkError, match=message):
        Training(architecture, [Member(0)], TrainingData(np.zeros((2, 12)), np.zeros(2, int)))


def test_what_cannot_be_trained_is_refused(small):
    """No members, an unknown metric, an activation without slope, and a member that is not there: each a clear message."""
    with pytest.raises(NetworkError, match="no members"):
        Training(Architecture(3, 2), [], small)
    with pytest.raises(NetworkError, match="Unknown metric of cross_entropy 'acuracy': did you mean 'accuracy'"):
        Training(Architecture(3, 2), [Member(0)], small, "acuracy")
    with pytest.raises(NetworkError, match="'sign' has no gradient to train by: use another"):
        Training(Architecture(3, 2, activation="sign"), [Member(0)], small)
    training = Training(Architecture(3, 2), [Member(0)], small)
    for call in (training.drop, training.state, training.weights, lambda index: training.restore(index, {})):
        for index in (1, -1):
            with pytest.raises(NetworkError, match=f"no member {index}: the stack has 1"):
                call(index)
