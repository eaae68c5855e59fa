import copy
import json

import numpy as np
import pytest
from networks import ALL_SCHEDULES, EVERY_KIND, Case, member
from restored import frozen

from network import Member, NetworkError, Training, TrainingData


def training_of(*, monitor="loss", validated=True, schedule=None, **settings):
    """Return a training of one plain member; settings are an architecture's."""
    case = Case.of(shape="no power of two", **{"hidden": (4,), **settings})
    data = case.data if validated else TrainingData(case.data.x_train, case.data.y_train)
    chosen = Member(seed=0) if schedule is None else Member(seed=0, schedule=schedule)
    return Training(case.architecture, [chosen], data, monitor)


def leaves(state):
    for value in state.values():
        if isinstance(value, dict):
            yield from leaves(value)
        else:
            yield value


@pytest.mark.parametrize("case", EVERY_KIND, ids=str)
@pytest.mark.parametrize("epochs", [0, 2])
def test_a_state_is_arrays_and_json(case, epochs):
    """Every leaf is a NumPy array that needs no pickle, or a value that strict JSON gives back the same."""
    members = [member(seed) for seed in range(len(ALL_SCHEDULES))]
    training = Training(case.architecture, members, case.data)
    for _ in range(epochs):
        training.train_epoch()
    for index in range(len(members)):
        for leaf in leaves(training.state(index)):
            if isinstance(leaf, np.ndarray):
                assert leaf.dtype == case.architecture.dtype
            else:
                assert json.loads(json.dumps(leaf, allow_nan=False)) == leaf


def test_a_diverged_member_has_a_state_in_json_too():
    """NaN is in its arrays alone."""
    case = Case.of(loss="squared_error", activation="relu", optimizer="sgd")
    training = Training(case.architecture, [Member(seed=0, learning_rate=1e30)], case.data)
    assert [training.train_epoch()[0].diverged for _ in range(3)][-1]
    state = training.state(0)
    assert np.isnan(state["parameters"]).any()
    assert state["best"]["value"] is None
    for leaf in leaves(state):
        assert isinstance(leaf, np.ndarray) or json.dumps(leaf, allow_nan=False)


def test_states_and_weights_are_copies():
    """What training gives away does not change when training goes on, nor does it change training; nor what it is given."""
    training, source = (training_of(normalization="batch") for _ in range(2))
    source.train_epoch()
    given = source.state(0)
    before = frozen(given)
    training.restore(0, given)
    taken, weights = training.state(0), [training.weights(0, best=best) for best in (True, False)]
    kept = frozen(weights)
    training.train_epoch()
    assert frozen(given) == frozen(taken) == before
    assert frozen(weights) == kept
    latest = frozen(training.state(0))
    for array in (*leaves(training.state(0)), *(array for some in weights for own in some for array in own)):
        if isinstance(array, np.ndarray):
            array[...] = 0
    assert frozen(training.state(0)) == latest


def replaced(state, path, value):
    """Return a copy of `state` with another value at `path`."""
    first, *rest = path
    copied = dict(state)
    copied[first] = replaced(state[first], rest, value) if rest else value
    return copied


MISFITS = {
    "nothing": ([], None, "state is NoneType, but should be"),
    "other shapes": (["shapes"], [[3, 5], [1, 5], [5, 2], [1, 2]], r"state\['shapes'\]"),
    "too few parameters": (["parameters"], np.zeros(3, "float32"), r"shape \(3,\).*should be an array of shape"),
    "other dtype": (["parameters"], np.zeros(96, "float64"), "float64.*should be.*float32"),
    "a list for an array": (["parameters"], [0.0], "is a list"),
    "too many statistics": (
        ["statistics"],
        np.zeros(3, "float32"),
        r"state\['statistics'\] is an array of shape \(3,\)",
    ),
    "no optimizer": (["optimizer"], {}, r"state\['optimizer'\] is \[\].*first_moment"),
    "text for a mapping": (["optimizer"], "adam", "is str"),
    "another schedule": (["schedule"], {"epochs": 3}, r"state\['schedule'\] is \['epochs'\], but should be \[\]"),
    "another monitor": (["best", "monitor"], "accuracy", "'accuracy', but should be 'loss'"),
    "a negative epoch": (["epochs"], -1, "-1, but should be a whole number"),
    "half an epoch": (["epochs"], 1.5, "1.5, but should be a whole number"),
    "a value that is no number": (["best", "value"], "low", "'low', but should be a number or None"),
    "an entry more": (["more"], 1, "'more'"),
}


@pytest.mark.parametrize(("path", "value", "message"), MISFITS.values(), ids=MISFITS)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(path, value, message):
    """The message says where the state differs and what to do; the member is what it was, to the bit."""
    training = training_of()
    training.train_epoch()
    before = frozen(training.state(0))
    state = replaced(training_of().state(0), path, value) if path else value
    with pytest.raises(NetworkError, match=f"{message}.*Restore it with the architecture"):
        training.restore(0, state)
    assert frozen(training.state(0)) == before


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden": (5,)},
        {"hidden": (2, 2)},
        {"optimizer": "sgd"},
        {"dtype": "float64"},
        {"normalization": "batch"},
        {"normalization": "layer"},
        {"monitor": "accuracy"},
        {"validated": False},
        {"schedule": ALL_SCHEDULES[-1]},
    ],
    ids=str,
)
def test_the_state_of_another_training_is_refused(settings):
    """Another shape, optimizer, dtype, normalization, monitor or schedule makes another state; so do validation data."""
    for one, other in (({}, settings), (settings, {})):
        with pytest.raises(NetworkError, match="does not fit"):
            training_of(**one).restore(0, training_of(**other).state(0))


def test_a_state_read_from_json_and_arrays_fits():
    """Numbers may have become those of another library, and whole numbers of a value floats' or NumPy's."""
    training = training_of()
    training.train_epoch()
    state = copy.deepcopy(training.state(0))
    state["epochs"], state["best"]["value"] = np.int64(state["epochs"]), np.float64(state["best"]["value"])
    other = training_of()
    other.restore(0, state)
    assert frozen(other.train_epoch()) == frozen(training.train_epoch())
    assert frozen(other.state(0)) == frozen(training.state(0))


def test_a_state_before_the_first_epoch_can_be_restored():
    """No epoch has been the best one yet: the value is None, and stays so."""
    training = training_of()
    training.restore(0, training_of().state(0))
    assert training.state(0)["best"]["value"] is None
    assert training.train_epoch()[0].epoch == 1
