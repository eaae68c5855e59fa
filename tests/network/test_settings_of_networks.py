import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest

import network
from network import Architecture, Convolution, Member, NetworkError
from network.schedules import Cosine, Warmup

ARCHITECTURE = {
    "inputs": [(0, "inputs is 0, but must be a whole number of at least 1"), (2.0, "inputs is 2.0")],
    "outputs": [(2.0, "outputs is 2.0"), (True, "outputs is True"), (None, "outputs is None")],
    "hidden": [
        ((3, 0), r"hidden\[1\] is 0"),
        ((3, 2.5), r"hidden\[1\] is 2.5"),
        (64, r"hidden is 64.*\(64,\)"),
        ("64", "hidden is '64'"),
        (None, "hidden is None"),
    ],
    "activation": [
        ("rellu", "Unknown activation 'rellu': did you mean 'relu'.*sigmoid"),
        ("?", "Unknown activation.*choose one of"),
        (["relu"], "Unknown activation"),
    ],
    "loss": [("crossentropy", "did you mean 'cross_entropy'"), (None, "Unknown loss None")],
    "initializer": [("hee_normal", "did you mean 'he_normal'")],
    "optimizer": [("adm", "did you mean 'adam'"), ("nestrov", "did you mean 'nesterov'")],
    "batch_size": [(-1, "batch_size is -1"), (0.5, "batch_size is 0.5")],
    "dtype": [("float16", "Unknown dtype 'float16'"), (np.float32, "Unknown dtype")],
    "normalization": [("batchnorm", "Unknown normalization 'batchnorm': did you mean 'batch'"), (None, "Unknown")],
    "dropout": [(0.5, "dropout is 0.5, but must be True or False: each member has its own rate"), ("no", "'no'")],
    "image": [
        ((2, 2), r"image is \(2, 2\), but must be height, width and channels"),
        ("2x2x1", "image is '2x2x1'"),
        (4, "image is 4"),
        ((1, 3, 0), "the image's channels is 0"),
        ((2, 2, 1), r"An image \(2, 2, 1\) has 4 values, but the network has 3 inputs"),
    ],
    "convolutions": [
        ((Convolution(2),), r"convolutions need an image: give its height, width and channels"),
        (3, "convolutions is 3, but must hold stages"),
        ("3", "convolutions is '3'"),
        ((3,), "3 is no Convolution"),
        (({"filters": 2, "kernal": 3},), "no Convolution.*'kernal'"),
        (({"filters": 0},), "filters is 0"),
    ],
    "huber_delta": [(0, "huber_delta is 0, but must be a number greater than 0"), (math.inf, "inf"), ("1", "'1'")],
}
"""For every field of an architecture, values that it refuses."""

CONVOLUTION = {
    "filters": [(0, "filters is 0, but must be a whole number of at least 1"), (2.0, "filters is 2.0")],
    "kernel": [(0, "kernel is 0"), ((3, 3), r"kernel is \(3, 3\)")],
    "stride": [(0, "stride is 0")],
    "padding": [(-1, "padding is -1, but must be a whole number of at least 0"), ("same", "padding is 'same'")],
    "pool": [(0, "pool is 0")],
    "pooling": [("maximum", "Unknown pooling 'maximum'"), ("averge", "did you mean 'average'")],
}

NUMBERS = [("fast", "'fast'"), (None, "None"), (math.nan, "nan"), (True, "True")]
SHARES = [*NUMBERS, (-0.1, "-0.1"), (1, "1, but must be a number at least 0 and less than 1")]
AMOUNTS = [*NUMBERS, (-0.1, "-0.1, but must be a number at least 0 and finite"), (math.inf, "inf")]
BOUNDS = [*NUMBERS, (0, "0, but must be a number greater than 0"), (-math.inf, "-inf")]
MEMBER = {
    "seed": [(-1, "-1, but must be a whole number of at least 0"), (1.5, "1.5"), (None, "None")],
    "learning_rate": [*NUMBERS, (0, "0, but must be a number greater than 0 and finite"), (math.inf, "inf")],
    **dict.fromkeys(("l1", "l2", "weight_decay"), AMOUNTS),
    **dict.fromkeys(("momentum", "beta1", "beta2", "rho", "dropout", "label_smoothing"), SHARES),
    **dict.fromkeys(("clip_norm", "max_norm"), BOUNDS),
    "schedule": [
        ("cosine", r"'cosine', but must be one of SCHEDULES: Constant\(\)"),
        (Cosine, "<class.*must be one of"),
    ],
}


