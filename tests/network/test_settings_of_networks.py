import math

import pytest

import network
from network import Architecture, Member, NetworkError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "rellu"}, "Unknown activation 'rellu': did you mean 'relu'.*sigmoid"),
        ({"activation": "?"}, "Unknown activation.*choose one of"),
        ({"activation": ["relu"]}, "Unknown activation"),
        ({"loss": "crossentropy"}, "did you mean 'cross_entropy'"),
        ({"initializer": "hee"}, "did you mean 'he'"),
        ({"optimizer": "adm"}, "did you mean 'adam'"),
        ({"dtype": "float16"}, "Unknown dtype 'float16'"),
        ({"inputs": 0}, "inputs is 0, but must be a whole number of at least 1"),
        ({"outputs": 2.0}, "outputs is 2.0"),
        ({"outputs": True}, "outputs is True"),
        ({"batch_size": -1}, "batch_size is -1"),
        ({"hidden": (3, 0)}, r"hidden\[1\] is 0"),
        ({"hidden": 64}, r"hidden is 64.*\(64,\)"),
        ({"hidden": "64"}, "hidden is '64'"),
    ],
)
def test_an_impossible_architecture_is_refused(settings, message):
    """The message names the setting, its value, and what it should be."""
    with pytest.raises(NetworkError, match=message):
        Architecture(**{"inputs": 3, "outputs": 2, **settings})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seed": -1}, "seed is -1, but must be a whole number of at least 0"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"learning_rate": 0}, "learning_rate is 0, but must be a number greater than 0 and finite"),
        ({"learning_rate": math.nan}, "learning_rate is nan"),
        ({"learning_rate": "fast"}, "learning_rate is 'fast'"),
        ({"l2": -0.1}, "l2 is -0.1, but must be a number at least 0"),
        ({"l2": math.inf}, "l2 is inf"),
        ({"momentum": 1.0}, "momentum is 1.0, but must be a number at least 0 and less than 1"),
        ({"beta1": -0.1}, "beta1"),
        ({"beta2": 1}, "beta2"),
    ],
)
def test_an_impossible_member_is_refused(settings, message):
    """The message names the setting, its value, and its range."""
    with pytest.raises(NetworkError, match=message):
        Member(**{"seed": 0, **settings})


def test_architectures_from_json_are_the_same_and_can_be_keys():
    """A list of widths, as JSON gives it, makes an equal and hashable architecture: members group by it."""
    assert {Architecture(3, 2, [4, 5]): 1} == {Architecture(3, 2, (4, 5)): 1}


def test_every_export_exists_and_is_listed_in_order():
    """`__all__` is sorted as the linter sorts it, without repetition, and nothing in it is missing."""
    assert len(set(network.__all__)) == len(network.__all__)
    assert all(hasattr(network, name) for name in network.__all__)


def test_a_registry_cannot_be_changed_by_accident():
    """Families grow in their own files only."""
    for family in (network.ACTIVATIONS, network.LOSSES, network.INITIALIZERS, network.OPTIMIZERS):
        with pytest.raises(TypeError):
            family["new"] = None
