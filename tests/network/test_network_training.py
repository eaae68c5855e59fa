import numpy as np
import pytest
from sklearn.datasets import load_digits

from network import Architecture, Member, NetworkError, Training, TrainingData, predict


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


@pytest.mark.parametrize(("optimizer", "learning_rate"), [("adam", 3e-3), ("sgd", 0.1)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_digits_are_learnt(digits, optimizer, learning_rate, activation):
    """Every member of a stack classifies more than 95 % of unseen digits after eight epochs."""
    architecture = Architecture(64, 10, (64,), activation=activation, optimizer=optimizer)
    training = Training(architecture, [Member(seed, learning_rate) for seed in range(3)], digits, "accuracy")
    losses = [[epoch.loss for epoch in training.train_epoch()] for _ in range(8)]
    assert (np.array(losses[-1]) < np.array(losses[0]) / 3).all()
    for index in range(3):
        probabilities = predict(architecture, training.parameters(index), digits.x_validation)
        assert (probabilities.argmax(axis=1) == digits.y_validation).mean() > 0.95


def test_a_linear_network_finds_the_least_squares_solution():
    """Without hidden layers, full batches of gradient descent converge to numpy.linalg.lstsq."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal(size=(40, 2))
    architecture = Architecture(3, 2, (), loss="squared_error", optimizer="sgd", batch_size=40, dtype="float64")
    training = Training(architecture, [Member(seed=1, learning_rate=0.1)], TrainingData(x, y, x, y))
    for _ in range(400):
        training.train_epoch()
    solution, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(40)]), y)
    ((weights, biases),) = training.parameters(0, best=False)
    np.testing.assert_allclose(np.vstack([weights, biases]), solution, atol=1e-9)


def test_ridge_regression_is_least_squares_with_weight_decay():
    """With L2 the linear network converges to the normal equations of λ/2 ‖W‖² beside the mean loss; b is free."""
    rng = np.random.default_rng(0)
    x, y, l2 = rng.normal(size=(40, 3)), rng.normal(size=(40, 1)), 0.5
    architecture = Architecture(3, 1, (), loss="squared_error", optimizer="sgd", batch_size=40, dtype="float64")
    training = Training(architecture, [Member(seed=1, learning_rate=0.1, l2=l2)], TrainingData(x, y, x, y))
    for _ in range(400):
        training.train_epoch()
    centred, mean = x - x.mean(axis=0), y.mean(axis=0)
    weights = np.linalg.solve(centred.T @ centred * 2 / 40 + l2 * np.eye(3), centred.T @ (y - mean) * 2 / 40)
    ((found, biases),) = training.parameters(0, best=False)
    np.testing.assert_allclose(found, weights, atol=1e-9)
    np.testing.assert_allclose(biases, mean - x.mean(axis=0) @ weights, atol=1e-9)


def test_adam_counts_its_steps_across_epochs():
    """Four epochs of full batches are four steps of the paper's algorithm 1 along the analytic gradient."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 3)), rng.normal(size=(20, 1))
    architecture = Architecture(3, 1, (), loss="squared_error", batch_size=20, dtype="float64")
    training = Training(architecture, [Member(seed=1, learning_rate=0.1)], TrainingData(x, y, x, y))
    ((weights, biases),) = training.parameters(0)
    theta, design = np.vstack([weights, biases]), np.column_stack([x, np.ones(20)])
    m = v = np.zeros_like(theta)
    for t in range(1, 5):
        training.train_epoch()
        g = design.T @ (design @ theta - y) * 2 / 20
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        theta = theta - 0.1 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    ((weights, biases),) = training.parameters(0, best=False)
    np.testing.assert_allclose(np.vstack([weights, biases]), theta, rtol=1e-10)


def test_each_epoch_and_each_seed_has_its_own_order_and_initial_parameters(small):
    """Two members with different seeds start and end apart, two with the same seed are twins."""
    training = Training(Architecture(3, 2, (4,), batch_size=2), [Member(0), Member(1), Member(0)], small)
    first, second, twin = (training.state(k)["parameters"] for k in range(3))
    assert not np.array_equal(first, second)
    assert np.array_equal(first, twin)
    orders = [training._orders()]
    training.train_epoch()
    orders.append(training._orders())
    assert np.array_equal(orders[0][0], orders[0][2])
    assert not np.array_equal(orders[0][0], orders[0][1])
    assert not np.array_equal(orders[0][0], orders[1][0])
    assert all(np.array_equal(np.sort(order), np.arange(9)) for epoch in orders for order in epoch)


def test_the_loss_of_an_epoch_is_the_mean_over_its_rows(small):
    """With a learning rate too small to change anything, it is the loss of the initial network on the training data."""
    small = TrainingData(small.x_train, small.y_train, small.x_train, small.y_train)
    training = Training(Architecture(3, 2, (4,), batch_size=4, dtype="float64"), [Member(0, 1e-300)], small)
    (epoch,) = training.train_epoch()
    assert epoch.loss == pytest.approx(epoch.metrics["loss"], rel=1e-12)


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


def test_parameters_and_states_are_copies(small):
    """What training gives away does not change when training goes on, nor does it change training."""
    training = Training(Architecture(3, 2, (4,)), [Member(0)], small)
    parameters, state = training.parameters(0, best=False), training.state(0)
    before = [array.copy() for pair in parameters for array in pair], state["parameters"].copy()
    training.train_epoch()
    assert all(np.array_equal(a, b) for a, b in zip(before[0], [a for pair in parameters for a in pair], strict=True))
    assert np.array_equal(before[1], state["parameters"])
    latest = training.state(0)["parameters"]
    training.parameters(0, best=False)[0][0][...] = 0
    assert np.array_equal(training.state(0)["parameters"], latest)


def test_an_empty_stack_trains_nobody(small):
    """When the last member has dropped out, an epoch has no results."""
    training = Training(Architecture(3, 2), [Member(0)], small)
    training.drop(0)
    assert training.members == ()
    assert training.train_epoch() == []


def test_what_cannot_be_trained_is_refused(small):
    """No members, an unknown metric, and a member that is not there: each a clear message."""
    with pytest.raises(NetworkError, match="no members"):
        Training(Architecture(3, 2), [], small)
    with pytest.raises(NetworkError, match="Unknown metric of cross_entropy 'acuracy': did you mean 'accuracy'"):
        Training(Architecture(3, 2), [Member(0)], small, "acuracy")
    training = Training(Architecture(3, 2), [Member(0)], small)
    for call in (training.drop, training.state, training.parameters, lambda index: training.restore(index, {})):
        for index in (1, -1):
            with pytest.raises(NetworkError, match=f"no member {index}: the stack has 1"):
                call(index)
