"""Workers that die or oversleep: their jobs pass on, and who has lost a job can write nothing about it."""

import pytest
from crew import Hand, content, new_study, train
from evidence import change, rows

from storage.exchange.deaths import UNSEEN, Death
from storage.exchange.work import Report
from strategies import Grid, State, Strategy, SuccessiveHalving

LAPSED = -1.0
"""A lease that has run out as soon as it is given."""

HALVING = Strategy(Grid(), SuccessiveHalving(eta=2))


def holders(url):
    """Who holds which job."""
    return dict(rows(url, "SELECT number, worker FROM jobs WHERE state = 'running'"))


def test_a_lease_that_has_run_out_is_taken_over(url):
    """The next worker to come gets the job of one that gave no sign of life, and begins where its checkpoint is."""
    study = new_study(url, n_trials=1)
    sleeper, other = Hand(url, study, LAPSED), Hand(url, study)
    claim = sleeper.one()
    sleeper.worklist.record([train(claim, 3, checkpointed=True)])
    taken = other.one()
    assert (taken.job, taken.epochs, taken.measured, taken.seconds) == (claim.job, 3, 3, 3.0)
    assert holders(url) == {0: other.id}


def test_a_lease_that_is_renewed_is_not_taken_over(url):
    """Every record renews the leases of all that its worker holds, and says that it is alive."""
    study = new_study(url)
    worker, other = Hand(url, study), Hand(url, study)
    worker.exchange(jobs=2)
    change(url, "UPDATE jobs SET lease_until = 0")
    change(url, "UPDATE workers SET seen_at = 0")
    assert worker.worklist.record([]) == {0, 1}
    other.exchange(jobs=3)
    assert [holders(url)[job] for job in (0, 1)] == [worker.id] * 2
    ((seen_at, lease_until),) = rows(
        url,
        "SELECT DISTINCT seen_at, lease_until FROM workers w JOIN jobs j ON j.worker = w.id WHERE w.id = ?",
        worker.id,
    )
    assert lease_until == seen_at + 30 > 30


def test_who_oversleeps_alone_loses_nothing(url):
    """A worker whose leases ran out, but whose jobs nobody has taken, still holds them and may report."""
    sleeper = Hand(url, new_study(url, n_trials=2), LAPSED)
    claims = sleeper.exchange(jobs=2)
    assert sleeper.exchange(jobs=2) == {}
    assert sleeper.worklist.record([]) == {0, 1}
    sleeper.exchange([sleeper.report(claims[0])], jobs=0)
    assert rows(url, "SELECT number, state FROM jobs ORDER BY number") == [(0, "done"), (1, "running")]


@pytest.mark.parametrize("outcome", [State.COMPLETE, State.FAILED, State.STOPPED, State.PAUSED])
def test_who_has_lost_a_job_writes_nothing_about_it(outcome, url):
    """After a take-over the old holder's measurements, checkpoints, releases and reports are refused, at any point."""
    study = new_study(url, n_trials=1)
    sleeper, other = Hand(url, study, LAPSED), Hand(url, study)
    claim = sleeper.one()

    def wake():
        assert sleeper.worklist.record([train(claim, 3, checkpointed=True)]) == set()
        sleeper.worklist.release([train(claim, 2, checkpointed=True)])
        sleeper.exchange([Report(train(claim, checkpointed=True), outcome, error="late")], jobs=0)

    def unchanged(step):
        before = content(url, without=["seen_at"])
        step()
        assert content(url, without=["seen_at"]) == before

    taken = other.one()
    unchanged(wake)
    other.worklist.record([train(taken, 1)])
    unchanged(wake)
    other.exchange([other.report(taken)])
    unchanged(wake)
    assert other.result.complete


