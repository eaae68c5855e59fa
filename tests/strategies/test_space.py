"""Spaces: what they accept, what they mean, and what they say when they refuse."""

import tomllib
from dataclasses import FrozenInstanceError
from math import inf, nan

import numpy as np
import pytest
from scipy import stats

from strategies import Choice, Float, Int, Space, SpaceError

SPACE = Space(
    optimizer=Choice("sgd", "adam"),
    momentum=Float(0.5, 0.99, when={"optimizer": "sgd"}),
    layers=Int(1, 3),
    width_2=Int(8, 64, log=True, when={"layers": [2, 3]}),
    width_3=Int(8, 64, log=True, when={"layers": 3}),
    nesterov=Choice(True, False, when={"optimizer": "sgd", "layers": 3}),  # noqa: FBT003 - the values chosen from
)


def test_toml_spells_a_space():
    """The tables of a `[space]` section are the keyword arguments of the classes."""
    text = """
    [space]
    learning_rate = {type = "float", low = 1e-4, high = 1e-1, log = true}
    hidden = {type = "int", low = 8, high = 256, log = true, points = 5}
    optimizer = {type = "choice", values = ["sgd", "adam"]}
    momentum = {type = "float", low = 0.5, high = 0.99, when = {optimizer = "sgd"}}
    """
    assert Space.from_dict(tomllib.loads(text)["space"]) == Space(
        learning_rate=Float(1e-4, 1e-1, log=True),
        hidden=Int(8, 256, log=True, points=5),
        optimizer=Choice("sgd", "adam"),
        momentum=Float(0.5, 0.99, when={"optimizer": ["sgd"]}),
    )


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"optimizer": "adam", "layers": 1}, ["optimizer", "layers"]),
        ({"optimizer": "sgd", "layers": 2}, ["optimizer", "momentum", "layers", "width_2"]),
        ({"optimizer": "adam", "layers": 3}, ["optimizer", "layers", "width_2", "width_3"]),
        ({"optimizer": "sgd", "layers": 3}, list(SPACE.parameters)),
    ],
)
def test_conditions_say_what_is_active(values, names):
    """All of a condition's keys must hold, a list means any of its values; declared order is kept."""
    assert list(SPACE.active(values)) == names


def test_a_child_of_an_inactive_parent_is_inactive():
    """A condition on an inactive parent does not hold, whatever value is at hand, in whichever order all is declared."""
    space = Space(c=Float(0, 1, when={"b": 1}), b=Int(0, 1, when={"a": "on"}), a=Choice("on", "off"))
    assert space.parents_first == ("a", "b", "c")
    assert space.active({"a": "off", "b": 1}) == ("a",)
    assert list(space.decode(np.array([0.3, 0.9, 0.1]))) == ["c", "b", "a"]


def test_a_name_may_be_any_text():
    """A dict gives names that Python cannot spell, beside keyword arguments, in order."""
    space = Space({"odd name": Float(0, 1), "self": Int(1, 2)}, class_=Choice("a"))
    assert list(space.parameters) == ["odd name", "self", "class_"]


def test_validation_returns_plain_values():
    """NumPy scalars and an integer for a float are taken, and come back as plain Python values in declared order."""
    space = Space(x=Float(0, 10), n=Int(0, 10), c=Choice(*np.array([1, 2, 4])))
    params = space.validate({"c": np.int64(2), "n": np.int64(3), "x": 4})
    assert repr(params) == "{'x': 4.0, 'n': 3, 'c': 2}"


def test_values_keep_their_types():
    """1, 1.0 and True are told apart: between spaces, and between a value and the choices."""
    assert Space(x=Choice(1, 2)) != Space(x=Choice(1.0, 2.0))
    assert Space(x=Choice(1, 0)) != Space(x=Choice(True, False))  # noqa: FBT003 - the values chosen from
    assert {"x": 1} not in Space(x=Choice(True, False))  # noqa: FBT003 - the values chosen from
    assert {"x": True} not in Space(x=Int(0, 1))


def test_the_order_of_declaration_counts():
    """Spaces of the same parameters in another order draw other samples, and are not equal."""
    assert Space(a=Float(0, 1), b=Float(0, 2)) != Space(b=Float(0, 2), a=Float(0, 1))


def test_a_space_cannot_be_changed():
    """Neither a space nor a parameter takes an assignment, and their mappings are read-only."""
    with pytest.raises(FrozenInstanceError):
        SPACE.parameters = {}
    with pytest.raises(FrozenInstanceError):
        SPACE.parameters["layers"].high = 9
    with pytest.raises(TypeError):
        SPACE.parameters["more"] = Float(0, 1)
    with pytest.raises(TypeError):
        SPACE.parameters["momentum"].when["optimizer"] = "adam"


