"""Laws of every space and of every kind of parameter."""

import json
import pickle
import tomllib
from itertools import pairwise, product
from math import isclose

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spaces import coordinates, spaces

from strategies import Choice, Float, Grid, History, Int, Space

LAWS = settings(max_examples=150, deadline=None)


@LAWS
@given(st.data())
def test_decoding_lands_in_the_space(data):
    """Any coordinates in [0, 1], both ends included, decode to a valid point of plain values in declared order."""
    space = data.draw(spaces())
    params = space.decode(data.draw(coordinates(space)))
    assert params in space
    assert repr(space.validate(params)) == repr(params)
    assert list(params) == [name for name in space.parameters if name in params]
    assert all(type(value) in (float, int, str, bool, type(None)) for value in params.values())


@LAWS
@given(st.data())
def test_decoding_inverts_encoding(data):
    """An encoded point has coordinates in [0, 1], 0.5 where inactive, and decodes to itself: floats within rounding."""
    space = data.draw(spaces())
    params = space.decode(data.draw(coordinates(space)))
    unit = space.encode(params)
    assert unit.shape == (space.dimension,)
    assert ((unit >= 0) & (unit <= 1)).all()
    assert all(unit[i] == 0.5 for i, name in enumerate(space.parameters) if name not in params)
    back = space.decode(unit)
    assert list(back) == list(params)
    for name, value in params.items():
        domain = space.parameters[name]
        if isinstance(domain, Float):
            width = max(abs(domain.low), abs(domain.high))
            assert isclose(back[name], value, rel_tol=1e-12, abs_tol=0 if domain.log else 1e-12 * width)
            assert domain.low <= back[name] <= domain.high
        else:
            assert repr(back[name]) == repr(value)


@LAWS
@given(spaces(), st.integers(0, 2**32))
def test_a_sample_is_one_uniform_number_a_parameter(space, seed):
    """Sampling decodes one uniform number per parameter, inactive ones included, and draws nothing more."""
    rng, same = np.random.default_rng(seed), np.random.default_rng(seed)
    params = space.sample(rng)
    assert params == space.decode(np.array([same.random() for _ in space.parameters]))
    assert rng.random() == same.random()


@LAWS
@given(spaces())
def test_a_space_survives_json_and_pickle(space):
    """JSON and pickle give an equal space, of equal hash, that samples the same points."""
    for twin in (Space.from_dict(json.loads(json.dumps(space.to_dict()))), pickle.loads(pickle.dumps(space))):  # noqa: S301 - our own bytes
        assert twin == space
        assert hash(twin) == hash(space)
        assert repr(twin) == repr(space)
        assert repr(twin.sample(np.random.default_rng(1))) == repr(space.sample(np.random.default_rng(1)))


@LAWS
@given(spaces())
def test_the_repr_is_the_expression_that_makes_the_space(space):
    """Evaluating a space's repr gives an equal space."""
    assert eval(repr(space), {"Space": Space, "Float": Float, "Int": Int, "Choice": Choice}) == space  # noqa: S307 - our own text


@LAWS
@given(spaces())
def test_a_space_survives_toml(space):
    """The `[space]` table in TOML, where there is no null, gives an equal space."""
    assume(all(None not in each.values for each in space.parameters.values() if isinstance(each, Choice)))
    text = "[space]\n" + "\n".join(f"{name} = {_toml(table)}" for name, table in space.to_dict().items())
    assert Space.from_dict(tomllib.loads(text)["space"]) == space


def _toml(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else repr(value)


def _listed(space, levels):
    """Every combination, listed: all levels of all parameters, the inactive ones taken out, repetitions dropped."""
    names = space.parents_first
    found = {}
    for values in product(*(levels[name] for name in names)):
        full = dict(zip(names, values, strict=True))
        point = {name: full[name] for name in space.active(full)}
        found.setdefault(repr(point), point)
    return list(found.values())


@LAWS
@given(spaces(max_size=4), st.none() | st.integers(1, 3))
def test_a_grid_is_the_list_of_its_combinations(space, points):
    """By brute force: the grid holds each distinct active combination once, the last parameter varying fastest."""
    bounded = Space(
        {
            name: Int(each.low, each.high, log=each.log, points=each.points or 3, when=each.when)
            if isinstance(each, Int)
            else each
            for name, each in space.parameters.items()
        }
    )
    grid, history = Grid(points), History(bounded, (), {}, 1)
    expected = _listed(
        bounded,
        {
            name: list(each.levels(each.points if not isinstance(each, Choice) else None))
            for name, each in bounded.parameters.items()
        },
    )
    rng = np.random.default_rng(0)
    assert grid.size(bounded) == len(expected)
    assert [repr(grid.propose(i, history, rng).params) for i in range(len(expected))] == list(map(repr, expected))


@LAWS
@given(spaces(parents_first=True))
def test_order_of_declaration_is_kept(space):
    """When parents are declared before their children, nothing is moved."""
    assert space.parents_first == tuple(space.parameters)


@LAWS
@given(st.integers(-50, 50), st.integers(0, 60), st.booleans(), st.integers(1, 70))
def test_levels_of_an_integer(low, width, log, points):
    """`points` distinct integers in rising order with both ends, or all of them when there are no more."""
    low = low if not log else abs(low) + 1
    levels = list(Int(low, low + width, log=log).levels(points))
    assert len(levels) == min(points, width + 1)
    assert all(a < b for a, b in pairwise(levels))
    if points > 1:
        assert (levels[0], levels[-1]) == (low, low + width)
