"""ASHA: halving that never waits, by promotion and by stopping; and the standings it decides by."""

from collections import Counter
from dataclasses import replace
from math import inf
from statistics import median

import numpy as np
import pytest
from alone import SPACE, alone, choose, paused, seen
from hypothesis import given, settings
from hypothesis import strategies as st
from timing import seconds

from strategies import DONE, WAIT, History, Loss, Resume, Start, State, Stop, StrategyError, Trial
from strategies.schedulers.asha import ASHA
from strategies.schedulers.standings import Standings, standings

STOPPING = ASHA(variant="stopping")
LEVELS = (1, 3, 9)


def test_the_worked_trace():
    """Losses .9 .5 .7 | .6 .8 .3 arrive at rung 0: after three .5 is promoted, after six .3 alone, for .5 has been."""
    losses = [0.9, 0.5, 0.7, 0.6, 0.8, 0.3]
    trials = []
    for number, loss in enumerate(losses[:3]):
        assert choose(ASHA(), trials) == Start(1, reason={"rung": 0, "epochs": 1})
        trials += paused([loss], first=number)
    assert choose(ASHA(), trials).trial == 1
    trials[1] = replace(trials[1], state=State.RUNNING, rung=1)
    for number, loss in enumerate(losses[3:], start=3):
        assert choose(ASHA(), trials) == Start(1, reason={"rung": 0, "epochs": 1})
        trials += paused([loss], first=number)
    assert choose(ASHA(), trials).trial == 5
    trials[5] = replace(trials[5], state=State.RUNNING, rung=1)
    assert isinstance(choose(ASHA(), trials), Start)


def test_the_highest_rung_promotes_first():
    """When rung 1 holds three entries its best goes on, although rung 0 could promote as well."""
    third = [Trial(n, {}, State.PAUSED, (0.1, 0.1, value), rung=1) for n, value in enumerate([0.5, 0.4, 0.6])]
    trials = third + paused([0.9] * 8, first=3) + paused([0.05], first=11)
    decision = choose(ASHA(), trials)
    assert (decision.trial, decision.until, decision.rung) == (1, 9, 2)
    trials[1] = replace(third[1], state=State.RUNNING, rung=2)
    assert (choose(ASHA(), trials).trial, choose(ASHA(), trials).until) == (11, 3)


def test_an_interrupted_trial_is_resumed_first():
    """A paused trial short of its rung's epochs is trained up to them before anything else."""
    trials = [*paused([0.5, 0.6, 0.7]), Trial(3, {}, State.PAUSED, (0.1,), rung=1)]
    for scheduler in (ASHA(), STOPPING):
        assert choose(scheduler, trials) == Resume(3, 3, 1, {"rung": 1, "epochs": 3, "interrupted_at": 1})


def test_reasons_explain_a_promotion():
    """Rank, cut-off and the three nearest in the ranking; ties go to the lower number."""
    decision = choose(ASHA(), paused([0.7, 0.3, 0.5, 0.9, 0.3, 0.8]))
    told = {"rung": 0, "epochs": 1, "rank": 1, "of": 6, "promoted": 2, "cut_off": 0.3, "rivals": [4, 2, 0]}
    assert decision == Resume(1, 3, 1, told)
    assert isinstance(decision.reason["cut_off"], Loss)


def test_failed_trials_keep_their_place():
    """A trial that ended on its way to a rung counts there as the worst; one that fails later stays where it was."""
    lost = [Trial(n, {}, State.FAILED) for n in range(2)]
    assert choose(ASHA(), [*lost, *paused([0.5], first=2)]).reason["of"] == 3
    assert isinstance(choose(ASHA(), [*lost[:1], *paused([0.5], first=1)]), Start)
    later = [Trial(0, {}, State.FAILED, (0.1, inf), rung=1), *paused([0.5, 0.4], first=1)]
    assert isinstance(choose(ASHA(), later), Start)  # 0.1 was the best of the three, and has been promoted


def test_it_never_waits():
    """As long as a trial may start there is something to do, whatever is running."""
    running = [Trial(n, {}) for n in range(50)]
    assert isinstance(choose(ASHA(), running), Start)
    assert isinstance(choose(ASHA(), running, n_trials=51), Start)
    assert choose(ASHA(), running, n_trials=50) == WAIT


