"""The tree-structured Parzen estimator: what it compares, what it proposes, and that it finds the minimum."""

import json
from dataclasses import asdict
from math import inf

import numpy as np
import pytest

from strategies import Choice, Float, History, Int, Space, State, StrategyError, Trial
from strategies.base import Loss
from strategies.models.evidence import evidence
from strategies.models.parzen import Axes, Parzen, Widths
from strategies.recorded import RecordedSpace
from strategies.searchers.tpe import TPE
from strategies.trial import point

PLANE = Space(x=Float(0, 1), y=Float(0, 1))


def rng(seed=0):
    return np.random.default_rng(seed)


def seen(space, trials, max_epochs=1):
    """The history of these trials."""
    open_trials = {trial.number: trial for trial in trials if not trial.state.ended}
    taken = {point(trial.params): trial.number for trial in trials}
    return History(space, trials, open_trials, max_epochs, seed=1, taken=taken)


def complete(number, params, value):
    return Trial(number, params, State.COMPLETE, (float(value),))


def drawn(space, n, value, seed=0):
    """As many complete trials of random points."""
    points = [space.sample(rng((seed, i))) for i in range(n)]
    return [complete(i, params, value(params)) for i, params in enumerate(points)]


def bowl(params):
    return (params["x"] - 0.3) ** 2 + (params["y"] - 0.7) ** 2


def search(searcher, space, value, n, seed):
    """The best value of n trials, one after another."""
    trials = []
    for number in range(n):
        params = searcher.propose(number, seen(space, trials), rng((seed, number))).params
        trials.append(complete(number, params, value(params)))
    return min(trial.value for trial in trials)


def densities(searcher, of, space):
    """The densities of the good and of the others, from the split."""
    good, others, weights = searcher._split(of)
    axes = Axes(space)
    return (
        Parzen(axes, of.points[good], weights, Widths()),
        Parzen(axes, of.points[others], np.ones(len(others)), Widths()),
    )


# --- what it compares -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "good"), [(8, 1), (10, 1), (11, 2), (40, 4), (41, 5)])
def test_a_share_gamma_is_good_rounded_up(n, good):
    """ceil(gamma n) of n trials are good, the rest are the others."""
    reason = TPE().propose(n, seen(PLANE, drawn(PLANE, n, bowl)), rng()).reason
    assert (reason["good"], reason["others"], reason["observations"]) == (good, n - good, n)


@pytest.mark.parametrize(("n", "good"), [(20, 3), (21, 4)])
def test_watanabes_share(n, good):
    """His gamma = 0.15 is a setting: 3 of 20, 4 of 21."""
    assert TPE(gamma=0.15).propose(n, seen(PLANE, drawn(PLANE, n, bowl)), rng()).reason["good"] == good


def test_good_are_the_best_and_ties_go_to_the_lower_number():
    """Of equal values the earlier trial is better."""
    values = [5, 1, 3, 1, 1, 9, 9, 9]
    trials = [complete(i, PLANE.sample(rng(i)), value) for i, value in enumerate(values)]
    good, others, _ = TPE(gamma=0.25)._split(evidence(seen(PLANE, trials), 5))
    assert good.tolist() == [1, 3]
    assert others.tolist() == [4, 2, 0, 5, 6, 7]


def test_weights_are_the_gains_over_the_best_of_the_others():
    """Values 0, 1, 3 | 4: gains 4, 3, 1, scaled to the mean 1; alike when asked to be, or when nothing is gained."""
    trials = [complete(i, PLANE.sample(rng(i)), value) for i, value in enumerate([0, 1, 3, 4, 5, 6, 7, 8])]
    of = evidence(seen(PLANE, trials), 5)
    np.testing.assert_allclose(TPE(gamma=0.375)._split(of)[2], np.array([4, 3, 1]) / (8 / 3))
    assert TPE(gamma=0.375, weights="equal")._split(of)[2].tolist() == [1, 1, 1]
    level = [complete(i, PLANE.sample(rng(i)), 2) for i in range(8)]
    assert TPE(gamma=0.375)._split(evidence(seen(PLANE, level), 5))[2].tolist() == [1, 1, 1]


