"""Rows: a memo that never changes an answer."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strategies import Float, History, Space, Trial
from strategies.models.rows import Rows

SPACES = [Space(x=Float(0, 1)) for _ in range(6)]


def history(trials, space=SPACES[0]):
    """A history of these trials."""
    return History(space, trials, {}, 100)


pool = [Trial(0, {}, curve=tuple(float(10 * i + j) for j in range(i % 5))) for i in range(12)]
asked = st.tuples(st.integers(0, 5), st.lists(st.sampled_from(pool), max_size=20), st.integers(0, 6))


@given(st.lists(asked, max_size=20))
def test_answers_do_not_depend_on_questions(questions):
    """Whatever was asked before, of this study or others, a column is what the trials tell now, and NaN beyond."""
    rows = Rows(lambda trial, _: np.array(trial.curve))
    for study, trials, index in questions:
        expected = [trial.curve[index] if index < trial.epochs else np.nan for trial in trials]
        np.testing.assert_array_equal(rows.column(history(trials, SPACES[study]), index), expected)


def test_only_what_changed_is_told_again():
    """Trials that are the same objects as before are not looked at; nor is a tail that was left out for a while."""
    told = []
    rows = Rows(lambda trial, _: told.append(trial.number) or np.array(trial.curve))
    trials = [Trial(i, {}, curve=(float(i),)) for i in range(100)]
    rows.column(history(trials), 0)
    told.clear()
    rows.column(history(trials[:10]), 0)
    trials[3] = Trial(3, {}, curve=(0.5,))
    assert rows.column(history([*trials, Trial(100, {}, curve=(7.0,))]), 0)[[3, 99, 100]].tolist() == [0.5, 99, 7]
    assert told == [3, 100]


def test_a_column_is_the_askers_own():
    """Writing into an answer leaves the next one as it was."""
    rows = Rows(lambda trial, _: np.array(trial.curve))
    past = history([Trial(0, {}, curve=(1.0,))])
    rows.column(past, 0)[0] = 5
    assert rows.column(past, 0).tolist() == [1]
