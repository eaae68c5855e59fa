"""Strategies that think for long do so while others write; what was thought in vain is thought again."""

from dataclasses import dataclass
from typing import ClassVar

import pytest
from adaptive import FOR_TESTS, Rungs, SlowRungs
from crew import Hand, content, new_study
from evidence import change, rows

from storage.exchange import worklist
from strategies import STRATEGIES, Random, Strategy


@dataclass(frozen=True)
class Musing(Random):
    """Random search that takes its time: meanwhile `during` happens, once."""

    slow: ClassVar[bool] = True
    during: ClassVar[list] = []

    def propose(self, number, history, rng):
        if self.during:
            self.during.pop()()
        return super().propose(number, history, rng)


@dataclass(frozen=True)
class MusingRungs(Rungs):
    """Halving that takes its time: meanwhile `during` happens, once."""

    slow: ClassVar[bool] = True
    during: ClassVar[list] = []

    def decide(self, history, rng):
        if self.during:
            self.during.pop()()
        return super().decide(history, rng)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for name, each in (FOR_TESTS | {"musing": Musing, "musing-rungs": MusingRungs}).items():
        monkeypatch.setitem(STRATEGIES, name, each)
    for each in (Musing, MusingRungs):
        monkeypatch.setattr(each, "during", [])


def test_others_write_while_one_thinks(url):
    """During a slow decision the database is nobody's: another connection gets the write lock at once."""
    hand = Hand(url, new_study(url, Strategy(Musing()), n_trials=1))

    def write():
        change(url, "UPDATE studies SET metric = 'written meanwhile'", patience=0)

    Musing.during.append(write)
    assert hand.exchange()
    assert rows(url, "SELECT metric FROM studies") == [("written meanwhile",)]


def test_a_lost_race_inserts_nothing_twice(url):
    """Of two workers that think of the same trial one enters it; the other thinks again, and comes away with the next."""
    study = new_study(url, Strategy(Musing()), n_trials=3)
    slow, quick = Hand(url, study), Hand(url, study)
    Musing.during.append(quick.exchange)
    assert [*slow.exchange()] == [1]
    assert [*quick.claims] == [0]
    assert rows(url, "SELECT number FROM trials ORDER BY number") == [(0,), (1,)]
    assert rows(url, "SELECT worker FROM jobs ORDER BY number") == [(quick.id,), (slow.id,)]


def test_what_is_ready_needs_no_thought(url):
    """A job that somebody gave back is claimed without a decision."""
    study = new_study(url, Strategy(Musing()), n_trials=3)
    first, second = Hand(url, study), Hand(url, study)
    first.one()
    Musing.during.append(pytest.fail)
    assert [*second.exchange(dead=[first.id])] == [0]


def halved(url, order):
    """Two workers on a study of two trials, both trained for an epoch and paused."""
    study = new_study(url, Strategy(Random(), MusingRungs()), n_trials=2, max_epochs=2, job_order=order, parallelism=2)
    slow, quick = Hand(url, study), Hand(url, study)
    reports = [slow.report(slow.one()), quick.report(quick.one())]
    slow.exchange(reports[:1], jobs=0)
    quick.exchange(reports[1:], jobs=0)
    return slow, quick


@pytest.mark.parametrize("order", ["reproducible", "free"])
def test_a_promotion_is_made_once(order, url):
    """Of two workers that would promote the same trial one does; the other then finds that it has to wait."""
    slow, quick = halved(url, order)
    MusingRungs.during.append(quick.exchange)
    assert slow.exchange() == {}
    assert not slow.result.complete
    assert [*quick.claims] == [2]
    assert rows(url, "SELECT count(*) FROM jobs") == [(3,)]


@pytest.mark.parametrize("order", ["reproducible", "free"])
def test_a_stop_is_made_once(order, url):
    """A trial that another worker has stopped meanwhile is not stopped again, nor anything else done to it."""
    slow, quick = halved(url, order)
    slow.exchange([slow.report(slow.one())], jobs=0)
    seen = []

    def stop():
        quick.exchange()
        seen.append(content(url))

    MusingRungs.during.append(stop)
    slow.exchange()
    assert slow.result.complete
    assert quick.result.complete
    assert seen == [content(url)]
    assert rows(url, "SELECT count(*) FROM trials WHERE state = 'stopped'") == [(1,)]


def test_stops_are_no_reason_to_wait(url):
    """An exchange comes back without a job only when there is none: it goes through as many stops as it takes."""
    hand = Hand(url, new_study(url, Strategy(Random(), MusingRungs()), n_trials=8, max_epochs=2))
    assert hand.work().complete
    assert rows(url, "SELECT count(*) FROM trials WHERE state = 'stopped'")[0][0] > 1


def test_a_refusal_keeps_the_reports(url):
    """What was reported before a slow decision is in, even if the decision raises; the report may be repeated."""
    hand = Hand(url, new_study(url, Strategy(Musing()), n_trials=3))
    report = hand.report(hand.one())

    def refuse():
        raise ZeroDivisionError

    Musing.during.append(refuse)
    with pytest.raises(ZeroDivisionError):
        hand.exchange([report])
    assert rows(url, "SELECT state FROM jobs") == [("done",)]
    assert [*hand.exchange([report])] == [1]


STACKED = {"ahead": 8, "stack": 8}


def test_slow_decisions_are_taken_ahead_for_a_stack(url):
    """A worker that trains stacks decides as far ahead as it may, and claims what goes together; the rest is ready.

    What is ready it claims before it thinks again.
    """
    hand = Hand(url, new_study(url, Strategy(Musing()), n_trials=20))
    first = hand.exchange(**STACKED, key=lambda params: params["x"] >= 0.5)
    assert 1 < len(first) < 8
    assert len({claim.params["x"] >= 0.5 for claim in first.values()}) == 1
    assert rows(url, "SELECT count(*) FROM jobs") == [(8,)]
    Musing.during.append(pytest.fail)
    rest = hand.exchange(jobs=8)
    assert sorted(first | rest) == list(range(8))


def test_a_long_thought_is_claimed_at_once(url, monkeypatch):
    """Who has thought for long claims what there is: others need not wait for the whole stack."""
    monkeypatch.setattr(worklist, "_THINK", 0.0)
    hand = Hand(url, new_study(url, Strategy(Musing()), n_trials=20))
    assert [*hand.exchange(**STACKED)] == [0]


def test_what_is_decided_ahead_is_for_anyone(url):
    """While one thinks ahead, another takes what is ready; nothing is decided or trained twice."""
    study = new_study(url, Strategy(Musing()), n_trials=20)
    slow, quick = Hand(url, study), Hand(url, study)
    Musing.during.extend([quick.exchange, lambda: None])  # from the end: it comes after the first decision
    mine = slow.exchange(**STACKED, key=lambda _: "all")
    assert [*quick.claims] == [0]
    assert len(mine) > 1
    assert min(mine) == 1
    assert rows(url, "SELECT count(*), count(DISTINCT trial) FROM jobs") == [(8, 8)]


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("order", ["reproducible", "free"])
def test_no_adaptive_strategy_decides_further_ahead_than_its_parallelism(order, slow, url):
    """Whatever a worker would like to choose from: a decision too far ahead could not learn from what is in training."""
    strategy = Strategy(Random(), (SlowRungs if slow else Rungs)())
    study = new_study(url, strategy, n_trials=20, parallelism=3, job_order=order)
    hand = Hand(url, study)
    assert len(hand.exchange(jobs=5, **STACKED)) == 3
    assert rows(url, "SELECT count(*) FROM jobs") == [(3,)]
