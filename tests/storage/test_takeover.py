"""Workers that die or oversleep: their jobs pass on, and who has lost a job can write nothing about it."""

import pytest
from crew import Hand, content, new_study, train
from evidence import rows

from storage.work import Report
from storage.worklist import MAX_ATTEMPTS
from strategies import Grid, State, Strategy, SuccessiveHalving

LAPSED = -1.0
"""A lease that has run out as soon as it is given."""

HALVING = Strategy(Grid(), SuccessiveHalving(eta=2))


def holders(path):
    """Who holds which job."""
    return dict(rows(path, "SELECT number, worker FROM jobs WHERE state = 'running'"))


def test_a_lease_that_has_run_out_is_taken_over(tmp_path):
    """The next worker to come gets the job of one that gave no sign of life, and begins where its checkpoint is."""
    path = tmp_path / "hpo.db"
    study = new_study(path, n_trials=1)
    sleeper, other = Hand(path, study, LAPSED), Hand(path, study)
    claim = sleeper.one()
    sleeper.worklist.record([train(claim, 3, checkpointed=True)])
    taken = other.one()
    assert (taken.job, taken.epochs, taken.measured, taken.seconds) == (claim.job, 3, 3, 3.0)
    assert holders(path) == {0: other.id}


def test_a_lease_that_is_renewed_is_not_taken_over(tmp_path):
    """Every record renews the leases of all that its worker holds, and says that it is alive."""
    path = tmp_path / "hpo.db"
    study = new_study(path)
    worker, other = Hand(path, study), Hand(path, study)
    worker.exchange(jobs=2)
    with worker.database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET lease_until = 0")
        connection.exec_driver_sql("UPDATE workers SET seen_at = 0")
    assert worker.worklist.record([]) == {0, 1}
    other.exchange(jobs=3)
    assert [holders(path)[job] for job in (0, 1)] == [worker.id] * 2
    ((seen_at, lease_until),) = rows(
        path,
        "SELECT DISTINCT seen_at, lease_until FROM workers w JOIN jobs j ON j.worker = w.id WHERE w.id = ?",
        worker.id,
    )
    assert lease_until == seen_at + 30 > 30


def test_who_oversleeps_alone_loses_nothing(tmp_path):
    """A worker whose leases ran out, but whose jobs nobody has taken, still holds them and may report."""
    path = tmp_path / "hpo.db"
    sleeper = Hand(path, new_study(path, n_trials=2), LAPSED)
    claims = sleeper.exchange(jobs=2)
    assert sleeper.exchange(jobs=2) == {}
    assert sleeper.worklist.record([]) == {0, 1}
    sleeper.exchange([sleeper.report(claims[0])], jobs=0)
    assert rows(path, "SELECT number, state FROM jobs") == [(0, "done"), (1, "running")]


@pytest.mark.parametrize("outcome", [State.COMPLETE, State.FAILED, State.STOPPED, State.PAUSED])
def test_who_has_lost_a_job_writes_nothing_about_it(outcome, tmp_path):
    """After a take-over the old holder's measurements, checkpoints, releases and reports are refused, at any point."""
    path = tmp_path / "hpo.db"
    study = new_study(path, n_trials=1)
    sleeper, other = Hand(path, study, LAPSED), Hand(path, study)
    claim = sleeper.one()

    def wake():
        assert sleeper.worklist.record([train(claim, 3, checkpointed=True)]) == set()
        sleeper.worklist.release([train(claim, 2, checkpointed=True)])
        sleeper.exchange([Report(train(claim, checkpointed=True), outcome, error="late")], jobs=0)

    def unchanged(step):
        before = content(path, without=["seen_at"])
        step()
        assert content(path, without=["seen_at"]) == before

    taken = other.one()
    unchanged(wake)
    other.worklist.record([train(taken, 1)])
    unchanged(wake)
    other.exchange([other.report(taken)])
    unchanged(wake)
    assert other.result.complete


