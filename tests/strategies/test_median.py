"""The median rule: what half of the complete trials had on average."""

from statistics import mean, median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from timing import seconds

from strategies import Float, History, Space, State, StrategyError, Trial
from strategies.stoppers.median import Median

SPACE = Space(x=Float(0, 1))


def history(*curves, state=State.COMPLETE):
    """Trials with these curves, all in one state."""
    return History(SPACE, [Trial(i, {}, state, curve) for i, curve in enumerate(curves)], {}, 100)


def verdict(stopper, curve, past):
    """The verdict on another trial."""
    return stopper.verdict(Trial(99, {}, curve=curve), past)


FIVE = ((4.0, 2.0, 0.0), (5.0, 3.0, 1.0), (6.0, 4.0, 2.0), (7.0, 5.0, 3.0), (8.0, 6.0, 4.0))


@pytest.mark.parametrize(
    ("curve", "cut_off"),
    [
        ((6.0,), None),
        ((6.1,), 6.0),
        ((9.0, 5.0), None),
        ((9.0, 5.1), 5.0),
        ((9.0, 4.0, 9.0), None),
        ((9.0, 4.1, 9.0), 4.0),
        ((9.0, 9.0, 9.0, 9.0), None),
    ],
)
def test_worked_example(curve, cut_off):
    """Running averages of the five have medians 6, 5 and 4: the best value so far must not be above; none lasted longer."""
    stop = verdict(Median(), curve, history(*FIVE))
    assert (stop and stop.reason["cut_off"]) == cut_off


def test_the_reason_tells_the_comparison():
    """The reason holds the epoch, the trial's best, the median, and of how many."""
    stop = verdict(Median(), (9.0, 7.0, 8.0), history(*FIVE))
    assert stop.trial == 99
    assert stop.reason == {"epoch": 3, "best": 7.0, "cut_off": 4.0, "of": 5}


def test_guards():
    """Nothing is stopped before `min_epochs`, nor with fewer than `min_trials` complete trials."""
    bad = (100.0, 100.0)
    assert verdict(Median(min_epochs=3), bad, history(*FIVE)) is None
    assert verdict(Median(min_epochs=2), bad, history(*FIVE)) is not None
    assert verdict(Median(), bad, history(*FIVE[:4])) is None
    assert verdict(Median(min_trials=4), bad, history(*FIVE[:4])) is not None
    assert verdict(Median(min_trials=6), bad, history(*FIVE)) is None


@pytest.mark.parametrize("state", [state for state in State if state is not State.COMPLETE])
def test_only_complete_trials_count(state):
    """Trials that run, pause, were stopped, failed or were discarded are no measure."""
    assert verdict(Median(min_trials=1), (100.0,), history(*FIVE, state=state)) is None


curves = st.lists(st.floats(-10, 10), min_size=1, max_size=5).map(tuple)
states = st.sampled_from([State.COMPLETE, State.COMPLETE, State.STOPPED, State.FAILED])


@given(st.lists(st.lists(st.tuples(curves, states), max_size=9), min_size=1, max_size=4), curves)
def test_any_histories_against_the_definition(pasts, curve):
    """Asked about one history after another of the same space, the rule is the definition applied to each."""
    for past in pasts:
        trials = [Trial(i, {}, state, told) for i, (told, state) in enumerate(past)]
        n = len(curve)
        averages = [mean(t.curve[:n]) for t in trials if t.state is State.COMPLETE and t.epochs >= n]
        stop = verdict(Median(min_trials=1), curve, History(SPACE, trials, {}, 100))
        margin = min(curve) - median(averages) if averages else -1.0
        if abs(margin) > 1e-9:
            assert (stop is not None) == (margin > 0)


@pytest.mark.alone
def test_a_verdict_in_a_long_history():
    """One that follows one more complete trial takes among 10,000 trials less than 20 times what it takes among 100."""

    def quickest(size):
        past = history(*map(tuple, np.random.default_rng(0).random((size, 50)).tolist()))
        verdict(Median(), (0.7,) * 20, past)
        taken = []
        for _ in range(20):
            past.trials.append(Trial(len(past.trials), {}, State.COMPLETE, (0.5,) * 50))
            taken.append(seconds(lambda: verdict(Median(), (0.7,) * 20, past)))
        return min(taken)

    assert quickest(10_000) < 20 * quickest(100)


@pytest.mark.parametrize("settings", [{"min_epochs": 0}, {"min_trials": 0}, {"min_trials": 2.5}])
def test_settings_that_cannot_be(settings):
    """At least one epoch and one trial."""
    with pytest.raises(StrategyError, match=next(iter(settings))):
        Median(**settings)
