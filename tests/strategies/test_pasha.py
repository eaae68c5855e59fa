"""PASHA: rungs that open one by one, while training longer changes the ranking."""

from itertools import combinations

import numpy as np
import pytest
from alone import alone, choose, paused, seen
from hypothesis import given, settings
from hypothesis import strategies as st
from test_asha import histories

from strategies import Start, State, StrategyError, Trial
from strategies.schedulers.asha import ASHA
from strategies.schedulers.pasha import PASHA, agree, criss_cross, open_rung
from strategies.schedulers.standings import Standings, standings

LEVELS = (1, 3, 9, 27)


def arrived(curves, *, rung):
    """Trials that are paused at a rung with these curves."""
    return [Trial(n, {}, State.PAUSED, tuple(curve), rung=rung) for n, curve in enumerate(curves)]


def opened(trials):
    found = Standings(LEVELS)
    found.update(trials)
    return open_rung(found)


def test_two_rungs_are_open_at_first():
    """Without a ranking to compare, nobody is promoted beyond rung 1."""
    assert opened([]) == 1
    assert opened(paused([0.5, 0.4, 0.3])) == 1
    same = arrived([[0.3, 0.3, 0.3], [0.4, 0.4, 0.4], [0.5, 0.5, 0.5]], rung=1)
    assert opened(same) == 1
    assert isinstance(choose(PASHA(), same, max_epochs=27), Start)
    assert choose(ASHA(), same, max_epochs=27).until == 9


def test_a_changed_ranking_opens_the_next_rung():
    """Once two trials of rung 1 rank otherwise than at rung 0, the best of rung 1 is promoted; it is told up to where."""
    swapped = arrived([[0.3, 0.4, 0.4], [0.4, 0.3, 0.3], [0.5, 0.5, 0.5]], rung=1)
    assert opened(swapped) == 2
    decision = choose(PASHA(), swapped, max_epochs=27)
    assert (decision.trial, decision.until, decision.reason["open"]) == (1, 9, 9)


def test_all_rungs_may_open():
    """While some trials still change places from rung to rung, one rung more is open, up to the last."""
    curves = [[0.1] + [0.3] * 26, [0.2] * 27, [0.5] * 3 + [0.7] * 24, [0.6] * 27]
    assert opened(arrived([curve[:3] for curve in curves], rung=1)) == 2
    assert opened(arrived([curve[:9] for curve in curves], rung=2)) == 3
    assert opened(arrived(curves, rung=3)) == 3


@pytest.mark.parametrize(
    ("above", "below", "tolerance", "alike"),
    [
        ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0], 0.0, True),
        ([2.0, 1.0, 3.0], [1.0, 2.0, 3.0], 0.0, False),
        ([2.0, 1.0, 3.0], [1.0, 1.5, 3.0], 0.5, True),
        ([2.0, 1.0, 3.0], [1.0, 1.5, 3.0], 0.4, False),
        ([3.0, 1.0, 2.0], [1.0, 1.5, 2.0], 0.5, False),
        ([2.0, 1.0], [1.0, 1.0], 0.0, True),
        ([], [], 0.0, True),
        ([1.0], [5.0], 0.0, True),
    ],
)
def test_soft_ranking(above, below, tolerance, alike):
    """At every place stands a trial that was within the tolerance of the one that had that place below; ties may swap."""
    assert agree(above, below, tolerance) is alike


@settings(max_examples=100)
@given(st.lists(st.tuples(*[st.integers(0, 6)] * 2), max_size=7), st.integers(0, 3))
def test_soft_ranking_by_groups(pairs, tolerance):
    """It is the rule of the paper, which makes a group for each place: the trials around the one that has it below."""
    above, below = [a for a, _ in pairs], [b for _, b in pairs]
    trials = range(len(pairs))
    order_below = sorted(trials, key=lambda n: below[n])
    groups = [{n for n in trials if abs(below[n] - below[at]) <= tolerance} for at in order_below]
    order_above = sorted(trials, key=lambda n: above[n])
    expected = all(n in group for n, group in zip(order_above, groups, strict=True))
    assert agree(above, below, tolerance) is expected