def test_a_second_run_writes_the_same(url):
    """What a worker measured after its last checkpoint is measured again, and equal; meanwhile no row falls behind."""
    study = new_study(url, n_trials=1)
    first, second = Hand(url, study), Hand(url, study)
    claim = first.one()
    first.worklist.record([train(claim, 1, checkpointed=True)])
    first.worklist.record([train(claim, 3)])
    before = content(url)
    claim = second.exchange(dead=[first.id])[0]
    assert (claim.epochs, claim.measured) == (1, 3)
    second.worklist.record([train(claim, 2)])
    after = content(url)
    assert after["measurements"] == before["measurements"]
    assert rows(url, "SELECT epochs, state FROM trials") == [(3, "running")]
    second.exchange([second.report(claim)])
    assert after["measurements"] == content(url)["measurements"][:3]


def test_the_dead_are_taken_off_the_list(url):
    """An exchange that is told of dead workers passes all their jobs on, and no others', whatever their leases say."""
    study = new_study(url, HALVING)
    first, second, third = (Hand(url, study) for _ in range(3))
    first.exchange(jobs=2)
    second.exchange(jobs=2)
    third.exchange(dead=[first.id], jobs=0)
    assert holders(url) == {2: second.id, 3: second.id}
    assert {row[0] for row in rows(url, "SELECT id FROM workers")} == {second.id, third.id}
    assert third.result.workers == 2
    assert [set(third.exchange(jobs=3)) for _ in range(3)] == [{0}, {1}, {4, 5, 6}]


def seen(worker, *training, **more):
    """The death of a worker whose launcher has seen it, while it trained some jobs."""
    return Death(worker.id, "its worker exited with code 3", frozenset(training), seen=True, **more)


@pytest.mark.parametrize("strategy", [Strategy(), HALVING])
@pytest.mark.parametrize("retries", [0, 2])
def test_a_trial_that_kills_one_worker_after_another_fails(strategy, retries, url):
    """After as many retries as the study grants it fails with the reason; of its last job nothing counts; others go on."""
    study = new_study(url, strategy, n_trials=2, retries=retries)
    undertaker = Hand(url, study)
    for attempt in range(1, retries + 2):
        victim = Hand(url, study)
        (claim,) = victim.exchange(jobs=1).values()
        assert claim.job.trial == 0
        victim.worklist.record([train(claim, 1)])
        undertaker.worklist.bury([seen(victim, 0)])
        expected = ("paused", attempt) if attempt <= retries else ("failed", 0)
        assert rows(url, "SELECT state, attempts FROM trials WHERE number = 0") == [expected]
    last = ", in the last of 3 attempts" if retries else ""
    assert rows(url, "SELECT error, epochs FROM trials WHERE number = 0") == [
        (f"its worker exited with code 3{last}", 1)
    ]
    assert rows(url, "SELECT state, outcome, end_epoch FROM jobs WHERE number = 0") == [("done", "failed", 0)]
    assert undertaker.work().complete
    assert rows(url, "SELECT number, state FROM trials ORDER BY number") == [(0, "failed"), (1, "complete")]


def test_retries_may_be_changed_meanwhile(url):
    """What counts is how many retries the study grants now, not when its workers began."""
    study = new_study(url, n_trials=1)
    victim, undertaker = Hand(url, study), Hand(url, study)
    victim.one()
    change(url, "UPDATE studies SET retries = 0")
    undertaker.worklist.bury([seen(victim, 0)])
    assert rows(url, "SELECT state FROM trials") == [("failed",)]


def test_attempts_are_counted_in_a_row(url):
    """A job that ends well clears its trial of suspicion."""
    study = new_study(url, HALVING, n_trials=1)
    undertaker = Hand(url, study)
    for _ in range(3):
        for _ in range(2):
            victim = Hand(url, study)
            undertaker.worklist.bury([seen(victim, victim.one().job.number)])
        worker = Hand(url, study)
        worker.exchange([worker.report(worker.one())], jobs=0)
    assert rows(url, "SELECT state, attempts, epochs FROM trials") == [("complete", 0, 4)]


def test_only_what_was_in_training_is_suspected(url):
    """Jobs that waited on a dead worker's desk are given back as if nothing had been."""
    study = new_study(url, n_trials=3, retries=0)
    victim, undertaker = Hand(url, study), Hand(url, study)
    victim.exchange(jobs=3)
    undertaker.worklist.bury([seen(victim, 1)])
    assert rows(url, "SELECT number, state, attempts FROM trials ORDER BY number") == [
        (0, "paused", 0),
        (1, "failed", 0),
        (2, "paused", 0),
    ]


