"""Pages: what a sequence of trials does, whatever was put into them; and what they share."""

from bisect import bisect_left
from dataclasses import replace
from statistics import median
from time import process_time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import Float, Job, Ledger, Planned, Space, State, Stop, Targets, Trial, parse_strategy
from strategies.models.generations import Generations
from strategies.models.rows import Rows
from strategies.pages import SIZE, Pages, differing, pages_of
from strategies.schedulers.standings import Standings

LEVELS = (1, 3, 9)
SPACE = Space(x=Float(0, 1))


def trial(number, seed=0):
    """A trial of any state and age."""
    rng = np.random.default_rng((number, seed))
    curve = tuple(rng.integers(0, 4, rng.choice([0, 1, 3, 9])).astype(float).tolist())
    return Trial(number, {}, State(rng.choice([*State])), curve, bracket=number // 9, rung=int(rng.integers(3)))


def paged(trials):
    """Pages of these trials."""
    return Pages().put(*trials)


lengths = st.one_of(st.integers(0, 12), st.sampled_from([SIZE - 1, SIZE, SIZE + 1, 3 * SIZE - 1, 3 * SIZE]))
bounds = st.one_of(st.none(), st.integers(-3 * SIZE - 5, 3 * SIZE + 5))


@settings(max_examples=60, deadline=None)
@given(lengths, st.lists(st.tuples(bounds, bounds, st.sampled_from([None, 1, 2, -1, 300])), max_size=8))
def test_pages_are_a_sequence_like_any(length, slices):
    """Length, order, places from either end, slices, look-up by halving and equality are those of a list."""
    trials = [trial(number) for number in range(length)]
    pages = paged(trials)
    assert len(pages) == length
    assert list(pages) == trials == pages
    assert pages == paged(trials) == tuple(trials)
    assert pages != [*trials, trial(length)]
    assert repr(pages) == repr(trials)
    assert [*reversed(pages)] == trials[::-1]
    for first, last, step in slices:
        assert pages[first:last:step] == trials[first:last:step]
    for place in {-length, -1, 0, length - 1} if length else ():
        assert pages[place] is trials[place]
    for place in (-length - 1, length):
        with pytest.raises(IndexError):
            pages[place]
    assert bisect_left(pages, 7, key=lambda each: each.bracket) == bisect_left([t.bracket for t in trials], 7)


@settings(max_examples=60, deadline=None)
@given(lengths, st.lists(st.tuples(st.integers(0, 3 * SIZE), st.integers(1, 3)), max_size=20), lengths)
def test_what_is_put_shows_in_the_new_pages_alone(length, changes, shorter):
    """Trials put in place of others, one by one or together, and a beginning: as with a list; the old stays as it was.

    The open ones are those that have not ended, in the order of their numbers.
    """
    before = [trial(number) for number in range(length)]
    pages = paged(before)
    later = [trial(number % length, seed) for number, seed in changes] if length else []
    after = list(before)
    one_by_one = pages
    for each in later:
        after[each.number] = each
        one_by_one = one_by_one.put(each)
    assert pages.put(*later) == one_by_one == after
    assert pages == before
    told = [
        (pages, before),
        (one_by_one, after),
        (one_by_one.first(shorter), after[:shorter]),
        (Pages.of(after), after),
    ]
    for found, trials in told:
        assert found == trials
        expected = {each.number: each for each in trials if not each.state.ended}
        assert list(found.open.items()) == list(expected.items())
        assert list(found.open) == list(expected)
        assert list(found.open.values()) == list(expected.values())
        assert len(found.open) == len(expected)
        assert [found.open.get(number) for number in range(-2, length + 2)] == [
            expected.get(number) for number in range(-2, length + 2)
        ]


def test_pages_without_a_change_are_the_same_objects():
    """One trial put among many replaces one page; a beginning shares all but its last."""
    pages = paged(trial(number) for number in range(10 * SIZE))
    changed = pages.put(trial(5 * SIZE, seed=1))
    assert list(differing(pages.pages, changed.pages)) == [5]
    assert list(differing(pages.pages, changed.put(trial(10 * SIZE)).pages)) == [5, 10]
    assert list(differing(pages.pages, pages.first(3 * SIZE + 1).pages)) == [3, 4, 5, 6, 7, 8, 9]
    assert pages.first(10 * SIZE) is pages
    assert pages_of(pages) is pages.pages
    assert pages_of(list(pages)) == list(pages.pages)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(lengths, st.integers(0, 3), st.integers(0, 3 * SIZE), st.booleans()), min_size=1, max_size=6))