def test_the_end():
    """When no trial may start the best goes on to the end, though a rung has fewer than eta; the others are stopped."""
    trials, jobs = alone(ASHA(), lambda number, epoch: (number * 7) % 10 + 1 / epoch, max_epochs=27, n_trials=10)
    assert jobs[27] == jobs[9] == 1
    assert trials[0].state is State.COMPLETE
    on = choose(ASHA(), paused([0.5, 0.25]), n_trials=2)
    told = {"rung": 0, "epochs": 1, "rank": 1, "of": 2, "promoted": 1, "cut_off": 0.25, "rivals": [0]}
    assert on == Resume(1, 3, 1, told)
    assert Counter(trial.state for trial in trials) == {State.COMPLETE: 1, State.STOPPED: 9}
    stop = choose(ASHA(), [Trial(0, {}, State.COMPLETE, (0.1,) * 9, rung=2), *paused([0.5], first=1)], n_trials=2)
    told = {"rung": 0, "epochs": 1, "rank": 2, "of": 2, "promoted": 1, "cut_off": 0.1, "rivals": [0]}
    assert stop == Stop(1, told)


def test_later_trials_compete_with_all_before():
    """After a raised target new trials are ranked among all that ever arrived, also those that were stopped."""
    trials, _ = alone(ASHA(), lambda number, epoch: number, max_epochs=9, n_trials=9)
    assert choose(ASHA(), trials, n_trials=9) == DONE
    worse = trials + paused([8.5, 8.5, 8.5], first=9)
    assert isinstance(choose(ASHA(), worse, n_trials=13), Start)
    assert choose(ASHA(), [*worse[:-1], *paused([-1.0], first=11)], n_trials=13).trial == 11


def test_stopping_judges_on_arrival():
    """Fewer than eta go on unjudged; then a trial goes on if it is among the best n // eta, and else ends, at once."""
    going = [Trial(n, {}, State.RUNNING, (value,), rung=1) for n, value in enumerate([0.5, 0.4])]
    told = {"rung": 0, "epochs": 1}
    first = choose(STOPPING, paused([0.5]))
    assert first == Resume(0, 3, 1, told | {"rank": 1, "of": 1, "promoted": 1, "cut_off": 0.5, "rivals": []})
    second = choose(STOPPING, [going[1], *paused([0.5], first=1)])
    assert isinstance(second, Resume)
    third = choose(STOPPING, [*going, *paused([0.45], first=2)])
    assert third == Stop(2, told | {"rank": 2, "of": 3, "promoted": 1, "cut_off": 0.4, "rivals": [1, 0]})
    assert isinstance(choose(STOPPING, [*going, *paused([0.3], first=2)]), Resume)


def test_stopping_leaves_nobody_paused():
    """Where the best come first only the eta - 1 first go on; where they come last, all do, as each is the best so far."""
    trials, _ = alone(STOPPING, lambda number, epoch: number + 1 / epoch, max_epochs=27, n_trials=9)
    assert [trial.epochs for trial in trials] == [27, 27, 1, 1, 1, 1, 1, 1, 1]
    assert all(trial.state.ended for trial in trials)
    trials, _ = alone(STOPPING, lambda number, epoch: 1 / epoch - number, max_epochs=27, n_trials=9)
    assert [trial.epochs for trial in trials] == [27] * 9
    assert all(trial.state.ended for trial in trials)


@pytest.mark.parametrize("variant", ["promotion", "stopping"])
def test_the_best_of_curves_that_do_not_cross_wins(variant):
    """With curves nu_i + g(t) the best trial is trained to the end, and most others are not."""
    limits = np.random.default_rng(7).permutation(60)
    trials, _ = alone(ASHA(variant=variant), lambda n, epoch: limits[n] + epoch**-0.5, max_epochs=27, n_trials=60)
    assert trials[int(np.argmin(limits))].state is State.COMPLETE
    assert sum(trial.epochs for trial in trials) < 60 * 27 / 4


# --- the standings ------------------------------------------------------------------------------------------------


@st.composite
def histories(draw):
    """Trials of any state and age, their values few so that there are ties."""
    trials = []
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    for number in range(draw(st.integers(0, 12))):
        curve = tuple(rng.integers(0, 4, rng.choice([0, 1, 2, 3, 5, 9])).astype(float).tolist())
        trials.append(Trial(number, {}, draw(st.sampled_from(State)), curve, rung=int(rng.integers(0, 3))))
    return seen(trials)


