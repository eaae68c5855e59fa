import json

import numpy as np
import pytest

from network import OPTIMIZERS, Architecture, Member, NetworkError, Training, TrainingData


def training_of(**settings):
    rng = np.random.default_rng(0)
    data = TrainingData(rng.normal(size=(9, 3)), rng.integers(2, size=9), rng.normal(size=(5, 3)), np.zeros(5, int))
    monitor = settings.pop("monitor", "loss")
    return Training(Architecture(3, 2, **{"hidden": (4,), **settings}), [Member(0)], data, monitor)


def leaves(state):
    for value in state.values():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield value


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_state_is_arrays_and_json(optimizer, epochs):
    """Every leaf is a NumPy array that needs no pickle, or a value that strict JSON gives back the same."""
    training = training_of(optimizer=optimizer)
    for _ in range(epochs):
        training.train_epoch()
    for leaf in leaves(training.state(0)):
        if isinstance(leaf, np.ndarray):
            assert leaf.dtype.kind == "f"
        else:
            assert json.loads(json.dumps(leaf, allow_nan=False)) == leaf


def replaced(state, path, value):
    """Return a copy of `state` with another value at `path`."""
    first, *rest = path
    copy = dict(state)
    copy[first] = replaced(state[first], rest, value) if rest else value
    return copy


MISFITS = {
    "other shapes": (["shapes"], [[3, 5], [1, 5], [5, 2], [1, 2]], r"state\['shapes'\]"),
    "too few parameters": (["parameters"], np.zeros(3, "float32"), r"shape \(3,\).*should be an array of shape"),
    "other dtype": (["parameters"], np.zeros(26, "float64"), "float64.*should be.*float32"),
    "a list for an array": (["parameters"], [0.0], "is a list"),
    "no optimizer": (["optimizer"], {}, r"state\['optimizer'\] is \[\].*first_moment"),
    "text for a mapping": (["optimizer"], "adam", "is str"),
    "another monitor": (["best", "monitor"], "accuracy", "'accuracy', but should be 'loss'"),
    "a negative epoch": (["epochs"], -1, "-1, but should be a whole number"),
    "a value that is no number": (["best", "value"], "low", "'low', but should be a number or None"),
}


@pytest.mark.parametrize(("path", "value", "message"), MISFITS.values(), ids=MISFITS)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(path, value, message):
    """The message says where the state differs; the member is what it was."""
    training = training_of()
    training.train_epoch()
    before = training.state(0)
    with pytest.raises(NetworkError, match=message):
        training.restore(0, replaced(training_of().state(0), path, value))
    after = training.state(0)
    assert before["epochs"] == after["epochs"]
    assert np.array_equal(before["parameters"], after["parameters"])


@pytest.mark.parametrize(
    "settings",
    [{"hidden": (5,)}, {"hidden": (2, 2)}, {"optimizer": "sgd"}, {"dtype": "float64"}, {"monitor": "accuracy"}],
    ids=str,
)
def test_the_state_of_another_training_is_refused(settings):
    """Another shape, optimizer, dtype or monitor makes another state."""
    with pytest.raises(NetworkError, match="does not fit"):
        training_of(**settings).restore(0, training_of().state(0))


def test_a_state_before_the_first_epoch_can_be_restored():
    """No epoch has been the best one yet: the value is None, and stays so."""
    training = training_of()
    training.restore(0, training_of().state(0))
    assert training.state(0)["best"]["value"] is None
    assert training.train_epoch()[0].epoch == 1