@pytest.mark.filterwarnings("error")
def test_gains_beyond_floating_point_are_equal():
    """Values at the ends of the range neither warn nor spoil a proposal."""
    values = [-1.7e308, -1.6e308, 1.7e308, 1.7e308, 1.0, 2.0, 3.0, 4.0, 5.0, 1.7e308]
    trials = [complete(i, PLANE.sample(rng(i)), value) for i, value in enumerate(values)]
    for gamma in (0.2, 0.7, 0.8):
        proposal = TPE(gamma=gamma).propose(10, seen(PLANE, trials), rng())
        assert proposal.params in PLANE
        assert np.isfinite(proposal.reason["score"])


def test_failures_are_among_the_others():
    """A failed trial is never good, however few are left."""
    trials = drawn(PLANE, 4, bowl)
    trials += [Trial(i, PLANE.sample(rng((9, i))), State.FAILED) for i in range(4, 20)]
    good, others, weights = TPE(gamma=0.5)._split(evidence(seen(PLANE, trials), 5))
    assert sorted(good.tolist()) == [0, 1, 2, 3]
    assert set(others.tolist()) == set(range(4, 20))
    assert np.isfinite(weights).all()


def test_what_fails_is_avoided():
    """Where half of the space fails, proposals move to the other half."""
    space = Space(x=Float(0, 1))
    trials = []
    for i in range(30):
        x = float(rng((2, i)).random())
        trials.append(Trial(i, {"x": x}, State.FAILED) if x > 0.5 else complete(i, {"x": x}, rng((3, i)).random()))
    proposals = [TPE().propose(30, seen(space, trials), rng(k)).params["x"] for k in range(40)]
    assert np.mean([x > 0.55 for x in proposals]) < 0.15


def test_a_model_waits_until_something_is_known():
    """The first trials, and all while nothing but failures is known, are drawn at random."""
    space, initial = PLANE, {"by": "tpe", "initial": True}
    few = TPE().propose(7, seen(space, drawn(space, 7, bowl)), rng(5))
    assert (few.params, few.reason) == (space.sample(rng(5)), initial)
    failed = [Trial(i, space.sample(rng(i)), State.FAILED) for i in range(20)]
    assert TPE().propose(20, seen(space, failed), rng()).reason == initial
    running = drawn(space, 7, bowl) + [Trial(i, space.sample(rng(i))) for i in range(7, 12)]
    assert TPE().propose(12, seen(space, running), rng()).reason == initial
    assert "initial" not in TPE().propose(8, seen(space, drawn(space, 8, bowl)), rng()).reason


# --- several fidelities and workers -----------------------------------------------------------------------------------


def test_trials_are_compared_at_the_highest_level_that_enough_have_reached():
    """Five trials, d + 3, at 9 epochs are compared there; those stopped before, though lower, are among the others."""
    trials = [Trial(i, PLANE.sample(rng(i)), State.STOPPED, (-1.0,)) for i in range(20)]
    trials += [Trial(i, PLANE.sample(rng(i)), State.COMPLETE, (*[9.0] * 8, i - 20.0)) for i in range(20, 25)]
    of = TPE(initial=None, gamma=0.4).propose(25, seen(PLANE, trials, 9), rng()).reason
    assert (of["level"], of["observations"], of["good"], of["others"]) == (9, 5, 2, 23)
    assert of["incumbent"] == 0
    fewer = TPE(initial=None, gamma=0.4).propose(24, seen(PLANE, trials[:-1], 9), rng()).reason
    assert (fewer["level"], fewer["observations"]) == (1, 24)


def test_trials_under_way_count_among_the_others():
    """A constant liar: points being tried push proposals away, so that workers do not crowd."""
    trials = drawn(PLANE, 30, bowl)
    crowd = [Trial(30 + i, {"x": 0.3 + 0.01 * i, "y": 0.7}, State.RUNNING) for i in range(5)]
    alone, beside = seen(PLANE, trials), seen(PLANE, trials + crowd)
    assert TPE().propose(35, beside, rng()).reason["others"] == 32

    def away(history):
        return np.mean([bowl(TPE().propose(35, history, rng(k)).params) ** 0.5 for k in range(30)])

    assert away(beside) > 1.3 * away(alone)


