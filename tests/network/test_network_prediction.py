import numpy as np
import pytest
from networks import EVERY_KIND, Case
from sklearn.neural_network import MLPClassifier, MLPRegressor

from network import (
    ACTIVATIONS,
    LOSSES,
    Architecture,
    Member,
    NetworkError,
    Training,
    TrainingData,
    evaluate,
    inference,
    predict,
)
from network.prediction import outputs

NAMES = {"identity": "identity", "relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}


def trained(estimator, activation, hidden, y):
    """Return an estimator of scikit-learn after an epoch, with its data and its weights."""
    x = np.random.default_rng(0).normal(size=(len(y), 5))
    model = estimator(hidden_layer_sizes=hidden, activation=NAMES[activation], random_state=0)
    model.partial_fit(x, y, **({"classes": np.unique(y)} if estimator is MLPClassifier else {}))
    return x, model, list(zip(model.coefs_, model.intercepts_, strict=True))


@pytest.mark.parametrize("hidden", [(7,), (4, 3), (1, 5, 2)], ids=str)
@pytest.mark.parametrize("activation", NAMES)
def test_predictions_are_those_of_scikit_learn_with_the_same_weights(activation, hidden):
    """Probabilities of classes and labels, and values, agree to rounding in float64, for several depths."""
    rng = np.random.default_rng(1)
    classes, labels, values = rng.integers(3, size=30), rng.integers(2, size=(30, 2)), rng.normal(size=(30, 2))
    x, model, weights = trained(MLPClassifier, activation, hidden, classes)
    architecture = Architecture(5, 3, hidden, activation, dtype="float64")
    np.testing.assert_allclose(predict(architecture, weights, x), model.predict_proba(x), rtol=1e-10)
    assert evaluate(architecture, weights, x, classes)["accuracy"] == model.score(x, classes)

    x, model, weights = trained(MLPClassifier, activation, hidden, labels[:, 0])
    architecture = Architecture(5, 1, hidden, activation, "binary_cross_entropy", dtype="float64")
    np.testing.assert_allclose(predict(architecture, weights, x), model.predict_proba(x)[:, 1:], rtol=1e-10)
    assert evaluate(architecture, weights, x, labels[:, 0])["accuracy"] == model.score(x, labels[:, 0])

    x, model, weights = trained(MLPRegressor, activation, hidden, values)
    architecture = Architecture(5, 2, hidden, activation, "squared_error", dtype="float64")
    np.testing.assert_allclose(predict(architecture, weights, x), model.predict(x), rtol=1e-10, atol=1e-14)
    counts = rng.integers(1, 4, size=30)
    found = evaluate(architecture, weights, x, values, sample_weights=counts)["r2"]
    assert found == pytest.approx(model.score(x, values, counts))


def of_one_member(case):
    """Return the weights of a network after an epoch."""
    training = Training(case.architecture, [Member(seed=0, learning_rate=0.1)], case.data)
    training.train_epoch()
    return training.weights(0, best=False)


@pytest.mark.parametrize("case", EVERY_KIND, ids=str)
@pytest.mark.parametrize("rows", [1, 6, 17])
def test_blocks_bound_memory_and_change_nothing(monkeypatch, case, rows):
    """Rows pass in blocks of a bounded size, the last one smaller: each to its own prediction, up to rounding."""
    weights, x = of_one_member(case), case.inputs(np.random.default_rng(3), rows)
    whole = predict(case.architecture, weights, x)
    assert whole.shape == (rows, case.architecture.outputs)
    digits = 20 * np.finfo(case.architecture.dtype).eps
    monkeypatch.setattr(inference, "BLOCK_VALUES", 1)
    for fewest in (1, 6):
        monkeypatch.setattr(inference, "FEWEST_ROWS", fewest)
        np.testing.assert_allclose(predict(case.architecture, weights, x), whole, rtol=digits, atol=digits)
    alone = np.concatenate([predict(case.architecture, weights, row[None]) for row in x])
    np.testing.assert_allclose(alone, whole, rtol=digits, atol=digits)


@pytest.mark.parametrize("case", EVERY_KIND, ids=str)
def test_what_is_used_stays_as_it_is(case):
    """Neither inputs nor targets nor weights change, and all may be read-only; predictions are the loss's of outputs."""
    weights, rng = of_one_member(case), np.random.default_rng(3)
    x, y = case.inputs(rng, 5).astype(case.architecture.dtype), case.targets(rng, 5)
    arrays = [x, y, *(array for own in weights for array in own)]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    predictions = predict(case.architecture, weights, x)
    evaluate(case.architecture, weights, x, y)
    assert all(np.array_equal(now, then) for now, then in zip(arrays, before, strict=True))
    loss = LOSSES[case.architecture.loss]
    np.testing.assert_array_equal(predictions, loss.predictions(outputs(case.architecture, weights, x)))


def test_a_network_that_cannot_be_trained_can_be_used():
    """Two layers of perceptrons, with the step as their activation, compute exclusive or."""
    weights = [
        (np.array([[1.0, -1], [-1, 1]]), np.array([-0.5, -0.5])),
        (np.array([[1.0], [1]]), np.array([1.0])),
    ]
    architecture = Architecture(2, 1, (2,), activation="sign", loss="squared_error")
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    assert (predict(architecture, weights, x)[:, 0] > 0).tolist() == [False, True, True, False]
    assert not ACTIVATIONS["sign"].differentiable


def test_metrics_can_be_chosen():
    """Those asked for, in their order; without a choice, the usual ones; an unknown one is refused by name."""
    case = Case.of(loss="huber")
    weights, data = of_one_member(case), (case.data.x_train, case.data.y_train)
    assert list(evaluate(case.architecture, weights, *data, metrics=["mae", "loss"])) == ["mae", "loss"]
    assert tuple(evaluate(case.architecture, weights, *data)) == LOSSES["huber"].usual
    with pytest.raises(NetworkError, match="Unknown metric of huber 'rsme': did you mean 'rmse'"):
        evaluate(case.architecture, weights, *data, metrics=["rsme"])


OTHERS = {
    "a layer less": {"hidden": (5,)},
    "a layer more": {"hidden": (5, 4, 4)},
    "wider": {"hidden": (5, 6)},
    "normalized": {"normalization": "batch"},
    "other outputs": {"outputs": 2},
    "other inputs": {"inputs": 6},
}


@pytest.mark.parametrize("settings", OTHERS.values(), ids=OTHERS)
def test_weights_of_another_architecture_are_refused(settings):
    """The message holds the shapes found and the shapes needed."""
    own, x, y = {"inputs": 4, "outputs": 3, "hidden": (5, 4)}, np.zeros((3, 4)), np.array([0, 1, 0])
    other = Architecture(**{**own, **settings})
    weights = Training(other, [Member(0)], TrainingData(np.zeros((3, other.inputs)), y)).weights(0)
    with pytest.raises(NetworkError, match=r"weights have the shapes.*need \[\[\(4, 5\), \(5,\)\], .*trained with"):
        predict(Architecture(**own), weights, x)
    with pytest.raises(NetworkError, match="The weights have the shapes"):
        evaluate(Architecture(**own), weights, x, y)