def every(refused):
    return pytest.mark.parametrize(
        ("field", "value", "message"),
        [(field, value, message) for field, cases in refused.items() for value, message in cases],
    )


def test_every_field_is_tested():
    """What can be set can be set wrongly."""
    for settings, refused in ((Architecture, ARCHITECTURE), (Convolution, CONVOLUTION), (Member, MEMBER)):
        assert {field.name for field in fields(settings)} == set(refused)


@every(ARCHITECTURE)
def test_an_impossible_architecture_is_refused(field, value, message):
    """The message names the setting, its value, and what it should be; of a name, the nearest one."""
    with pytest.raises(NetworkError, match=message):
        Architecture(**{"inputs": 3, "outputs": 2, field: value})


@every(CONVOLUTION)
def test_an_impossible_convolution_is_refused(field, value, message):
    """Likewise."""
    with pytest.raises(NetworkError, match=message):
        Convolution(**{"filters": 3, field: value})


@every(MEMBER)
def test_an_impossible_member_is_refused(field, value, message):
    """The message names the setting, its value, and its range."""
    with pytest.raises(NetworkError, match=f"^{field} is {message}"):
        Member(**{"seed": 0, field: value})


def test_settings_at_the_ends_of_their_ranges_are_taken():
    """What is written in the ranges holds at their ends, for numbers of NumPy's as well."""
    Member(seed=0, l1=0, l2=0, weight_decay=0, momentum=0, beta1=0, beta2=0, rho=0, dropout=0, label_smoothing=0)
    Member(seed=np.int64(2**40), learning_rate=np.float32(1e-40), clip_norm=math.inf, max_norm=5e-324)
    assert Architecture(np.int32(1), 1, (), dropout=np.bool_("yes")).dropout is True


def test_architectures_from_json_are_the_same_and_can_be_keys():
    """Lists for tuples, mappings for stages: what JSON gives makes an equal and hashable one; members group by it."""
    ours = Architecture(12, 2, (4, 5), image=(2, 6, 1), convolutions=(Convolution(3), Convolution(2, pool=2)))
    theirs = Architecture(
        12, 2, [4, 5], image=[2, 6, 1], convolutions=[{"filters": 3}, {"filters": 2, "pool": 2, "pooling": "max"}]
    )
    assert {ours: 1} == {theirs: 1}


def test_members_can_be_compared_and_are_frozen():
    """Equal settings are equal members, schedule included; none changes behind the back of a stack."""
    one, twin = (Member(seed=0, schedule=Warmup(2, Cosine(8))) for _ in range(2))
    assert {one: 1} == {twin: 1}
    assert one != Member(seed=0, schedule=Warmup(2, Cosine(9)))
    with pytest.raises(FrozenInstanceError):
        one.seed = 1


def test_every_export_exists():
    """`__all__` has no repetition, and nothing in it is missing."""
    assert len(set(network.__all__)) == len(network.__all__)
    assert all(hasattr(network, name) for name in network.__all__)


def test_a_registry_cannot_be_changed_by_accident():
    """Families grow in their own files only."""
    families = [network.ACTIVATIONS, network.LOSSES, network.INITIALIZERS, network.OPTIMIZERS, network.SCHEDULES]
    for family in families:
        with pytest.raises(TypeError):
            family["new"] = None