def test_logarithmic_scales():
    """Worked numbers: the middle of [1e-4, 1e-2] is 1e-3; a third of Int(1, 8) by the log of its edges is 2."""
    assert Float(1e-4, 1e-2, log=True).decode(0.5) == pytest.approx(1e-3, rel=1e-14)
    assert Float(1e-4, 1e-2, log=True).encode(1e-3) == pytest.approx(0.5, rel=1e-14)
    assert Int(1, 8, log=True).decode(1 / 3) == 1  # 0.5 · 17^(1/3) = 1.286
    assert Int(1, 8, log=True).decode(0.4) == 2  # 0.5 · 17^0.4 = 1.553


@pytest.mark.parametrize(
    ("domain", "shares"),
    [
        (Int(-2, 3), [1 / 6] * 6),
        (Int(1, 4, log=True), np.diff(np.log([0.5, 1.5, 2.5, 3.5, 4.5])) / np.log(9)),
        (Choice("a", "b", "c"), [1 / 3] * 3),
    ],
)
def test_bins_have_their_mass(domain, shares):
    """By chi-square: uniform coordinates give each value its share of the scale."""
    draws = [domain.decode(u) for u in np.random.default_rng(3).random(6000)]
    counts = [draws.count(value) for value in domain.levels(None)]
    assert stats.chisquare(counts, np.array(shares) * 6000).pvalue > 0.001


def test_far_bounds_stay_exact():
    """Every integer has a coordinate of its own up to the farthest bounds, on either scale."""
    for domain in (Int(-(2**40), 2**40), Int(1, 2**40, log=True)):
        for value in (domain.low, domain.low + 1, 12345, domain.high // 2, domain.high - 1, domain.high):
            assert domain.decode(domain.encode(value)) == value


def test_levels_of_a_float():
    """Evenly spaced on the scale with exact ends; a single point is the middle; a constant needs no resolution."""
    assert Float(0, 1).levels(5) == (0.0, 0.25, 0.5, 0.75, 1.0)
    assert Float(1e-4, 1e-1, log=True).levels(4) == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1], rel=1e-14)
    assert Float(1e-4, 1e-1, log=True).levels(4)[-1] == 1e-1
    assert Float(2, 8, log=True).levels(1) == pytest.approx([4.0])
    assert Float(2, 2).levels(None) == (2.0,)