def test_a_second_run_writes_the_same(tmp_path):
    """What a worker measured after its last checkpoint is measured again, and equal; meanwhile no row falls behind."""
    path = tmp_path / "hpo.db"
    study = new_study(path, n_trials=1)
    first, second = Hand(path, study), Hand(path, study)
    claim = first.one()
    first.worklist.record([train(claim, 1, checkpointed=True)])
    first.worklist.record([train(claim, 3)])
    before = content(path)
    claim = second.exchange(dead=[first.id])[0]
    assert (claim.epochs, claim.measured) == (1, 3)
    second.worklist.record([train(claim, 2)])
    after = content(path)
    assert after["measurements"] == before["measurements"]
    assert rows(path, "SELECT epochs, state FROM trials") == [(3, "running")]
    second.exchange([second.report(claim)])
    assert after["measurements"] == content(path)["measurements"][:3]


def test_the_dead_are_taken_off_the_list(tmp_path):
    """An exchange that is told of dead workers passes all their jobs on, and no others', whatever their leases say."""
    path = tmp_path / "hpo.db"
    study = new_study(path, HALVING)
    first, second, third = (Hand(path, study) for _ in range(3))
    first.exchange(jobs=2)
    second.exchange(jobs=2)
    third.exchange(dead=[first.id], jobs=0)
    assert holders(path) == {2: second.id, 3: second.id}
    assert {row[0] for row in rows(path, "SELECT id FROM workers")} == {second.id, third.id}
    assert third.result.workers == 2
    assert set(third.exchange(jobs=3)) == {0, 1, 4}


@pytest.mark.parametrize("strategy", [Strategy(), HALVING])
def test_a_trial_that_kills_one_worker_after_another_fails(strategy, tmp_path):
    """Those who bury count; at MAX_ATTEMPTS the trial fails with the reason and what was measured; the others go on."""
    path = tmp_path / "hpo.db"
    study = new_study(path, strategy, n_trials=2)
    undertaker = Hand(path, study)
    for attempt in range(1, MAX_ATTEMPTS + 1):
        victim = Hand(path, study)
        (claim,) = victim.exchange(jobs=1).values()
        assert claim.job.trial == 0
        victim.worklist.record([train(claim, 1)])
        undertaker.worklist.bury([victim.id])
        expected = ("paused", attempt) if attempt < MAX_ATTEMPTS else ("failed", 0)
        assert rows(path, "SELECT state, attempts FROM trials WHERE number = 0") == [expected]
    assert rows(path, "SELECT error, epochs FROM trials WHERE number = 0") == [
        (f"{MAX_ATTEMPTS} workers died, one after another, while training it", 1)
    ]
    assert rows(path, "SELECT state, outcome, end_epoch FROM jobs WHERE number = 0") == [("done", "failed", 1)]
    assert undertaker.work().complete
    assert rows(path, "SELECT number, state FROM trials") == [(0, "failed"), (1, "complete")]


def test_attempts_are_counted_in_a_row(tmp_path):
    """A job that ends well clears its trial of suspicion."""
    path = tmp_path / "hpo.db"
    study = new_study(path, HALVING, n_trials=1)
    undertaker = Hand(path, study)
    for _ in range(3):
        for _ in range(MAX_ATTEMPTS - 1):
            victim = Hand(path, study)
            victim.one()
            undertaker.worklist.bury([victim.id])
        worker = Hand(path, study)
        worker.exchange([worker.report(worker.one())], jobs=0)
    assert rows(path, "SELECT state, attempts, epochs FROM trials") == [("complete", 0, 4)]


def test_give_back_is_not_death(tmp_path):
    """Workers that leave, or whose leases run out, cast no suspicion on their trials."""
    path = tmp_path / "hpo.db"
    study = new_study(path, n_trials=1)
    for _ in range(MAX_ATTEMPTS + 1):
        worker = Hand(path, study, LAPSED)
        worker.one()
    worker.worklist.release([train(claim, 0) for claim in worker.claims.values()])
    assert rows(path, "SELECT state, attempts FROM trials") == [("paused", 0)]


def test_only_the_dead_are_suspected(tmp_path):
    """A burial gives back what run-out leases held as well, but counts against the trials of the dead alone."""
    path = tmp_path / "hpo.db"
    study = new_study(path, n_trials=2)
    victim, sleeper, undertaker = Hand(path, study), Hand(path, study, LAPSED), Hand(path, study)
    victim.one()
    sleeper.one()
    undertaker.worklist.bury([victim.id])
    assert rows(path, "SELECT number, state, attempts FROM trials ORDER BY number") == [
        (0, "paused", 1),
        (1, "paused", 0),
    ]
