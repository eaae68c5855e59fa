"""scikit-optimize's optimizer on a history: what it is told, and that what it asks for is a point of the space."""

import warnings
from math import inf

import numpy as np
import pytest

from strategies import Choice, Float, History, Int, Space, State, StrategyError, Trial
from strategies.models.evidence import Evidence
from strategies.searchers.skopt import Skopt, _told

LINE = Space(x=Float(0, 1))
MIXED = Space(
    kind=Choice("a", True, None),  # noqa: FBT003 - a value to choose
    n=Int(1, 50, log=True),
    fixed=Int(3, 3),
    only=Choice("it"),
    x=Float(1e-4, 1, log=True),
    y=Float(0, 1, when={"kind": "a"}),
)


def history(space, points, losses, pending=()):
    trials = [
        Trial(i, params, State.FAILED) if loss == inf else Trial(i, params, State.COMPLETE, (loss,))
        for i, (params, loss) in enumerate(zip(points, losses, strict=True))
    ]
    trials += [Trial(len(trials) + i, params) for i, params in enumerate(pending)]
    return History(space, trials, {trial.number: trial for trial in trials[len(points) :]}, 1)


def proposed(searcher, known, seed=0):
    return searcher.propose(len(known.trials), known, np.random.default_rng(seed))


@pytest.mark.parametrize("estimator", ["gp", "et", "rf", "gbrt"])
def test_every_estimator_on_a_mixed_space(estimator):
    """With failed and pending trials, conditions and parameters of one value, each asks for a point of the space.

    Nothing warns, so nothing that it stands upon is about to go.
    """
    rng = np.random.default_rng(1)
    points = [MIXED.sample(rng) for _ in range(14)]
    losses = [inf if i % 5 == 4 else params["x"] for i, params in enumerate(points[:12])]
    known = history(MIXED, points[:12], losses, points[12:])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        proposal = proposed(Skopt(estimator, acquisition="EI"), known)
    assert proposal.params in MIXED
    assert proposal.reason["observations"] == 12
    assert proposal.reason["incumbent"] == min(losses)


@pytest.mark.parametrize("estimator", ["gp", "et"])
def test_it_looks_near_the_bottom(estimator):
    """Of a valley known at 12 places the next point is near the bottom, and asked again it is the same."""
    places = np.linspace(0, 1, 12)
    known = history(LINE, [{"x": float(x)} for x in places], [(x - 0.3) ** 2 for x in places])
    proposal = proposed(Skopt(estimator, acquisition="EI"), known)
    assert abs(proposal.params["x"] - 0.3) < 0.1
    assert proposed(Skopt(estimator, acquisition="EI"), known) == proposal


def test_the_first_points_are_random():
    """Until `initial` trials have told, and when all that told failed, points are drawn; so where there is no choice."""
    points = [{"x": i / 10} for i in range(10)]
    drawn = LINE.sample(np.random.default_rng(0))
    for known in (history(LINE, points[:9], [1.0] * 9, points[9:]), history(LINE, points, [inf] * 10)):
        assert proposed(Skopt(), known).params == drawn
        assert proposed(Skopt(), known).reason["initial"]
    assert proposed(Skopt(initial=1), history(Space(n=Int(3, 3)), [{"n": 3}], [1.0])).params == {"n": 3}


def test_the_liar():
    """Worked: a failed trial counts as the worst of the others, a pending one as the best."""
    seen = Evidence(
        level=1,
        numbers=np.arange(3),
        points=np.array([[0.1], [0.2], [0.3]]),
        values=np.array([5.0, inf, 2.0]),
        epochs=np.array([1, 0, 1]),
        reached=np.array([True, True, True]),
        n_reached=3,
        pending=np.array([[0.9], [0.8]]),
    )
    points, losses = _told(seen)
    assert points.tolist() == [[0.1], [0.2], [0.3], [0.9], [0.8]]
    assert losses.tolist() == [5.0, 5.0, 2.0, 2.0, 2.0]


def test_a_point_that_was_tried():
    """When all points of a small space are told, one of them is asked for, without a word."""
    space = Space(n=Int(1, 4))
    known = history(space, [{"n": n} for n in range(1, 5)], [3.0, 1.0, 2.0, 4.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert proposed(Skopt("et", initial=4), known).params in space


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ({"estimator": "svm"}, "estimator must be one of 'gp', 'et', 'rf', 'gbrt', not 'svm'"),
        ({"acquisition": "ei"}, "acquisition must be one of 'EI', 'LCB', 'PI', 'gp_hedge', not 'ei'"),
        ({"initial": 0}, "initial must be an integer of at least 1"),
    ],
)
def test_settings_that_cannot_be(setting, says):
    """A setting out of its range is refused, by name."""
    with pytest.raises(StrategyError, match=says):
        Skopt(**setting)