def test_worked_noise():
    """Curves that cross and cross back are noise: epsilon is the 90th percentile of what such pairs are apart."""
    assert criss_cross(np.array([[0.1, 0.2, 0.3], [0.3, 0.3, 0.4]])) == 0.0  # never cross
    assert criss_cross(np.array([[0.1, 0.4, 0.5], [0.3, 0.3, 0.3]])) == 0.0  # cross once
    assert criss_cross(np.array([[0.125, 0.4, 0.25], [0.3, 0.3, 0.5]])) == 0.25  # cross and cross back
    tie = np.array([[0.1, 0.4, 0.3], [0.3, 0.3, 0.3]])
    assert criss_cross(tie) == 0.0


@settings(max_examples=100)
@given(st.lists(st.lists(st.integers(0, 5), min_size=5, max_size=5), min_size=1, max_size=6))
def test_noise_pair_by_pair(curves):
    """The vectorised rule is the rule: some epoch as at the end, a later one the other way round."""
    apart = []
    for first, second in combinations(curves, 2):
        order = [np.sign(a - b) for a, b in zip(first, second, strict=True)]
        last = order[-1]
        back = any(order[i] == last and order[j] == -last for i in range(5) for j in range(i + 1, 5))
        if last and back:
            apart.append(abs(first[-1] - second[-1]))
    expected = np.percentile(apart, 90) if apart else 0.0
    assert criss_cross(np.array(curves, dtype=float)) == pytest.approx(expected)


def test_noise_does_not_open_a_rung():
    """A ranking that changes within the noise leaves the rungs as they are; the same change without noise does not."""
    noisy = [[0.3, 0.35, 0.34], [0.31, 0.3, 0.33], [0.5, 0.9, 0.5], [0.51, 0.8, 0.55]]
    assert opened(arrived(noisy, rung=1)) == 1
    smooth = [[0.3, 0.32, 0.34], [0.31, 0.32, 0.33], [0.5, 0.5, 0.5], [0.51, 0.54, 0.55]]
    assert opened(arrived(smooth, rung=1)) == 2
    for curves, top in ((noisy, 1), (smooth, 2), (noisy, 1)):  # their values at the rungs are the same
        assert open_rung(standings(seen(arrived(curves, rung=1)), LEVELS)) == top


def test_it_stops_early_where_the_ranking_is_stable():
    """With curves that do not cross it finds the same best trial as ASHA, which it alone trains in full, for less."""
    limits = np.random.default_rng(7).permutation(60)

    def value(number, epoch):
        return limits[number] + epoch**-0.5

    spent = {}
    for scheduler in (ASHA(), PASHA()):
        trials, jobs = alone(scheduler, value, max_epochs=81, n_trials=60)
        assert trials[int(np.argmin(limits))].state is State.COMPLETE
        assert all(trial.state.ended for trial in trials)
        spent[type(scheduler)] = sum(trial.epochs for trial in trials)
    assert jobs[9] == jobs[27] == jobs[81] == 1
    assert spent[PASHA] < 0.8 * spent[ASHA]


@settings(max_examples=60, deadline=None)
@given(st.lists(histories(), min_size=1, max_size=4))
def test_what_is_remembered_changes_nothing(several):
    """Whatever was shown before, the open rungs are those of standings made anew."""
    for history in several:
        anew = Standings(LEVELS[:3])
        anew.update(history.trials)
        assert open_rung(standings(history, LEVELS[:3])) == open_rung(anew)


@pytest.mark.parametrize("settings_", [{"eta": 1}, {"eta": "3"}, {"min_epochs": 0}])
def test_settings_that_cannot_be(settings_):
    """Both are integers."""
    with pytest.raises(StrategyError, match="must be an integer of at least"):
        PASHA(**settings_)


def test_a_horizon_with_nothing_to_halve():
    """A horizon of one rung is refused by name."""
    with pytest.raises(StrategyError, match=r"PASHA .* needs max_epochs of at least 3, not 2"):
        PASHA().check(2)
