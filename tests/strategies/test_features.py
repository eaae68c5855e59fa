"""Features: closeness as a surrogate should see it, in spaces of every kind."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spaces import coordinates, spaces

from strategies import Choice, Float, Int, Space
from strategies.models.features import Features

SPACE = Space(
    optimizer=Choice("sgd", "adam", "lion"),
    momentum=Float(0.5, 0.99, when={"optimizer": "sgd"}),
    layers=Int(1, 3),
    width=Int(8, 64, log=True, when={"layers": [2, 3]}),
    fixed=Float(2, 2),
)


def of(space, *points):
    return Features(space)(space.encode_all(list(points)))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_point_has_one_set_of_features(data):
    """Coordinates that decode to the same point have the same features: those of the encoded point, which is settled."""
    space = data.draw(spaces())
    at = data.draw(coordinates(space))
    features, encoded = Features(space), space.encode(space.decode(at))
    assert features(at[None]) == pytest.approx(features(encoded[None]), abs=1e-6)
    assert features.settle(at[None])[0] == pytest.approx(encoded, abs=1e-6)


def test_inactive_parameters_make_no_difference():
    """Points that differ only in coordinates of inactive parameters are equal."""
    at = np.array([[0.5, 0.1, 0.1, 0.2, 0.0], [0.5, 0.9, 0.1, 0.7, 1.0]])
    first, second = Features(SPACE)(at)
    assert (first == second).all()


def test_choices_are_equally_far_apart():
    """Two values of a choice are at a squared distance of 1, whichever they are; a number at that of its coordinates."""
    points = [{"optimizer": name, "layers": 1, "fixed": 2.0} for name in ("adam", "lion")]
    points.append(points[0] | {"layers": 2, "width": 20})
    adam, lion, two = of(SPACE, *points)
    assert ((adam - lion) ** 2).sum() == pytest.approx(1.0)
    width = SPACE.parameters["width"].encode(20)
    assert ((adam - two) ** 2).sum() == pytest.approx((1 / 3) ** 2 + (width - 0.5) ** 2)


def test_groups_and_kinds():
    """Features of a choice share a group; a parameter of one value has none; only floats are continuous."""
    features = Features(SPACE)
    assert features.groups.tolist() == [0, 0, 0, 1, 2, 3]
    assert features.ordered.tolist() == [False, False, False, True, True, True]
    assert features.continuous.tolist() == [False, False, False, True, False, False]


def test_what_can_move():
    """Active floats and integers can; moving them changes their coordinates and no other."""
    features = Features(SPACE)
    at = SPACE.encode_all([{"optimizer": "adam", "layers": 2, "width": 20, "fixed": 2.0}])
    assert features.free(at).tolist() == [[False, False, False, False, True, True]]
    moved = features.moved(at, features(at) + np.array([9.0, 9, 9, 0, 0.1, 0.2]))
    assert moved - at == pytest.approx(np.array([[0, 0, 0.1, 0.2, 0]]))


def test_neighbours():
    """They differ in one choice or integer and what depends on it, are points of the space, and are told once."""
    at = SPACE.encode({"optimizer": "adam", "layers": 1, "fixed": 2.0})
    around = [SPACE.decode(each) for each in Features(SPACE).neighbours(at)]
    assert sorted((each["optimizer"], each["layers"]) for each in around) == [
        ("adam", 2),
        ("adam", 3),
        ("lion", 1),
        ("sgd", 1),
    ]
    wide = Space(n=Int(0, 10**6), x=Float(0, 1))
    near = [wide.decode(each)["n"] for each in Features(wide).neighbours(wide.encode({"n": 5000, "x": 0.3}))]
    assert {4999, 5001} <= set(near)
    assert 5000 not in near