def test_whoever_compares_pages_tells_the_same_as_afresh(asked):
    """Histories in any order, in pages or not: standings, rows and generations do not depend on what was asked before."""
    kept = Standings(LEVELS), Rows(_row), Generations((), 3, _step)
    for length, seed, place, in_pages in asked:
        trials = [trial(number) for number in range(length)]
        if place < length:
            trials[place] = trial(place, seed)
        told = paged(trials) if in_pages else trials
        fresh = Standings(LEVELS), Rows(_row), Generations((), 3, _step)
        assert _told(*kept, told) == _told(*fresh, list(trials))


def _row(each, _):
    return np.array(each.curve)


def _step(state, generation):
    return hash((state, *((each.number, each.curve) for each in generation)))


def _told(found, rows, generations, trials):
    found.update(trials)
    history = Ledger(parse_strategy("random"), SPACE, 0, Targets(9), 1).view()
    columns = rows.of(replace(history, trials=trials), np.arange(len(trials)), 2).tolist()
    place = (found.rankings, found.waiting, found.interrupted, found.running)
    return place, [str(value) for value in columns], generations.after(trials)


def test_histories_stay_as_they_were():
    """What the engine has shown does not change when the record goes on."""
    ledger = _filled(40, "random+asha")
    shown, one = ledger.view(), ledger.seen_by(next(iter(ledger.pending.values())))
    trials, opened = [list(each.trials) for each in (shown, one)], [dict(each.open) for each in (shown, one)]
    _go_on(ledger, 30)
    assert ledger.view().trials != shown.trials
    assert [each.trials for each in (shown, one)] == trials
    assert [dict(each.open) for each in (shown, one)] == opened


def _filled(count, name, lag=4):
    """A ledger of so many trials, complete or paused, from which the search may go on."""
    ledger = Ledger(parse_strategy(name), SPACE, 0, Targets(9), lag)
    for number in range(count):
        ledger.start(number, {"x": number / count}, number // 9)
    for number in range(count):
        ledger.open_job(Job(number, number, 0, 9 if number % 3 == 0 else 1, number // 9, 2 * (number % 3 == 0), -1))
        ended = number % 3 == 0
        ledger.close_job(number, State.COMPLETE if ended else State.PAUSED, (number / count,) * (9 if ended else 1))
    _go_on(ledger, 4)
    return ledger


def _go_on(ledger, jobs):
    """Let a crowd of four, whose jobs end out of order, take so many jobs; return the seconds of each decision."""
    seconds = []
    while len(seconds) < jobs:
        begun = process_time()
        plan = ledger.decide()
        if isinstance(plan, Stop):
            ledger.enter(plan)
            continue
        if isinstance(plan, Planned):
            ledger.enter(plan)
            seconds.append(process_time() - begun)
        if len(ledger.pending) >= 4 or not isinstance(plan, Planned):
            waiting = sorted(ledger.pending)
            job = ledger.pending[waiting[1] if len(waiting) > 1 and len(seconds) % 3 else waiting[0]]
            curve = tuple(0.5 + (job.trial % 7) / 10 + 1 / epoch for epoch in range(1, job.until + 1))
            ledger.close_job(job.number, State.COMPLETE if job.until == 9 else State.PAUSED, curve)
    return seconds


@pytest.mark.alone
@pytest.mark.parametrize("name", ["random+asha", "random+halving", "random+hyperband"])
def test_a_decision_costs_the_same_in_a_long_history(name):
    """Under a lag, with results that wait to be shown, and most trials paused: 50,000 trials as quickly as 500."""
    few, many = _filled(500, name), _filled(50_000, name)
    _go_on(many, 20)
    short = [second for _ in range(5) for second in _go_on(few, 40)]
    long = [second for _ in range(5) for second in _go_on(many, 40)]
    assert median(long) < 1.5 * median(short) + 5e-5
