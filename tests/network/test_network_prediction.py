import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

from network import Architecture, NetworkError, evaluate, predict, prediction

NAMES = {"identity": "identity", "relu": "relu", "sigmoid": "logistic", "tanh": "tanh"}


def trained(estimator, activation, hidden, y):
    """Return an estimator of scikit-learn after an epoch, with its data and its parameters."""
    x = np.random.default_rng(0).normal(size=(len(y), 5))
    model = estimator(hidden_layer_sizes=hidden, activation=NAMES[activation], random_state=0)
    model.partial_fit(x, y, **({"classes": np.unique(y)} if estimator is MLPClassifier else {}))
    return x, model, list(zip(model.coefs_, model.intercepts_, strict=True))


@pytest.mark.parametrize("hidden", [(7,), (4, 3), (1, 5, 2)], ids=str)
@pytest.mark.parametrize("activation", NAMES)
def test_predictions_are_those_of_scikit_learn_with_the_same_weights(activation, hidden):
    """Probabilities and values agree to rounding in float64, for every activation and several depths."""
    rng = np.random.default_rng(1)
    labels, values = rng.integers(3, size=30), rng.normal(size=(30, 2))
    x, model, parameters = trained(MLPClassifier, activation, hidden, labels)
    architecture = Architecture(5, 3, hidden, activation, dtype="float64")
    np.testing.assert_allclose(predict(architecture, parameters, x), model.predict_proba(x), rtol=1e-10)
    assert evaluate(architecture, parameters, x, labels)["accuracy"] == model.score(x, labels)

    x, model, parameters = trained(MLPRegressor, activation, hidden, values)
    architecture = Architecture(5, 2, hidden, activation, "squared_error", dtype="float64")
    np.testing.assert_allclose(predict(architecture, parameters, x), model.predict(x), rtol=1e-10, atol=1e-14)
    assert evaluate(architecture, parameters, x, values)["r2"] == pytest.approx(model.score(x, values))


@pytest.mark.parametrize("rows", [1, 5, 6, 17])
def test_blocks_bound_memory_and_change_nothing(monkeypatch, rows):
    """Rows pass in blocks of a bounded size, the last one smaller, each to its own prediction."""
    rng = np.random.default_rng(0)
    architecture = Architecture(4, 3, (5,), dtype="float64")
    parameters = [(rng.normal(size=(4, 5)), rng.normal(size=5)), (rng.normal(size=(5, 3)), rng.normal(size=3))]
    x = rng.normal(size=(rows, 4))
    whole = predict(architecture, parameters, x)
    monkeypatch.setattr(prediction, "BLOCK_ROWS", 6)
    np.testing.assert_allclose(predict(architecture, parameters, x), whole, rtol=1e-12)


@pytest.mark.parametrize(
    "shapes", [[((4, 5), (5,))], [((4, 5), (5,)), ((5, 3), (1, 3))], [((4, 6), (6,)), ((6, 3), (3,))]], ids=str
)
def test_parameters_of_another_architecture_are_refused(shapes):
    """The message holds the shapes found and the shapes needed."""
    parameters = [(np.zeros(weights), np.zeros(biases)) for weights, biases in shapes]
    with pytest.raises(NetworkError, match=r"parameters have the shapes.*need weights \[\(4, 5\), \(5, 3\)\]"):
        predict(Architecture(4, 3, (5,)), parameters, np.zeros((2, 4)))
