"""The grid: its order, its resolution, its end."""

import numpy as np
import pytest

from strategies import Choice, Exhausted, Float, Grid, History, Int, Space, StrategyError

RNG = np.random.default_rng(0)


def grid(searcher, space):
    history = History(space, (), {}, 1)
    return [searcher.propose(number, history, RNG).params for number in range(searcher.size(space))]


def test_a_worked_grid():
    """The last declared parameter varies fastest; an inactive one does not multiply."""
    space = Space(kind=Choice("linear", "tree"), depth=Int(1, 2, when={"kind": "tree"}), rate=Float(0, 1, points=2))
    assert grid(Grid(), space) == [
        {"kind": "linear", "rate": 0.0},
        {"kind": "linear", "rate": 1.0},
        {"kind": "tree", "depth": 1, "rate": 0.0},
        {"kind": "tree", "depth": 1, "rate": 1.0},
        {"kind": "tree", "depth": 2, "rate": 0.0},
        {"kind": "tree", "depth": 2, "rate": 1.0},
    ]


def test_whose_resolution_counts():
    """A number by name comes before the parameter's own, and that before the searcher's number for all."""
    space = Space(a=Float(0, 1, points=2), b=Int(0, 100), c=Choice("x", "y"))
    assert Grid(points=3).size(space) == 2 * 3 * 2
    assert Grid(points={"a": 5}).size(space) == 5 * 101 * 2
    assert Grid().size(space) == 2 * 101 * 2


def test_a_huge_grid_is_counted_not_listed():
    """Worked numbers: in a grid of 1 + 10^72 points the first stands alone, and the others count in base 10^12."""
    digits = {f"d{i}": Int(0, 10**12 - 1, when={"on": True}) for i in range(6)}
    space = Space({"on": Choice(False, True), **digits})  # noqa: FBT003 - the values chosen from
    history = History(space, (), {}, 1)
    assert Grid().size(space) == 1 + 10**72
    assert Grid().propose(0, history, RNG).params == {"on": False}
    point = Grid().propose(1 + 7 + 5 * 10**12 + 3 * 10**60, history, RNG).params
    assert point == {"on": True, "d0": 3, "d1": 0, "d2": 0, "d3": 0, "d4": 5, "d5": 7}


def test_a_condition_on_a_wide_integer():
    """Of a wide integer parent only the values in the condition bring in the child."""
    space = Space(n=Int(1, 10**9), c=Choice("a", "b", when={"n": [5, 10**9]}))
    history = History(space, (), {}, 1)
    assert Grid().size(space) == 10**9 + 2
    assert Grid().propose(5, history, RNG).params == {"n": 5, "c": "b"}
    assert Grid().propose(6, history, RNG).params == {"n": 6}
    assert Grid().propose(10**9 + 1, history, RNG).params == {"n": 10**9, "c": "b"}


def test_the_end_of_the_grid():
    """Past its last point a grid is exhausted, and says how many points it had."""
    with pytest.raises(Exhausted, match="All 3 points"):
        Grid().propose(3, History(Space(n=Int(1, 3)), (), {}, 1), RNG)


@pytest.mark.parametrize(
    ("searcher", "says"),
    [
        (Grid(), "resolution for the float 'rate'"),
        (Grid(points={"raet": 3}), "Did you mean 'rate'?"),
        (Grid(points={"rate": 3, "kind": 2}), "'kind' is a choice"),
    ],
)
def test_a_grid_that_does_not_fit_the_space(searcher, says):
    """A float without a resolution, and points for what has none, are refused before the search."""
    with pytest.raises(StrategyError) as raised:
        searcher.check(Space(rate=Float(0, 1), kind=Choice("a", "b")))
    assert says in str(raised.value)


@pytest.mark.parametrize("points", [0, 2.5, True, {"x": 0}, {"x": "3"}])
def test_points_that_are_no_number(points):
    """`points` are integers of at least 1."""
    with pytest.raises(StrategyError, match="integer of at least 1"):
        Grid(points=points)
