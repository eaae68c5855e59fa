"""When a search ends by itself: what doubling it would bring, counted over every half, and what a tolerance makes of it."""

from dataclasses import replace
from itertools import combinations
from math import inf

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from test_engine import Search, ledger, order

from strategies import Float, History, Random, Space, State, Strategy, SuccessiveHalving, Trial
from strategies.ending import ENOUGH, expected_gain, gain_of_doubling

LAWS = settings(max_examples=100, deadline=None)
EIGHTHS = st.integers(-40, 40).map(lambda n: n / 8)
SPACE = Space(x=Float(0, 1))


def by_brute_force(values):
    """The mean, over all halves, of how much lower the least of all is than the least of the half."""
    halves = list(combinations(values, -(-len(values) // 2)))
    return sum(min(half) - min(values) for half in halves) / len(halves)


def test_a_worked_gain():
    """Of 0, 1, 3 every half has two: {0,1} and {0,3} hold the least, {1,3} misses it by 1; of 0, 1 one half misses by 1."""
    assert gain_of_doubling([3.0, 0.0, 1.0]) == pytest.approx(1 / 3)
    assert gain_of_doubling([0.0, 1.0]) == pytest.approx(1 / 2)


@LAWS
@given(st.lists(EIGHTHS, min_size=2, max_size=11))
def test_the_gain_is_the_mean_over_all_halves(values):
    """By brute force over every half, ties included."""
    assert gain_of_doubling(values) == pytest.approx(by_brute_force(values), abs=1e-12)


@LAWS
@given(st.lists(EIGHTHS, min_size=1, max_size=8), st.integers(1, 3))
def test_failures_count_as_the_worst_value(values, failures):
    """An infinite value is taken for the greatest finite one."""
    assert gain_of_doubling([*values, *[inf] * failures]) == gain_of_doubling(values + [max(values)] * failures)


@LAWS
@given(st.lists(EIGHTHS, min_size=2, max_size=30), EIGHTHS, st.sampled_from([0.5, 2.0, 4.0]), st.randoms())
def test_the_gain_is_in_the_units_of_the_values(values, shift, scale, random):
    """Order does not matter, a shift changes nothing, a scale scales it; it is never negative, and 0 where all are equal."""
    gain, moved = gain_of_doubling(values), [scale * value + shift for value in values]
    random.shuffle(moved)
    assert gain_of_doubling(moved) == pytest.approx(scale * gain, abs=1e-12)
    assert 0 <= gain <= max(values) - min(values)
    assert gain_of_doubling(values[:1] * len(values)) == 0


@LAWS
@given(st.lists(EIGHTHS, min_size=3, max_size=20), st.data())
def test_a_better_rest_means_a_smaller_gain(values, data):
    """A value that moves towards the best never makes the gain larger; a best that moves away never makes it smaller."""
    ranked = sorted(values)
    assume(ranked[0] < ranked[1])
    place = data.draw(st.integers(1, len(ranked) - 1))
    nearer = [*ranked[:place], (ranked[place] + ranked[0]) / 2, *ranked[place + 1 :]]
    assert gain_of_doubling(nearer) <= gain_of_doubling(ranked) + 1e-12
    assert gain_of_doubling([ranked[0] - 1, *ranked[1:]]) >= gain_of_doubling(ranked) - 1e-12


def test_the_gain_falls_as_a_search_grows():
    """Of uniform draws the least of m has the mean 1/(m+1): the gain is near 1/(n/2+1) - 1/(n+1), and falls as n grows."""
    rng = np.random.default_rng(0)
    for n in (10, 40, 160):
        gains = [gain_of_doubling(rng.random(n).tolist()) for _ in range(400)]
        assert np.mean(gains) == pytest.approx(1 / (n / 2 + 1) - 1 / (n + 1), rel=0.15)


@pytest.mark.parametrize("values", [[], [1.0], [inf], [inf] * 20])
def test_nothing_can_be_said_of_too_little(values):
    """Fewer than two values, or none that is finite, tell nothing: anything may still be gained."""
    assert gain_of_doubling(values) == inf


def history(values, state=State.COMPLETE):
    trials = [Trial(i, {"x": 0.5}, state, (value,)) for i, value in enumerate(values)]
    return History(SPACE, trials, {}, 1)


def test_running_trials_do_not_count_and_only_enough_others():
    """Below ENOUGH trials with a value the gain is unknown; those that run do not count; a failed one is the worst."""
    values = [float(i) for i in range(ENOUGH)]
    assert expected_gain(history(values[1:])) == inf
    assert expected_gain(history(values)) == gain_of_doubling(values)
    running = [Trial(ENOUGH + i, {"x": 0.5}, state, (-9.0,)) for i, state in enumerate([State.RUNNING, State.RUNNING])]
    more = replace(history(values), trials=[*history(values).trials, *running])
    assert expected_gain(more) == gain_of_doubling(values)
    failed = replace(history(values), trials=[*history(values).trials, Trial(99, {"x": 0.5}, State.FAILED, (-9.0,))])
    assert expected_gain(failed) == gain_of_doubling([*values, inf])


@pytest.mark.parametrize("strategy", [Strategy(Random()), Strategy(Random(), SuccessiveHalving(eta=2))], ids=repr)
@pytest.mark.parametrize("lag", [1, 4])
def test_a_tolerance_ends_a_search_the_same_at_any_number_of_workers(strategy, lag):
    """Nothing but a tolerance bounds it, and it ends; up to P workers, in any order, give one job log; a lower one goes on longer."""
    found = {}
    for tolerance in (0.05, 0.0005):
        targets = {"lag": lag, "n_trials": None, "tolerance": tolerance}
        alone = Search(ledger(strategy, **targets))
        found[tolerance] = alone.run()
        assert ENOUGH <= len(alone.params) < 2000
        assert all(trial.state.ended for trial in alone.trials())
        for seed in range(4):
            assert Search(ledger(strategy, **targets), 1 + seed % lag, order(seed)).run() == found[tolerance]
    assert len(found[0.05]) < len(found[0.0005])


def test_a_tolerance_ends_no_search_too_early():
    """At the last decision to start a trial more was to be gained than the tolerance; at the end it is less."""
    search = Search(ledger(Strategy(), lag=1, n_trials=None, tolerance=0.001))
    gains = []
    search.before = lambda search: gains.append(expected_gain(search.ledger.view()))
    search.run()
    assert all(gain >= 0.001 for gain in gains[: len(search.params)])
    assert gains[-1] < 0.001
