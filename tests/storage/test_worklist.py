"""One database, many workers: nothing is done twice, nothing is lost, and the search is the same."""

import json
from math import nan

import numpy as np
import pytest
from adaptive import FOR_TESTS, Echo, Rungs, SlowRungs
from crew import Hand, content, new_study, train
from evidence import change, evidence, rows

from storage.errors import StudyNotFound
from storage.exchange.work import Measurement, Progress, Report
from storage.interventions.amending import amend
from storage.studies import load_study
from strategies import STRATEGIES, Full, Grid, Random, State, Strategy, SuccessiveHalving

SEARCHES = {
    "random+full": (Strategy(), None),
    "grid+halving": (Strategy(Grid(), SuccessiveHalving(eta=2)), None),
    "random+full, on a budget": (Strategy(), 22),
    "echo+rungs": (Strategy(Echo(), Rungs()), None),
    "random+rungs, two at once": (Strategy(Random(), Rungs(at_once=2)), None),
    "echo+rungs, slowly": (Strategy(Echo(), SlowRungs()), None),
}
JOB_LOG = (
    "SELECT number, trial, from_epoch, until_epoch, rung, seen, reason, outcome, end_epoch FROM jobs ORDER BY number"
)


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    for name, each in FOR_TESTS.items():
        monkeypatch.setitem(STRATEGIES, name, each)


