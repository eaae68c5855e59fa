"""A table of recorded configurations as a space: whatever is drawn, decoded or completed is one of its rows."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import Choice, Float, Int, Space, SpaceError
from strategies.recorded import RecordedSpace

LAWS = settings(max_examples=60, deadline=None)
SPACE = Space(
    rate=Float(1e-4, 1, log=True),
    layers=Int(1, 4),
    optimizer=Choice("sgd", "adam", "lion"),
    momentum=Float(0, 0.9, when={"optimizer": "sgd"}),
)


def sampled(seed, n):
    rng = np.random.default_rng(seed)
    return [SPACE.sample(rng) for _ in range(n)]


tables = st.builds(sampled, st.integers(0, 10**6), st.integers(1, 30))
points = st.lists(st.floats(0, 1), min_size=SPACE.dimension, max_size=SPACE.dimension).map(np.array)


def apart(one, other):
    """The squared distance of two points as the space has it: unequal choices are 1 apart, an inactive number is in the middle."""
    total = 0.0
    for name, parameter in SPACE.parameters.items():
        if isinstance(parameter, Choice):
            total += one.get(name) != other.get(name)
        else:
            place = [parameter.encode(each[name]) if name in each else 0.5 for each in (one, other)]
            total += (place[0] - place[1]) ** 2
    return total


@LAWS
@given(tables, points)
def test_decoding_gives_the_nearest_row(rows, coordinates):
    """By brute force over the table: no row is nearer to the point that the whole space has there."""
    recorded = RecordedSpace(SPACE, rows)
    wanted, found = SPACE.decode(coordinates), recorded.decode(coordinates)
    assert found in rows
    assert apart(found, wanted) <= min(apart(row, wanted) for row in rows) + 1e-12


@LAWS
@given(tables)
def test_every_row_decodes_to_itself(rows):
    """An encoded row is decoded to that very row, and so is every point that is enumerated; there are as many as rows."""
    recorded = RecordedSpace(SPACE, rows)
    assert [recorded.decode(recorded.encode(row)) for row in rows] == rows
    assert recorded.size == len(rows)
    assert [recorded.decode(point) for point in recorded.enumerated(30)] == rows
    assert recorded.enumerated(len(rows) - 1) is None


@LAWS
@given(tables, st.integers(0, 10**6))
def test_samples_are_rows_and_every_row_is_drawn(rows, seed):
    """What is drawn is a row; in so many draws that missing one is a chance of e^-20, all are."""
    recorded, rng = RecordedSpace(SPACE, rows), np.random.default_rng(seed)
    drawn = [recorded.sample(rng) for _ in range(25 * len(rows))]
    assert {recorded.row(params) for params in drawn} == set(range(len(rows)))


@LAWS
@given(tables, points, st.data())
def test_what_is_completed_is_the_nearest_row_that_fits(rows, coordinates, data):
    """By brute force over the rows that have the given values; where none has, the error names them."""
    recorded, params = RecordedSpace(SPACE, rows), SPACE.decode(coordinates)
    given = data.draw(
        st.fixed_dictionaries({}, optional={"layers": st.integers(1, 4), "optimizer": st.sampled_from(["sgd", "adam"])})
    )
    fitting = [row for row in rows if given.items() <= row.items()]
    if fitting:
        found = recorded.complete(given, params, np.random.default_rng(0))
        assert found in fitting
        assert apart(found, params) <= min(apart(row, params) for row in fitting) + 1e-12
    else:
        with pytest.raises(SpaceError, match=r"no configuration with .* was recorded"):
            recorded.complete(given, params, np.random.default_rng(0))


@LAWS
@given(tables, st.integers(0, 10**6))
def test_another_row_is_the_nearest_one_left(rows, seed):
    """One by one, `another` hands out every row once, each the nearest of those left; then there is none."""
    recorded, rng = RecordedSpace(SPACE, rows), np.random.default_rng(seed)
    here = rows[int(rng.integers(len(rows)))]
    taken = []
    for _ in rows:
        found = recorded.another(here, taken.__contains__, rng)
        left = [row for row in rows if row not in taken]
        assert found in left
        assert apart(found, here) <= min(apart(row, here) for row in left) + 1e-12
        taken.append(found)
    assert recorded.another(here, taken.__contains__, rng) is None


def test_a_long_table_hands_out_another_row_too():
    """Also of a table too long to be listed, another row is one that is not taken."""
    space = Space(x=Float(0, 1))
    rows = [{"x": i / 5000} for i in range(5000)]
    recorded, rng = RecordedSpace(space, rows), np.random.default_rng(0)
    for _ in range(20):
        here = recorded.sample(rng)
        assert recorded.another(here, lambda params, here=here: params == here, rng) in rows
        assert recorded.another(here, lambda params, here=here: params == here, rng) != here


@LAWS
@given(tables)
def test_a_row_is_valid_and_nothing_else(rows):
    """A row is a point, in any order of its parameters; a point of the whole space that is no row is refused, and so is no point."""
    recorded = RecordedSpace(SPACE, rows)
    for i, row in enumerate(rows):
        assert recorded.row(dict(reversed(row.items()))) == i
        assert list(recorded.validate(dict(reversed(row.items()))).items()) == list(row.items())
    foreign = SPACE.sample(np.random.default_rng(10**7))
    assert foreign not in recorded
    with pytest.raises(SpaceError, match="was not recorded: only the"):
        recorded.validate(foreign)
    with pytest.raises(SpaceError, match="unknown parameter"):
        recorded.validate({"x": 1})


def test_tables_that_cannot_be():
    """No row, two equal rows, and a row that is no point of the space are refused."""
    row = SPACE.sample(np.random.default_rng(0))
    for rows, says in [([], "no configuration"), ([row, dict(row)], "recorded twice"), ([{"layers": 1}], "missing")]:
        with pytest.raises(SpaceError, match=says):
            RecordedSpace(SPACE, rows)


def test_a_recorded_space_travels():
    """Pickled and made again it has the same rows, and is equal; it searches in the very space that was recorded."""
    recorded = RecordedSpace(SPACE, sampled(3, 12))
    twin = pickle.loads(pickle.dumps(recorded))  # noqa: S301 - our own bytes
    assert twin == recorded
    assert twin.rows == recorded.rows
    assert twin.sample(np.random.default_rng(1)) == recorded.sample(np.random.default_rng(1))