# --- what it proposes -------------------------------------------------------------------------------------------------


def test_a_reason_tells_the_ratio():
    """The score is the logarithm of l / g at the proposed point; the incumbent is a Loss; all of it is JSON."""
    space = Space(x=Float(0, 1), n=Int(1, 9), c=Choice("a", "b"))
    trials = drawn(space, 30, lambda params: params["x"] + params["n"])
    history = seen(space, trials)
    proposal = TPE().propose(30, history, rng())
    likely, rest = densities(TPE(), evidence(history, 6), space)
    at = space.encode(proposal.params)[None]
    assert proposal.reason["score"] == pytest.approx((likely.log_density(at) - rest.log_density(at))[0])
    assert isinstance(proposal.reason["incumbent"], Loss)
    assert proposal.reason["incumbent"] == min(trial.value for trial in trials)
    assert proposal.reason["acquisition"] == "log_ratio"
    json.dumps(proposal.reason, allow_nan=False)


def test_every_free_point_of_a_small_space_is_a_candidate():
    """The proposal has the highest ratio of all free points, whatever the generator, until every point was tried once."""
    space = Space(n=Int(1, 6), c=Choice("a", "b", "c"), m=Int(1, 3, when={"c": "a"}))
    points = [space.decode(row) for row in space.enumerated(100)]
    assert len(points) == 30
    trials = [complete(i, points[7 * i % 30], sum(map(ord, repr(points[7 * i % 30]))) % 7) for i in range(8)]
    while len(trials) < len(points):
        history = seen(space, trials)
        proposal = TPE().propose(len(trials), history, rng(1))
        assert TPE().propose(len(trials), history, rng(2)) == proposal
        likely, rest = densities(TPE(), evidence(history, 6), space)
        free = space.encode_all([params for params in points if not history.holds(params)])
        ratios = likely.log_density(free) - rest.log_density(free)
        assert proposal.reason["score"] == pytest.approx(ratios.max(), abs=1e-9)
        assert not history.holds(proposal.params)
        trials.append(complete(len(trials), proposal.params, sum(map(ord, repr(proposal.params))) % 7))
    assert TPE().propose(30, seen(space, trials), rng()).params in space


