"""What a history says of its points, at the number of epochs that enough trials have reached."""

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import Choice, Float, History, Int, Space, State, Trial
from strategies.models.evidence import evidence

SPACE = Space(x=Float(1e-3, 1, log=True), n=Int(1, 5), c=Choice("a", "b"), y=Float(0, 1, when={"c": "b"}))


@st.composite
def histories(draw):
    """Trials in every state, with curves of up to six epochs."""
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    trials = []
    for number in range(draw(st.integers(0, 25))):
        state = draw(st.sampled_from(list(State)))
        curve = tuple(rng.integers(0, 9, draw(st.integers(0, 6))) / 4.0)
        trials.append(Trial(number, SPACE.sample(rng), state, curve))
    return History(SPACE, trials, {trial.number: trial for trial in trials if not trial.state.ended}, 6)


def level_of(trials, at_least):
    """The level, by its definition."""
    resting = [t.epochs for t in trials if t.curve and t.state not in (State.RUNNING, State.FAILED, State.DISCARDED)]
    enough = [epochs for epochs in range(1, 7) if sum(each >= epochs for each in resting) >= at_least]
    if enough or not resting:
        return max(enough, default=1)
    return max(set(resting), key=lambda epochs: (resting.count(epochs), epochs))


@settings(max_examples=200, deadline=None)
@given(histories(), st.integers(1, 8))
def test_it_is_what_its_words_say(history, at_least):
    """By brute force: the level, who tells, values of the first epochs up to it, who has reached it, who is awaited."""
    seen = evidence(history, at_least)
    level = level_of(history.trials, at_least)
    assert seen.level == level
    known = [
        trial
        for trial in history.trials
        if trial.state is State.FAILED
        or (
            trial.curve
            and trial.state is not State.DISCARDED
            and (trial.state is not State.RUNNING or trial.epochs >= level)
        )
    ]
    assert seen.numbers.tolist() == [trial.number for trial in known]
    assert seen.epochs.tolist() == [trial.epochs for trial in known]
    assert seen.values.tolist() == [inf if t.state is State.FAILED else min(t.curve[:level]) for t in known]
    assert seen.reached.tolist() == [t.state is State.FAILED or t.epochs >= level for t in known]
    assert np.array_equal(seen.points, np.array([SPACE.encode(t.params) for t in known]).reshape(-1, 4))
    assert seen.n_reached == sum(seen.reached)
    awaited = [t for t in history.open.values() if t.epochs < level and (t.state is State.RUNNING or not t.curve)]
    assert np.array_equal(seen.pending, np.array([SPACE.encode(t.params) for t in awaited]).reshape(-1, 4))


@given(st.lists(histories(), min_size=2, max_size=4))
@settings(max_examples=30, deadline=None)
def test_it_never_depends_on_what_was_asked_before(all_histories):
    """Asked about histories of one space in any order, and again, the answers are those of a fresh space, bit for bit."""
    for history in [*all_histories, *reversed(all_histories)]:
        fresh = History(Space(dict(SPACE.parameters)), history.trials, history.open, history.max_epochs)
        for bounds in ({}, {"most": 7, "best": lambda n: n // 4, "latest": 2}):
            ours, theirs = evidence(history, 3, **bounds), evidence(fresh, 3, **bounds)
            for name in ("level", "numbers", "points", "values", "epochs", "reached", "n_reached", "pending"):
                assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


@settings(max_examples=200, deadline=None)
@given(histories(), st.integers(1, 12), st.integers(0, 4), st.integers(0, 3))
def test_of_many_trials_some_are_told(history, most, best, latest):
    """The best that have reached the level, the latest, and some of all: so many at most; of few trials all."""
    every, some = evidence(history, 3), evidence(history, 3, most=most, best=lambda _: best, latest=latest)
    rows = np.flatnonzero(np.isin(every.numbers, some.numbers))
    for name in ("numbers", "points", "values", "epochs", "reached"):
        assert np.array_equal(getattr(every, name)[rows], getattr(some, name)), name
    assert (some.level, some.n_reached) == (every.level, every.n_reached)
    assert np.array_equal(some.pending, every.pending)
    count = len(every.numbers)
    assert len(rows) == count if count <= most else most - best - latest <= len(rows) <= max(most, best + latest)
    if count > most:
        order = np.lexsort((every.numbers, every.values, ~every.reached))
        assert {*every.numbers[order[:best]], *every.numbers[count - latest :]} <= {*some.numbers}


def test_others_are_spread_over_the_whole_history():
    """Of 20,000 trials a thousand: any tenth of the history has its tenth of them, and no step is left out or preferred."""
    trials = [Trial(number, {"x": 0.1, "n": 1, "c": "a"}, State.COMPLETE, (1.0,)) for number in range(20_000)]
    numbers = evidence(History(SPACE, trials, {}, 1), 3, most=1000).numbers
    assert len(numbers) == 1000
    assert set(np.bincount(numbers // 2000)) <= set(range(98, 103))
    for step in (2, 3, 4, 8, 9, 27, 81, 256):
        share = np.bincount(numbers % step, minlength=step) / len(numbers)
        assert abs(share - 1 / step).max() < 0.3 / step + 0.005


@pytest.mark.parametrize("states", [[], [State.RUNNING, State.PAUSED]])
def test_of_nothing_nothing_is_told(states):
    """Before the first value there is no row, and everyone open is awaited."""
    trials = [Trial(number, SPACE.sample(np.random.default_rng(number)), state) for number, state in enumerate(states)]
    seen = evidence(History(SPACE, trials, {t.number: t for t in trials}, 6), 3)
    assert (len(seen.values), seen.points.shape, seen.pending.shape) == (0, (0, 4), (len(states), 4))
