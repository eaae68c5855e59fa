"""Which of the ready jobs a worker takes: the oldest trials first, and beside them what trains well together."""

from itertools import groupby

import pytest
from crew import Hand, new_study
from hypothesis import given
from hypothesis import strategies as st

from storage.exchange.claiming import Work, choose
from storage.exchange.work import Wanted
from strategies import Grid, Job, Strategy

KEYS = {"small": 1, "large": 2, "alone": None}


@st.composite
def ready(draw):
    """Jobs of different trials, in any order, of a few shapes and spans of epochs."""
    trials = draw(st.lists(st.integers(0, 50), unique=True, max_size=20))
    spans = st.sampled_from([(0, 3), (0, 9), (3, 9)])
    return [
        Work(Job(number, trial, *draw(spans)), {"shape": draw(st.sampled_from([*KEYS]))})
        for number, trial in enumerate(trials)
    ]


def group(work):
    """What must be equal within a stack."""
    job, key = work.job, KEYS[work.params["shape"]]
    return ("alone", job.number) if key is None else (key, job.from_epoch, job.until)


@given(ready(), st.integers(1, 12), st.integers(1, 6), st.integers(0, 5))
def test_a_choice_is_made_of_whole_stacks(work, jobs, stack, workers):
    """About `jobs` jobs, none twice, in stacks of equal key and epochs; no stack takes more than a worker's share.

    The oldest trial comes first in the choice, and in its stack; and the last stack was needed.
    """
    wanted = Wanted(jobs, ahead=jobs, stack=stack, key=lambda params: KEYS[params["shape"]])
    chosen = choose(work, wanted, workers)
    assert bool(chosen) == bool(work)
    assert len({each.job.number for each in chosen}) == len(chosen)
    assert all(each in work for each in chosen)
    stacks = [list(members) for _, members in groupby(chosen, key=group)]
    share = -(-len(work) // max(workers, 1))
    assert len({group(members[0]) for members in stacks}) == len(stacks)
    for members in stacks:
        assert len(members) <= max(1, min(stack, share))
        passed_over = [each for each in work if group(each) == group(members[0]) and each not in members]
        assert [each.job.trial for each in members] == sorted(each.job.trial for each in members)
        assert all(each.job.trial > members[-1].job.trial for each in passed_over)
    if work:
        assert chosen[0].job.trial == min(each.job.trial for each in work)
        assert len(chosen) - len(stacks[-1]) < jobs


@given(ready(), st.integers(1, 12), st.data())
def test_a_suspect_goes_alone(work, jobs, data):
    """A job that a worker may have died of is all that another takes, once its trial is the oldest; until then it waits."""
    suspects = data.draw(st.sets(st.sampled_from([each.job.number for each in work]))) if work else set()
    work = [each._replace(suspect=each.job.number in suspects) for each in work]
    chosen = choose(work, Wanted(jobs, stack=4, key=lambda params: KEYS[params["shape"]]), 1)
    assert bool(chosen) == bool(work)
    if work:
        oldest = min(work, key=lambda each: each.job.trial)
        assert chosen == [oldest] if oldest.suspect else not any(each.suspect for each in chosen)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_stacks_looks_ahead(workers, url):
    """Jobs are decided ahead so that there is a choice; those not chosen are ready for others, in order of their trials."""
    study = new_study(url, Strategy(Grid()), n_trials=None)
    hands = [Hand(url, study) for _ in range(workers)]
    claims = hands[0].exchange(jobs=1, ahead=8, stack=4, key=lambda params: params["x"] >= 0.5)
    assert len(claims) == 4
    assert len({claim.params["x"] >= 0.5 for claim in claims.values()}) == 1
    assert min(claims) == 0
    rest = hands[-1].exchange(jobs=9, ahead=9)
    assert sorted(claims | rest) == list(range(9))
    assert list(rest) == sorted(rest)