def test_who_died_in_company_is_tried_alone(url):
    """Of several jobs in training none is charged: each is handed out by itself, and that decides, with no retries too."""
    study = new_study(url, n_trials=2, retries=0)
    first, second, undertaker = Hand(url, study), Hand(url, study), Hand(url, study)
    first.exchange(jobs=2)
    undertaker.worklist.bury([seen(first, 0, 1, final=True)])
    assert rows(url, "SELECT state, attempts FROM trials") == [("paused", 1)] * 2
    assert set(second.exchange(jobs=2)) == {0}
    undertaker.worklist.bury([seen(second, 0)])
    assert undertaker.work().complete
    assert rows(url, "SELECT state, error FROM trials ORDER BY number") == [
        ("failed", "its worker exited with code 3, in the last of 2 attempts"),
        ("complete", None),
    ]


def test_a_final_death_is_the_last(url):
    """What would only happen again is not tried again, however many retries are granted."""
    study = new_study(url, n_trials=1, retries=9)
    victim, undertaker = Hand(url, study), Hand(url, study)
    victim.one()
    undertaker.worklist.bury([seen(victim, 0, final=True)])
    assert rows(url, "SELECT state, error FROM trials") == [("failed", "its worker exited with code 3")]


@pytest.mark.parametrize("how", ["it is told", "its lease runs out"])
def test_a_worker_that_vanishes_again_and_again(how, url):
    """A death that nobody saw proves little: the trial is granted three attempts more, then fails with the host named."""
    study = new_study(url, n_trials=1, retries=1)
    for attempt in range(1, 1 + 1 + UNSEEN + 1):
        victim, other = Hand(url, study), Hand(url, study)
        victim.one()
        name = f"elsewhere/boot/1/2:{attempt}:1.00:0"
        change(url, "UPDATE workers SET id = ? WHERE id = ?", name, victim.id)
        change(url, "UPDATE jobs SET worker = ? WHERE state = 'running'", name)
        if how == "it is told":
            other.exchange(jobs=0, dead=[name])
        else:
            change(url, "UPDATE jobs SET lease_until = 0")
            other.exchange(jobs=0)
        expected = ("paused", attempt) if attempt < 2 + UNSEEN else ("failed", 0)
        assert rows(url, "SELECT state, attempts FROM trials") == [expected]
    assert rows(url, "SELECT error FROM trials") == [("its worker vanished from elsewhere, in the last of 5 attempts",)]


def test_suspects_may_be_given_back(url):
    """A worker that cannot train some jobs together gives them back to be trained alone."""
    study = new_study(url, n_trials=3)
    worker = Hand(url, study)
    claims = worker.exchange(jobs=3)
    worker.worklist.release([train(claims[job], 0) for job in (0, 1)], suspect=True)
    assert rows(url, "SELECT state, attempts FROM trials ORDER BY number") == [
        ("paused", 1),
        ("paused", 1),
        ("running", 0),
    ]
    assert [set(worker.exchange(jobs=3)) for _ in range(2)] == [{0}, {1}]


def test_give_back_is_not_death(url):
    """Workers that leave, or that live while their leases run out, cast no suspicion on their trials."""
    study = new_study(url, n_trials=1)
    for _ in range(9):
        worker = Hand(url, study, LAPSED)
        worker.one()
    worker.worklist.release([train(claim, 0) for claim in worker.claims.values()])
    assert rows(url, "SELECT state, attempts FROM trials") == [("paused", 0)]


def test_only_the_dead_are_suspected(url):
    """A burial gives back what run-out leases held as well, but counts against the trials of the dead alone."""
    study = new_study(url, n_trials=2)
    victim, sleeper, undertaker = Hand(url, study), Hand(url, study, LAPSED), Hand(url, study)
    victim.one()
    sleeper.one()
    undertaker.worklist.bury([seen(victim, 0)])
    assert rows(url, "SELECT number, state, attempts FROM trials ORDER BY number") == [
        (0, "paused", 1),
        (1, "paused", 0),
    ]
