"""No point is tried twice: a finite space is searched whole before any point of it is repeated."""

import numpy as np
import pytest

from strategies import Choice, Float, Grid, Int, Ledger, Space, State, Targets, parse_strategy

SPACES = {
    "plain": Space(n=Int(1, 6), kind=Choice("a", "b", "c")),
    "a branch of a single point": Space(
        kind=Choice("off", "on"), n=Int(1, 9, when={"kind": "on"}), m=Choice(1, 2, when={"n": [2, 3]})
    ),
    "a single point": Space(kind=Choice("only"), n=Int(3, 3)),
    "logarithmic": Space(n=Int(1, 40, log=True)),
    "a float without a range": Space(x=Float(0.5, 0.5), n=Int(1, 12)),
    "nested branches": Space(
        a=Choice(0, 1, 2), b=Choice(0, 1, when={"a": 1}), c=Choice(0, 1, when={"b": 1}), d=Int(0, 4, when={"a": 2})
    ),
}
SEARCHES = ["random", "sobol", "halton", "grid", "tpe", "de", "cmaes", "random+halving", "tpe+asha"]


def searched(name, space, n_trials, *, queue=(), seed=0, fail=False):
    """The points of a search in their order; a trial's curve is a hash of its params."""
    strategy = parse_strategy(name)
    ledger = Ledger(strategy, space, seed, Targets(9, n_trials, queue=queue), 1)
    points = []
    while hasattr(plan := ledger.decide(), "job") or hasattr(plan, "trial"):
        ledger.enter(plan)
        if not hasattr(plan, "job"):
            continue
        job = plan.job
        trial = ledger.trial(job.trial)
        if plan.params is not None:
            points.append(plan.params)
        level = int(space.encode(trial.params).sum() * 1000 % 17)
        curve = tuple(level + 1 / epoch for epoch in range(1, job.until + 1))
        state = State.COMPLETE if job.until == 9 else State.PAUSED
        ledger.close_job(job.number, State.FAILED if fail else state, () if fail else curve)
    return points


@pytest.mark.parametrize("fail", [False, True], ids=["", "all fail"])
@pytest.mark.parametrize("name", SEARCHES)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_a_finite_space_is_searched_whole_before_a_point_is_repeated(space, name, fail):
    """In as many trials as there are points each point is tried exactly once, also where every trial fails."""
    points = searched(name, space, int(space.size), fail=fail)
    every = [space.decode(row) for row in space.enumerated(1000)]
    assert sorted(map(repr, points)) == sorted(map(repr, every))
    assert all(point in space for point in points)


@pytest.mark.parametrize("name", ["random", "tpe"])
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_what_comes_after_the_last_point_repeats(space, name):
    """A search that is to have more trials than there are points goes on: with points that were tried."""
    size = int(space.size)
    points = searched(name, space, size + 3)
    assert len(points) == size + 3
    assert len({repr(point) for point in points[:size]}) == size


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_guesses_cost_no_point(space):
    """With first guesses each point is tried once as well, the guesses first; a grid without a target ends after its last point."""
    rng = np.random.default_rng(5)
    queue = tuple(space.sample(rng) for _ in range(4))
    distinct = [point for i, point in enumerate(queue) if point not in queue[:i]]
    for name, n_trials in [("random", int(space.size)), ("grid", None)]:
        points = searched(name, space, n_trials, queue=queue)
        assert points[: len(distinct)] == distinct
        assert len({repr(point) for point in points}) == len(points) == space.size


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES.keys())
def test_the_size_of_a_space_is_the_number_of_its_points(space):
    """Counted, listed and walked by a grid: the same points, no two of one place."""
    points = space.enumerated(1000)
    assert space.size == len(points) == Grid().size(space)
    assert len(np.unique(points, axis=0)) == len(points)
    assert [space.decode(row) for row in points] == searched("grid", space, None)
    assert space.enumerated(len(points) - 1) is None


def test_a_space_with_a_range_of_floats_has_no_end():
    """It is infinite, cannot be listed, and a point near another is found that is not taken."""
    space = Space(x=Float(0, 1), n=Int(1, 3))
    assert space.size == np.inf
    assert space.enumerated(10**9) is None
    here = {"x": 0.5, "n": 2}
    found = space.another(here, lambda params: params == here, np.random.default_rng(0))
    assert found in space
    assert found != here


def test_another_point_is_the_nearest_that_is_left():
    """Of integers on a line those next to a taken one come first; where all are taken there is none."""
    space = Space(n=Int(1, 9))
    taken = [{"n": 5}]
    for _ in range(8):
        found = space.another({"n": 5}, taken.__contains__, np.random.default_rng(0))
        assert abs(found["n"] - 5) == min(abs(n - 5) for n in range(1, 10) if {"n": n} not in taken)
        taken.append(found)
    assert space.another({"n": 5}, taken.__contains__, np.random.default_rng(0)) is None


def test_a_branch_that_is_half_continuous():
    """Where one branch of a choice is a single point and the other a range, the single one is tried once and the range goes on."""
    space = Space(kind=Choice("off", "on"), x=Float(0, 1, when={"kind": "on"}))
    for name in ("random", "tpe", "sobol"):
        points = searched(name, space, 60)
        assert len({repr(point) for point in points}) == 60
        assert points.count({"kind": "off"}) == 1