def test_levels_of_an_integer():
    """Geometric on a log scale, moved apart where rounding would repeat one; every integer when none is asked for."""
    assert Int(8, 128, log=True).levels(5) == (8, 16, 32, 64, 128)
    assert Int(1, 16, log=True).levels(8) == (1, 2, 3, 4, 5, 7, 11, 16)
    assert list(Int(3, 5).levels(None)) == [3, 4, 5]
    assert Int(0, 10).levels(1) == (5,)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Float(1, 0), "low = 1.0 is above high = 0.0"),
        (lambda: Float(0, nan), "high must be a finite number, not nan"),
        (lambda: Float(-inf, 0), "low must be a finite number, not -inf"),
        (lambda: Float("0", 1), "low must be a finite number, not '0'"),
        (lambda: Float(0, 10**400), "high must be a finite number"),
        (lambda: Float(-1e308, 1e308), "too wide"),
        (lambda: Float(0, 1, log=True), "log scale needs bounds above 0"),
        (lambda: Float(0, 1, log="yes"), "log must be true or false"),
        (lambda: Float(0, 1, points=0), "points must be an integer of at least 1, not 0"),
        (lambda: Int(0, 1.5), "high must be an integer, not 1.5"),
        (lambda: Int(False, 3), "low must be an integer, not False"),  # noqa: FBT003 - the mistake
        (lambda: Int(0, 2**41), "within ±2**40"),
        (lambda: Int(0, 4, log=True), "log scale"),
        (Choice, "at least one value"),
        (lambda: Choice("a", "b", "a"), "'a' and 'a' of a choice are equal"),
        (lambda: Choice(0, False), "0 and False of a choice are equal"),  # noqa: FBT003 - the mistake
        (lambda: Choice((64, 64)), "neither text, a number"),
        (lambda: Choice(0.0, nan), "not a finite number"),
        (lambda: Choice(0, 2**63), "more than the 64 bits"),
        (lambda: Choice("a\0"), "a NUL or half a character"),
        (lambda: Choice("a", when="b"), "`when` maps parameters to values"),
        (lambda: Choice("a", when={"b": []}), "allows no value of 'b'"),
        (Space, "at least one parameter"),
        (lambda: Space(Float(0, 1)), "made of named parameters"),
        (lambda: Space({"": Float(0, 1)}), "not empty and has no NUL, not ''"),
        (lambda: Space({"x": Float(0, 1)}, x=Float(0, 1)), "given twice"),
        (lambda: Space(x=(0, 1)), "parameter 'x' must be a Float, an Int or a Choice, not (0, 1)"),
        (lambda: Space(x=Float(0, 1, when={"optimzer": "a"}), optimizer=Choice("a")), "Did you mean 'optimizer'?"),
        (lambda: Space(x=Float(0, 1, when={"y": 1}), y=Float(0, 1)), "'y', which is continuous"),
        (lambda: Space(x=Float(0, 1, when={"y": "c"}), y=Choice("a", "b")), "can never hold: 'c' is none of 'a', 'b'"),
        (lambda: Space(x=Float(0, 1, when={"y": [1, 4]}), y=Int(0, 3)), "can never hold: 4 is not between 0 and 3"),
        (lambda: Space(a=Int(0, 1, when={"b": 1}), b=Int(0, 1, when={"a": 1})), "in a circle: a → b → a"),
        (lambda: Space(a=Int(0, 1, when={"a": 1})), "in a circle: a → a"),
        (lambda: Space.from_dict({"x": {"type": "float", "low": 0, "hgh": 1}}), "'x': a float has no field 'hgh'"),
        (lambda: Space.from_dict({"x": {"type": "float", "low": 0, "hgh": 1}}), "Did you mean 'high'?"),
        (lambda: Space.from_dict({"x": {"type": "int", "low": 0}}), "'x': the field 'high' is missing"),
        (lambda: Space.from_dict({"x": {"type": "real"}}), "'x': type must be one of 'float', 'int', 'choice'"),
        (lambda: Space.from_dict({"x": {"type": "choice", "values": "ab"}}), "'x': values must be a list"),
        (lambda: Space.from_dict({"x": [0, 1]}), "'x': a parameter is a table"),
        (lambda: Space.from_dict([]), "a space is a table"),
    ],
)
def test_a_space_that_cannot_be(make, says):
    """A faulty space raises a SpaceError that says what is wrong, and where."""
    with pytest.raises(SpaceError) as raised:
        make()
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"optimizer": "adam"}, "parameter 'layers' is missing"),
        ({"optimizer": "sgd", "layers": 1}, "parameter 'momentum' is missing"),
        (
            {"optimizer": "adam", "layers": 1, "momentum": 0.9},
            "'momentum' is not active (it is only when 'optimizer' is 'sgd')",
        ),
        ({"optimizer": "adam", "layers": 1, "momentun": 0.9}, "unknown parameter 'momentun'. Did you mean 'momentum'?"),
        ({"optimizer": "rmsprop", "layers": 1}, "parameter 'optimizer': 'rmsprop' is none of 'sgd', 'adam'"),
        ({"optimizer": "adam", "layers": 4}, "parameter 'layers': 4 is not between 1 and 3"),
        ({"optimizer": "adam", "layers": 2.0}, "parameter 'layers': the value must be an integer, not 2.0"),
        ({"optimizer": "sgd", "layers": 1, "momentum": nan}, "parameter 'momentum': the value must be a finite number"),
        (["optimizer"], "params are a dict"),
    ],
)
def test_params_outside_of_the_space(params, says):
    """Params that do not lie in the space are refused with the parameter's name, and are not `in` it."""
    with pytest.raises(SpaceError) as raised:
        SPACE.validate(params)
    assert says in str(raised.value)
    assert params not in SPACE


@pytest.mark.parametrize("u", [np.zeros(2), np.zeros((1, 6)), np.full(6, nan)])
def test_coordinates_of_another_shape(u):
    """Coordinates of the wrong number, and such as are not numbers, are refused."""
    with pytest.raises(SpaceError, match="6 coordinates"):
        SPACE.decode(u)


def test_a_vast_space_is_not_counted():
    """Hundreds of switches are too many points to count: their number is infinity, and a search of them goes on."""
    space = Space({f"s{i}": Choice(True, False) for i in range(400)})  # noqa: FBT003 - the values chosen from
    assert space.size == inf
    assert space.enumerated(10**6) is None
    assert space.sample(np.random.default_rng(0)) in space
    assert Space({f"n{i}": Int(0, 2**40) for i in range(27)}).size == inf
