"""Followers: they say what new ones would, whatever they were asked before, and look only at what has changed."""

from array import array
from dataclasses import replace
from functools import partial
from threading import Thread

from hypothesis import given, settings
from hypothesis import strategies as st

from strategies import Float, History, Space, State, Trial
from strategies.following import Columns, Kept, Ranking, Sum
from strategies.pages import SIZE, Pages, first_of

SPACE = Space(x=Float(0, 1))
VALUES = st.integers(0, 3).map(float)


def value_of(trial):
    """A trial's value; nothing of one that is running."""
    return None if trial.state is State.RUNNING else trial.value


def placed(trial):
    """A trial's bracket, and its number."""
    return trial.bracket, trial.number


def history(trials):
    """A history of these trials."""
    return History(SPACE, trials, {}, 9)


trials_made = st.lists(st.tuples(VALUES, st.sampled_from([*State]), st.integers(-1, 2)), max_size=12).map(
    lambda told: [Trial(i, {}, state, (value,), bracket) for i, (value, state, bracket) in enumerate(told)]
)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(trials_made, st.booleans()), max_size=6))
def test_a_ranking_is_a_sorted_list(histories):
    """Of any histories in any order, in pages or not: what is told of each trial, sorted; as a list or as an array."""
    rankings = Ranking(value_of), Ranking(value_of, partial(array, "d"))
    for trials, in_pages in histories:
        expected = sorted(told for trial in trials if (told := value_of(trial)) is not None)
        for ranking in rankings:
            ranking.update(Pages.of(trials) if in_pages else trials)
            assert list(ranking.entries) == expected


@settings(max_examples=50, deadline=None)
@given(trials_made)
def test_a_span_are_the_entries_that_begin_alike(trials):
    """The numbers of a bracket's trials, rising; none of a bracket without any."""
    ranking = Ranking(placed)
    ranking.update(trials)
    for bracket in range(-2, 4):
        told = [ranking.entries[place][1] for place in ranking.span(bracket)]
        assert told == [trial.number for trial in trials if trial.bracket == bracket]


def test_only_what_changed_is_looked_at():
    """With one trial of ten pages changed and one more at the end, three trials are told of: old, new and latest."""
    told = []
    ranking = Ranking(lambda trial: told.append(trial.number) or trial.value)
    pages = Pages.of([Trial(number, {}, State.COMPLETE, (float(number),)) for number in range(10 * SIZE)])
    ranking.update(pages)
    told.clear()
    later = pages.put(replace(pages[5], curve=(0.5,)), Trial(10 * SIZE, {}, State.COMPLETE, (0.25,)))
    ranking.update(later)
    assert told == [5, 5, 10 * SIZE]
    ranking.update(first_of(later, 10 * SIZE))
    assert told == [5, 5, 10 * SIZE, 10 * SIZE]
    assert ranking.entries[:3] == [0, 0.5, 1]


def test_as_many_are_kept_as_may_be():
    """The latest that were asked for are as they were; each thread has its own."""
    made = []
    kept = Kept(lambda setting: made.append(setting) or Ranking(value_of), most=2)
    past = history([Trial(0, {}, State.COMPLETE, (1.0,))])
    for setting in "abab":
        assert kept.of(past, setting).entries == [1]
    assert made == ["a", "b"]
    kept.of(past, "c")
    kept.of(past, "b")
    kept.of(past, "a")
    assert made == ["a", "b", "c", "a"]
    other = Thread(target=kept.of, args=(past, "a"))
    other.start()
    other.join()
    assert made == ["a", "b", "c", "a", "a"]


def test_what_fails_half_way_is_begun_anew():
    """A follower that broke off is not asked again."""
    broken = [True]

    def tell(trial):
        if broken and trial.number == 1:
            raise ValueError(broken.pop())
        return trial.value

    kept = Kept(lambda: Ranking(tell))
    few, many = ([Trial(i, {}, State.COMPLETE, (float(i),)) for i in range(n)] for n in (1, 3))
    kept.of(history(few))
    try:
        kept.of(history(many))
    except ValueError:
        assert kept.of(history(many)).entries == [0, 1, 2]
    else:
        raise AssertionError("it did not break off")


@settings(max_examples=100, deadline=None)
@given(st.lists(trials_made, max_size=6))
def test_columns_and_sums_are_those_of_all_trials(histories):
    """Of any histories in any order: what is told in each place, sorted, and nothing beyond; the sum of what is told."""
    columns, total = Columns(lambda trial: (trial.value, trial.bracket)[: trial.bracket + 1]), Sum(lambda t: t.bracket)
    for trials in histories:
        columns.update(trials)
        total.update(trials)
        assert list(columns.entries(0)) == sorted(trial.value for trial in trials if trial.bracket >= 0)
        assert list(columns.entries(1)) == sorted(trial.bracket for trial in trials if trial.bracket >= 1)
        assert list(columns.entries(2)) == []
        assert total.total == sum(trial.bracket for trial in trials)