def by_hand(trials):
    """What the standings are, one trial and one rung at a time."""
    rankings, waiting, interrupted = ([], [], []), ([], [], []), []
    for trial in (each for each in trials if each.state is not State.DISCARDED):
        at = max([trial.rung, *(rung for rung in range(3) if trial.epochs >= LEVELS[rung])])
        for rung in range(at + 1):
            if trial.epochs >= LEVELS[rung]:
                rankings[rung].append((trial.curve[LEVELS[rung] - 1], trial.number))
            elif trial.state.ended:
                rankings[rung].append((inf, trial.number))
        if trial.state is State.PAUSED and trial.epochs < LEVELS[at]:
            interrupted.append(trial.number)
        elif trial.state is State.PAUSED:
            waiting[at].append((trial.curve[LEVELS[at] - 1], trial.number))
    running = sum(trial.state is State.RUNNING for trial in trials)
    return [sorted(each) for each in rankings], [sorted(each) for each in waiting], interrupted, running


@settings(max_examples=80, deadline=None)
@given(st.lists(histories(), min_size=1, max_size=5))
def test_standings_are_right_for_any_history(several):
    """Whatever was shown before (an older history, one of another study), the standings are those of this history."""
    for history in several:
        found = standings(history, LEVELS)
        told = (found.rankings, found.waiting, found.interrupted, found.running)
        assert told == by_hand(history.trials)


@pytest.mark.parametrize("variant", ["promotion", "stopping"])
@settings(max_examples=50, deadline=None)
@given(history=histories())
def test_verdicts_follow_the_rule(variant, history):
    """The verdict is that of the rule, applied to standings made by hand."""
    rankings, waiting, interrupted, _ = by_hand(history.trials)
    decision = choose(ASHA(variant=variant), history.trials)
    if interrupted:
        assert decision.trial == interrupted[0]
        return
    for rung in (1, 0):
        ranked = [number for _, number in rankings[rung]]
        best = ranked[: len(ranked) // 3] if variant == "promotion" or len(ranked) >= 3 else ranked
        able = [number for _, number in waiting[rung] if number in best]
        if able:
            assert (decision.trial, decision.until) == (able[0], LEVELS[rung + 1])
            return
        if waiting[rung] and variant == "stopping":
            assert isinstance(decision, Stop)
            return
    assert isinstance(decision, Start)


@pytest.mark.alone
def test_a_decision_in_a_long_history():
    """One that follows another takes among 10,000 trials less than 30 times what it takes among 100, many paused."""

    def usual(size):
        rng = np.random.default_rng(3)
        trials = []
        for number, value in enumerate(rng.random(size)):
            state, rung = (State.COMPLETE, 2) if value < 1 / 9 else (State.PAUSED, 0)
            trials.append(Trial(number, {}, state, (float(value),) * LEVELS[rung], rung=rung))
        taken = []
        for value in rng.random(20):
            trials.append(Trial(len(trials), {}, State.PAUSED, (float(value),)))
            history = History(SPACE, list(trials), {t.number: t for t in trials if not t.state.ended}, 9)
            decisions = []
            taken.append(seconds(lambda: decisions.append(ASHA().decide(history, rng))))  # noqa: B023 - called at once
            if isinstance(decisions[0], Resume):
                number = decisions[0].trial
                trials[number] = replace(trials[number], state=State.RUNNING, rung=1)
        assert standings(history, LEVELS).rankings[0] == by_hand(history.trials)[0][0]
        return median(taken)

    assert usual(10_000) < 30 * usual(100)


def test_what_is_kept_is_bounded():
    """Trials that are no longer in the history are forgotten."""
    found = Standings(LEVELS)
    found.update(paused([0.5] * 600))
    found.update(paused([0.5]))
    assert found.rankings == [[(0.5, 0)], [], []]
    assert found.waiting == [[(0.5, 0)], [], []]


@pytest.mark.parametrize(
    ("settings_", "says"),
    [
        ({"eta": 1}, "eta must be an integer of at least 2"),
        ({"min_epochs": 0}, "min_epochs must be an integer of at least 1"),
        ({"variant": "halting"}, "variant must be one of promotion, stopping, not 'halting'"),
    ],
)
def test_settings_that_cannot_be(settings_, says):
    """A faulty setting is named, with what it may be."""
    with pytest.raises(StrategyError, match=says):
        ASHA(**settings_)


def test_a_horizon_with_nothing_to_halve():
    """A horizon of one rung is refused, with the least that gives two."""
    with pytest.raises(StrategyError, match=r"ASHA .* needs max_epochs of at least 8, not 7"):
        ASHA(eta=2, min_epochs=4).check(7)
    ASHA(eta=2, min_epochs=4).check(8)
