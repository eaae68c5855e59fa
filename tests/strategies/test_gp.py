"""Gaussian-process search: what it proposes, from what, and what it says of it."""

from math import inf, pi

import numpy as np
import pytest

from strategies import Choice, Float, History, Int, Space, State, StrategyError, Trial
from strategies.base import Loss
from strategies.models.evidence import evidence
from strategies.recorded import RecordedSpace
from strategies.searchers.gp import GaussianProcess, _comparable

PLANE = Space(x=Float(-5, 10), y=Float(0, 15))
MIXED = Space(
    rate=Float(1e-4, 1, log=True), kind=Choice("a", "b", "c"), size=Int(1, 9), slope=Float(0, 1, when={"kind": "b"})
)


def branin(p):
    x, y = p["x"], p["y"]
    return (y - 5.1 / (4 * pi**2) * x * x + 5 / pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * pi)) * np.cos(x) + 10 - 0.397887


def mixed(p):
    return (
        (np.log10(p["rate"]) + 2) ** 2 / 4
        + abs(p["size"] - 6) / 5
        + {"a": 0.3, "b": p.get("slope", 0), "c": 1}[p["kind"]]
    )


def seen(trials, space=PLANE, **bounds):
    running = {trial.number: trial for trial in trials if not trial.state.ended}
    return History(space, trials, running, bounds.pop("max_epochs", 1), **bounds)


def search(objective, space, n, *, seed=0, searcher=None):
    """Search one by one; return the trials."""
    searcher, trials = searcher or GaussianProcess(), []
    for number in range(n):
        proposal = searcher.propose(number, seen(trials, space, seed=seed), np.random.default_rng((seed, number)))
        value = float(objective(proposal.params))
        trials.append(
            Trial(number, proposal.params, State.COMPLETE if value < inf else State.FAILED, (value,) * (value < inf))
        )
    return trials


def evaluated(objective, space, n, seed=0):
    rng = np.random.default_rng(seed)
    points = [space.sample(rng) for _ in range(n)]
    return [Trial(i, point, State.COMPLETE, (float(objective(point)),)) for i, point in enumerate(points)]


def test_it_finds_the_minimum():
    """Of Branin's function within a thousandth of its range at 40 trials, of a mixed, conditional one at 50."""
    for seed in range(2):
        assert min(trial.value for trial in search(branin, PLANE, 40, seed=seed)) < 0.01
        best = min(search(mixed, MIXED, 50, seed=seed), key=lambda trial: trial.value)
        assert (best.params["kind"], best.params["size"]) == ("b", 6)
        assert best.value < 0.01


def test_enormous_losses_do_no_harm():
    """A region of enormous losses does not hide the minimum."""

    def cliff(p):
        return branin(p) if p["x"] + p["y"] < 12 else 1e12

    assert min(trial.value for trial in search(cliff, PLANE, 40)) < 0.05


def test_failures_are_avoided():
    """Where half of the space fails, less than a third do after the first ones, and the minimum beside it is found."""

    def fragile(p):
        return inf if p["x"] > 2.5 else branin(p)

    trials = search(fragile, PLANE, 40)
    assert sum(trial.state is State.FAILED for trial in trials[15:]) < 8
    assert min(trial.value for trial in trials) < 0.05


def test_first_points_are_spread():
    """The first ones follow from study and number alone, one in each eighth of every scale."""
    first = [GaussianProcess().propose(i, seen([], seed=3), np.random.default_rng(i)) for i in range(8)]
    assert all(proposal.reason == {"by": "gp", "initial": True} for proposal in first)
    points = PLANE.encode_all([proposal.params for proposal in first])
    assert (np.sort(np.floor(points * 8), axis=0) == np.arange(8)[:, None]).all()
    again = GaussianProcess().propose(5, seen(evaluated(branin, PLANE, 5), seed=3), np.random.default_rng(99))
    assert again.params == first[5].params


def test_without_values_it_draws():
    """As long as fewer than two trials have told a value, points are drawn."""
    failed = [Trial(i, PLANE.sample(np.random.default_rng(i)), State.FAILED) for i in range(9)]
    assert GaussianProcess().propose(9, seen(failed), np.random.default_rng(9)).reason["initial"]
    one = [*failed, Trial(9, {"x": 1.0, "y": 1.0}, State.COMPLETE, (1.0,))]
    assert GaussianProcess().propose(10, seen(one), np.random.default_rng(9)).reason["initial"]


def test_running_trials_are_reckoned_with():
    """Proposals made while others run differ from these, by far more than rounding."""
    trials = evaluated(branin, PLANE, 20)
    for number in range(20, 26):
        params = GaussianProcess().propose(number, seen(trials), np.random.default_rng(7)).params
        trials = [*trials, Trial(number, params)]
    points = PLANE.encode_all([trial.params for trial in trials[20:]])
    apart = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2)) + np.eye(6)
    assert apart.min() > 0.005