def test_taken_candidates_are_passed_over():
    """In a space too large to list, a candidate that has been tried already is not proposed while another is free."""
    space = Space(n=Int(1, 50), m=Int(1, 50))
    assert space.size > 2000
    trials = [complete(i, {"n": 20 + i % 9, "m": 20 + i // 9}, abs(i - 40)) for i in range(81)]
    history = seen(space, trials)
    proposals = [TPE(candidates=200).propose(81, history, rng(k)).params for k in range(20)]
    assert not any(map(history.holds, proposals))


def test_a_recorded_table_is_searched_by_its_rows():
    """On a finite table every proposal is a row, and a row that is free."""
    space = RecordedSpace(PLANE, [PLANE.sample(rng((4, i))) for i in range(60)])
    trials = []
    for number in range(30):
        params = TPE().propose(number, seen(space, trials), rng(number)).params
        space.row(params)
        assert number < 8 or not seen(space, trials).holds(params)
        trials.append(complete(number, params, bowl(params)))


def test_a_parameter_without_a_choice_changes_nothing():
    """Ranges of one value take no part: the score is that of the space without them."""
    fixed = Space(x=Float(0, 1), y=Float(0, 1), a=Float(2, 2), b=Int(3, 3), c=Choice("only"))
    trials = drawn(PLANE, 20, bowl)
    more = [complete(t.number, {**t.params, "a": 2.0, "b": 3, "c": "only"}, t.value) for t in trials]
    proposal = TPE().propose(20, seen(fixed, more), rng())
    assert {name: proposal.params[name] for name in "abc"} == {"a": 2.0, "b": 3, "c": "only"}
    axes = Axes(fixed)
    points = fixed.encode_all([t.params for t in more])
    np.testing.assert_allclose(
        Parzen(axes, points, np.ones(20), Widths(factor=0.0, least=0.1)).log_density(points),
        Parzen(Axes(PLANE), points[:, :2], np.ones(20), Widths(factor=0.0, least=0.1)).log_density(points[:, :2]),
    )


# --- that it works ----------------------------------------------------------------------------------------------------


def conditional_loss(params):
    if params["optimizer"] == "sgd":
        return (np.log10(params["rate"]) + 1.5) ** 2 + (params["momentum"] - 0.9) ** 2 * 8
    return 0.4 + (np.log10(params["rate"]) + 3) ** 2 + abs(params["layers"] - 2) / 5


CONDITIONAL = Space(
    optimizer=Choice("sgd", "adam"),
    rate=Float(1e-5, 1, log=True),
    momentum=Float(0, 0.99, when={"optimizer": "sgd"}),
    layers=Int(1, 6, when={"optimizer": "adam"}),
)


@pytest.mark.parametrize(
    ("space", "value"), [(PLANE, bowl), (CONDITIONAL, conditional_loss)], ids=["plane", "conditional"]
)
def test_it_is_far_better_than_chance(space, value):
    """After 50 trials its mean regret is below a third of random search's."""
    from strategies.searchers.random import Random

    seeds = range(8)
    ours, chance = (np.mean([search(s, space, value, 50, k) for k in seeds]) for s in (TPE(), Random()))
    assert ours < chance / 3


def test_the_same_history_gives_the_same_proposal():
    """Whatever was asked in between, and by which object."""
    history, searcher = seen(PLANE, drawn(PLANE, 30, bowl)), TPE()
    first = searcher.propose(30, history, rng(1))
    searcher.propose(12, seen(PLANE, drawn(PLANE, 12, bowl, seed=7)), rng(2))
    assert TPE().propose(30, history, rng(1)) == first == searcher.propose(30, history, rng(1))


# --- settings ---------------------------------------------------------------------------------------------------------


def test_bohb_draws_a_third_at_random_and_models_the_rest():
    """One in three is random; of d + 3 or more trials at least N_min = d + 1 are good; its settings are JSON."""
    searcher = TPE.bohb()
    assert TPE(**json.loads(json.dumps(asdict(searcher)))) == searcher
    history = seen(PLANE, drawn(PLANE, 12, bowl))
    reasons = [searcher.propose(12, history, rng(k)).reason for k in range(300)]
    assert sum("random" in reason for reason in reasons) == pytest.approx(100, abs=25)
    assert {reason["good"] for reason in reasons if "good" in reason} == {3}
    assert searcher.propose(4, seen(PLANE, drawn(PLANE, 4, bowl)), rng()).reason.get("initial")
    many = seen(PLANE, drawn(PLANE, 40, bowl))
    assert {r["good"] for k in range(9) if "good" in (r := searcher.propose(40, many, rng(k)).reason)} == {6}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"gamma": 1.5}, "gamma must be at most 1, not 1.5"),
        ({"gamma": -0.1}, "gamma must be a finite number of at least 0"),
        ({"random": 2}, "random must be at most 1, not 2"),
        ({"min_bandwidth": 2.0}, "min_bandwidth must be at most 1"),
        ({"bandwidth": 0}, "bandwidth must be a finite number"),
        ({"prior": inf}, "prior must be a finite number"),
        ({"candidates": 0}, "candidates must be an integer of at least 1"),
        ({"initial": 0}, "initial must be an integer of at least 1"),
        ({"min_good": 1.5}, "min_good must be an integer of at least 1"),
        ({"weights": "even"}, "weights must be 'improvement' or 'equal', not 'even'"),
    ],
)
def test_a_wrong_setting_is_named(settings, message):
    """The message says which setting, what it may be, and what it is."""
    with pytest.raises(StrategyError, match=message):
        TPE(**settings)
