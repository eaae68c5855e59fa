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
asked = st.tuples(st.integers(0, 5), st.lists(st.sampled_from(pool), max_size=20), st.integers(1, 6), st.randoms())


def whole(rows, past, columns=1):
    """What all trials of a history tell."""
    return rows.of(past, np.arange(len(past.trials)), columns)


@given(st.lists(asked, max_size=20))
def test_answers_do_not_depend_on_questions(questions):
    """Whatever was asked before, of this study or others, a row is what the trial tells now, and NaN beyond."""
    rows = Rows(lambda trial, _: np.array(trial.curve))
    for study, trials, columns, random in questions:
        places = random.sample(range(len(trials)), len(trials) // 2)
        told = [[*trials[place].curve, *[np.nan] * columns][:columns] for place in places]
        found = rows.of(history(trials, SPACES[study]), np.array(places, dtype=np.int64), columns)
        np.testing.assert_array_equal(found, np.array(told).reshape(-1, columns))


def test_only_what_changed_is_told_again():
    """Trials that are the same objects as before are not looked at; nor is a tail that was left out for a while."""
    told = []
    rows = Rows(lambda trial, _: told.append(trial.number) or np.array(trial.curve))
    trials = [Trial(i, {}, curve=(float(i),)) for i in range(100)]
    whole(rows, history(trials))
    told.clear()
    whole(rows, history(trials[:10]))
    trials[3] = Trial(3, {}, curve=(0.5,))
    later = whole(rows, history([*trials, Trial(100, {}, curve=(7.0,))]))
    assert later[[3, 99, 100], 0].tolist() == [0.5, 99, 7]
    assert told == [3, 100]


def test_rows_are_the_askers_own():
    """Writing into an answer leaves the next one as it was."""
    rows = Rows(lambda trial, _: np.array(trial.curve))
    past = history([Trial(0, {}, curve=(1.0,))])
    whole(rows, past)[0] = 5
    assert whole(rows, past).tolist() == [[1]]