class Turmoil:
    """Workers on one database that claim, record, report, give back, die and oversleep at random."""

    def __init__(self, url, study, size, rng):
        self.url, self.study, self.rng = url, study, rng
        self.hands = [Hand(url, study) for _ in range(size)]
        self.holder = {}
        self.complete = False

    def run(self):
        actions = [self.exchange] * 6 + [self.record] * 2 + [self.release, self.die, self.oversleep]
        while not self.complete:
            hand = self.hands[self.rng.integers(len(self.hands))]
            actions[self.rng.integers(len(actions))](hand)

    def some(self, hand):
        """Some of the jobs that a worker believes that it holds."""
        return [claim for claim in list(hand.claims.values()) if self.rng.random() < 0.7]

    def let_go(self, hand, numbers):
        for number in numbers:
            if self.holder.get(number) is hand:
                del self.holder[number]

    def exchange(self, hand):
        reports = [hand.report(claim) for claim in self.some(hand)]
        self.let_go(hand, [report.progress.claim.job.number for report in reports])
        jobs = int(self.rng.integers(0, 4))
        for number in hand.exchange(reports, jobs, ahead=int(self.rng.integers(1, 5))):
            assert number not in self.holder, "two workers hold the same job"
            self.holder[number] = hand
        self.complete = hand.result.complete

    def record(self, hand):
        progress = []
        for claim in self.some(hand):
            until = int(self.rng.integers(claim.epochs, claim.job.until + 1))
            progress.append(train(claim, until, checkpointed=bool(self.rng.integers(2))))
        held = hand.worklist.record(progress)
        assert held == {number for number, holder in self.holder.items() if holder is hand}
        hand.claims = {number: claim for number, claim in hand.claims.items() if number in held}

    def release(self, hand):
        claims = self.some(hand)
        hand.worklist.release([train(claim, claim.epochs) for claim in claims])
        self.let_go(hand, [claim.job.number for claim in claims])
        hand.claims = {number: claim for number, claim in hand.claims.items() if claim not in claims}

    def die(self, hand):
        self.let_go(hand, list(hand.claims))
        place = self.hands.index(hand)
        heir = self.hands[place] = Hand(self.url, self.study, database=hand.database)
        heir.exchange(jobs=0, dead=[hand.id])

    def oversleep(self, hand):
        """Its leases run out, and somebody notices; it goes on as if nothing had happened."""
        change(self.url, "UPDATE jobs SET lease_until = 0 WHERE worker = ?", hand.id)
        other = self.hands[(self.hands.index(hand) + 1) % len(self.hands)]
        if other is not hand:
            self.let_go(hand, list(hand.claims))
            other.exchange(jobs=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", SEARCHES)
def test_any_number_of_workers_in_any_order_give_the_same_search(name, seed, new_url):
    """Whoever claims, records, reports, gives back, dies or oversleeps when, the search is that of one worker alone.

    No job has two holders, every trial ends once, numbers have no gaps; trials and measurements are the same, and so is
    the job log if the strategy is adaptive.
    """
    strategy, budget = SEARCHES[name]
    found = []
    for size in (1, 2 + seed % 3):
        url = new_url()
        study = new_study(url, strategy, budget=budget, parallelism=4)
        if size == 1:
            assert Hand(url, study).work().complete
        else:
            Turmoil(url, study, size, np.random.default_rng(seed)).run()
        found.append(evidence(url) | ({"jobs": rows(url, JOB_LOG)} if strategy.adaptive else {}))
        trials = rows(url, "SELECT number, state FROM trials ORDER BY number")
        assert [number for number, _ in trials] == list(range(len(trials)))
        assert all(State(state).ended for _, state in trials)
        jobs = rows(url, "SELECT number, trial, until_epoch, state, outcome FROM jobs ORDER BY number")
        assert [number for number, *_ in jobs] == list(range(len(jobs)))
        assert {state for *_, state, _ in jobs} == {"done"}
        assert len({(trial, until) for _, trial, until, *_ in jobs}) == len(jobs)
        assert rows(url, "SELECT state FROM studies") == [("complete",)]
    assert found[0]["trials"]
    assert found[0] == found[1]


def test_an_exchange_with_nothing_to_say_leaves_no_trace(url):
    """A worker that reports nothing, takes over nothing and finds nothing to claim does not bump the revision."""
    study = new_study(url, n_trials=1)
    first, second = Hand(url, study), Hand(url, study)
    claim = first.one()
    before = content(url)
    assert second.exchange() == {}
    assert second.exchange(jobs=0) == {}
    assert not second.result.complete
    assert content(url) == before
    assert second.worklist.look()[0] == second.worklist.revision
    first.exchange([first.report(claim)], jobs=0)
    assert second.worklist.look()[0] > second.worklist.revision


@pytest.mark.parametrize("name", ["random+full", "echo+rungs, slowly"])
def test_who_is_to_leave_by_then_is_handed_out_nothing(name, url):
    """What it reports counts; no decision is made for it, and no job left for it that another would have to take over."""
    hand = Hand(url, new_study(url, SEARCHES[name][0]))
    claim, leaving = hand.one(), [True]
    assert hand.exchange([hand.report(claim)], jobs=3, over=lambda: bool(leaving)) == {}
    assert rows(url, "SELECT number, state FROM jobs") == [(0, "done")]
    leaving.clear()
    assert hand.exchange(jobs=3, over=lambda: bool(leaving))


def test_a_study_completes_once(url):
    """The exchange that finds nothing left says so in the study; later ones find it so and change nothing."""
    hand = Hand(url, new_study(url, n_trials=2))
    hand.work()
    before = content(url)
    assert rows(url, "SELECT state, ended_at IS NOT NULL FROM studies") == [("complete", 1)]
    assert hand.work().complete
    assert content(url) == before


class RefusalError(Exception):
    """What the strategy of the next test raises."""


@pytest.mark.parametrize("name", ["random+full", "grid+halving"])
def test_an_exchange_happens_wholly_or_not_at_all(name, url, monkeypatch):
    """When a decision raises, the reports and claims of its exchange are as if they had not been; it may be repeated."""
    strategy, _ = SEARCHES[name]
    hand = Hand(url, new_study(url, strategy))
    reports = [hand.report(claim) for claim in hand.exchange(jobs=2).values()]
    before = content(url)

    def refuse(*_):
        raise RefusalError

    with monkeypatch.context() as patch:
        patch.setattr(type(strategy.searcher), "propose", refuse)
        patch.setattr(type(strategy.scheduler), "decide", refuse)
        with pytest.raises(RefusalError):
            hand.exchange(reports, jobs=3)
    assert content(url) == before
    assert hand.exchange(reports, jobs=3)
    assert rows(url, "SELECT count(*) FROM jobs WHERE state = 'done'") == [(2,)]


def test_an_interrupted_trial_is_taken_up_by_any_worker(url):
    """A job that ends early leaves its trial paused; a scheduler that does not look back resumes it all the same."""
    hand = Hand(url, new_study(url, Strategy(Random(), Full()), n_trials=1))
    claim = hand.one()
    hand.exchange([Report(train(claim, 1, checkpointed=True), State.PAUSED)], jobs=0)
    (again,) = hand.exchange().values()
    assert (again.job.trial, again.job.from_epoch, again.epochs) == (0, 1, 1)
    (third,) = hand.exchange([Report(train(again, 2, checkpointed=True), State.PAUSED)]).values()
    assert (third.job.number, third.job.from_epoch) == (2, 2)
    hand.exchange([hand.report(third)])
    assert hand.result.complete


def test_released_jobs_are_for_anyone(url):
    """Who gives a job back loses it with what it had measured kept; the next worker goes on from the checkpoint."""
    study = new_study(url, n_trials=1)
    first, second = Hand(url, study), Hand(url, study)
    claim = first.one()
    first.worklist.release([train(claim, 2, checkpointed=True)])
    assert rows(url, "SELECT state, worker, lease_until FROM jobs") == [("ready", None, None)]
    assert rows(url, "SELECT state, epochs FROM trials") == [("paused", 2)]
    assert first.worklist.record([train(claim, 3)]) == set()
    again = second.one()
    assert (again.job, again.epochs, again.measured) == (claim.job, 2, 2)
    second.exchange([second.report(again)])
    assert rows(url, "SELECT count(*), sum(seconds) FROM measurements") == [(4, 4.0)]


def test_raised_targets_reach_every_worker(url):
    """A complete study with more trials to reach is open again; workers that were there before see it at once."""
    study = new_study(url, SEARCHES["grid+halving"][0], n_trials=2)
    hand = Hand(url, study)
    assert hand.work().complete
    extended = amend(hand.database, study, {"n_trials": 4})
    assert extended.state == "open"
    assert hand.work().complete
    assert rows(url, "SELECT count(*) FROM trials") == [(4,)]
    assert load_study(hand.database, "crew").state == "complete"


@pytest.mark.parametrize("text", ["%s ? :x \\u0000 'quoted' \\", "a NUL \0, half of a pair \ud800", "è\n\t🙂"])
def test_whatever_an_error_says_it_is_on_record(text, url):
    """An objective's error and its metrics may be called anything; signs that a database refuses are replaced."""
    hand = Hand(url, new_study(url, n_trials=1))
    claim = hand.one()
    new = [Measurement(1, 0.5, {text: 1.0, "nan": nan}, 1.0)]
    hand.exchange([Report(Progress(claim, (0.5,), 1.0, new), State.FAILED, error=text, traceback=text)], jobs=0)
    kept = text.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
    assert rows(url, "SELECT error, traceback FROM trials") == [(kept, kept)]
    ((metrics,),) = rows(url, "SELECT metrics FROM measurements")
    assert json.loads(metrics) == {kept: 1.0, "nan": None}


def test_a_deleted_study_is_missed(url):
    """Workers of a study that somebody deletes are told so, and never take a later study for it."""
    study = new_study(url)
    hand = Hand(url, study)
    claim = hand.one()
    change(url, "DELETE FROM studies")
    later = new_study(url, name="later")
    assert later.id != study.id
    calls = [
        lambda: hand.exchange([hand.report(claim)]),
        lambda: hand.exchange(jobs=0),
        lambda: hand.worklist.bury(["nobody"]),
        hand.worklist.look,
    ]
    for call in calls:
        with pytest.raises(StudyNotFound, match=r"'crew' has been deleted from \w+.*://.* while"):
            call()
    assert hand.worklist.record([train(claim)]) == set()
    hand.worklist.release([train(claim)])
    assert rows(url, "SELECT count(*) FROM trials") == [(0,)]