def test_the_reason_is_told_in_units_of_the_objective():
    """Predictions of a well-known function are close to it; values of the objective are marked as such."""
    trials = evaluated(branin, PLANE, 60)
    proposal = GaussianProcess().propose(60, seen(trials), np.random.default_rng(0))
    told = proposal.reason
    assert set(told) == {
        "by", "acquisition", "score", "predicted", "sd", "incumbent", "probability", "observations", "level",
    }  # fmt: skip
    assert (told["by"], told["acquisition"], told["observations"], told["level"]) == ("gp", "log_ei", 60, 1)
    assert type(told["predicted"]) is type(told["incumbent"]) is Loss
    assert told["predicted"] == pytest.approx(branin(proposal.params), abs=max(3.0, 3 * told["sd"]))
    assert told["incumbent"] == pytest.approx(min(trial.value for trial in trials), abs=1.0)
    assert 0 < told["probability"] < 1
    assert told["sd"] > 0


def test_the_unit_of_the_objective_does_not_matter():
    """Losses times a power of two, which rounds nothing, give the same proposal."""
    trials = evaluated(branin, PLANE, 25)
    scaled = [Trial(trial.number, trial.params, trial.state, (trial.value * 2.0**20,)) for trial in trials]
    one, other = (GaussianProcess().propose(25, seen(each), np.random.default_rng(1)) for each in (trials, scaled))
    assert one.params == other.params
    assert other.reason["predicted"] == one.reason["predicted"] * 2.0**20


@pytest.mark.parametrize("recorded", [False, True])
def test_finite_spaces_are_used_up_without_repeats(recorded):
    """Every point of a small space, or row of a table, is proposed once before any is again; the best one comes early."""
    space = Space(n=Int(1, 12), kind=Choice("a", "b", "c"))
    objective = lambda p: (p["n"] - 9) ** 2 / 10 + {"a": 1, "b": 0, "c": 2}[p["kind"]]  # noqa: E731 - a formula
    if recorded:
        space = RecordedSpace(
            space, [{"n": n, "kind": kind} for n in range(1, 13) for kind in "abc" if n % 3 == 0 or n == 1]
        )
    size, trials = int(space.size), []
    for number in range(size):
        params = GaussianProcess(initial=1).propose(number, seen(trials, space), np.random.default_rng(number)).params
        trials.append(Trial(number, params, State.COMPLETE, (float(objective(params)),)))
    keys = [tuple(trial.params.items()) for trial in trials]
    assert len(set(keys)) == size
    assert keys.index((("n", 9), ("kind", "b"))) < 15
    further = GaussianProcess().propose(size, seen(trials, space), np.random.default_rng(0))
    assert further.params in space


def test_taken_points_of_a_large_finite_space_are_passed_over():
    """Where the space is too large to list, the best point that no trial has is chosen."""
    space = Space(m=Int(1, 100), n=Int(1, 100))
    trials = search(lambda p: abs(p["m"] - 50) + abs(p["n"] - 50), space, 60)
    assert len({tuple(trial.params.items()) for trial in trials}) == 60
    assert min(trial.value for trial in trials) == 0


def test_trials_short_of_the_level():
    """They count as the best of those that stood no better when as young; as the worst where all stood better."""
    points = [{"x": float(i), "y": 1.0} for i in range(6)]
    curves = [(5, 4, 1), (6, 5, 3), (7, 3, 2), (6.5,), (9,), (5, 4.5)]
    states = [State.COMPLETE] * 3 + [State.PAUSED] * 3
    trials = [
        Trial(i, p, s, tuple(map(float, c))) for i, (p, s, c) in enumerate(zip(points, states, curves, strict=True))
    ]
    history = seen(trials, max_epochs=3)
    known = evidence(history, at_least=3)
    assert known.level == 3
    assert _comparable(known, history).tolist() == [1, 3, 2, 2, 3, 3]


def test_many_trials_are_thinned():
    """The model is fitted to no more trials than are asked for."""
    trials = evaluated(branin, PLANE, 40)
    assert GaussianProcess(most=20).propose(40, seen(trials), np.random.default_rng(0)).reason["observations"] <= 20


@pytest.mark.parametrize("settings", [{"initial": 0}, {"initial": 2.5}, {"most": 9}, {"most": "300"}])
def test_settings_that_cannot_be(settings):
    """At least one first point, and ten trials to look at."""
    with pytest.raises(StrategyError, match=f"{next(iter(settings))} must be an integer"):
        GaussianProcess(**settings)
