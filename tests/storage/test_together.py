"""Many workers at the same moment, each with a connection of its own: exchanges of a study are one after another."""

import threading
import time

import pytest
from crew import Hand, new_study, train
from evidence import change, evidence, rows

from storage.database import Database
from strategies import Grid, Strategy, SuccessiveHalving

SEARCHES = {"random+full": Strategy(), "grid+halving": Strategy(Grid(), SuccessiveHalving(eta=2))}
LIMIT = 60.0
"""Seconds after which a test gives up on somebody."""


def work(hand, others, start, faults):
    """Claim, measure, keep alive and report, and now and then take what the others hold, until the study is complete."""
    start.wait()
    try:
        reports, rounds = [], 0
        while True:
            rounds += 1
            dead = [other.id for other in others] if rounds % 7 == 0 else []
            hand.exchange(reports, jobs=2, ahead=4, dead=dead)
            held = hand.worklist.record([train(claim, claim.epochs) for claim in hand.claims.values()])
            hand.claims = {number: claim for number, claim in hand.claims.items() if number in held}
            reports = [hand.report(claim) for claim in list(hand.claims.values())]
            if hand.result.complete:
                return
    except Exception as error:  # noqa: BLE001 - whatever it is
        faults.append(error)


def deadlocks(url):
    """How many deadlocks PostgreSQL has had to solve in a database; SQLite knows none."""
    if url.startswith("sqlite"):
        return 0
    return rows(url, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0]


@pytest.mark.parametrize("name", SEARCHES)
def test_exchanges_of_a_study_are_one_after_another(name, new_url):
    """Whatever threads do at the same moment, each job is decided once, in one order, and the search is that of one.

    Also while each takes the others for dead: no transaction is lost, and no two wait for each other.
    """
    alone, url = new_url(), new_url()
    Hand(alone, new_study(alone, SEARCHES[name], n_trials=40)).work()
    before = deadlocks(url)
    study = new_study(url, SEARCHES[name], n_trials=40, retries=10**6)
    hands = [Hand(url, study) for _ in range(6)]
    start, faults = threading.Barrier(len(hands)), []
    threads = [
        threading.Thread(target=work, args=(hand, [each for each in hands if each is not hand], start, faults))
        for hand in hands
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert faults == []
    assert evidence(url) == evidence(alone)
    jobs = rows(url, "SELECT number, decided_revision, state FROM jobs ORDER BY number")
    assert [number for number, *_ in jobs] == list(range(len(jobs)))
    revisions = [revision for _, revision, _ in jobs]
    assert revisions == sorted(revisions)
    assert {state for *_, state in jobs} == {"done"}
    assert deadlocks(url) == before


def test_a_study_waits_for_nobody_but_its_own_workers(postgres):
    """PostgreSQL: while one study's row is held in a transaction, another study's exchanges go on; its own wait."""
    url = postgres.lend()
    held, free = (Hand(url, new_study(url, name=name)) for name in ("held", "free"))
    threads = []
    with Database(url).write() as connection:
        connection.exec_driver_sql("UPDATE studies SET revision = revision + 1 WHERE name = 'held'")
        threads = [threading.Thread(target=hand.exchange, daemon=True) for hand in (held, free)]
        for thread in threads:
            thread.start()
        threads[1].join(LIMIT)
        assert free.claims
        wait_for_lock(url)
        assert not held.claims
    threads[0].join(LIMIT)
    assert held.claims
    assert rows(url, "SELECT revision FROM studies ORDER BY name") == [(1,), (2,)]
    postgres.take_back(url)


def wait_for_lock(url):
    """Wait until somebody waits for a lock of somebody else's."""
    deadline = time.monotonic() + LIMIT
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while rows(url, query) == [(0,)]:
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.002)


def test_who_keeps_its_jobs_alive_is_not_robbed(postgres):
    """PostgreSQL: a lease that is renewed while somebody is about to take the job over as lapsed stays its holder's."""
    url = postgres.lend()
    study = new_study(url, n_trials=1)
    holder, other = Hand(url, study), Hand(url, study)
    holder.one()
    change(url, "UPDATE jobs SET lease_until = 0")
    database = Database(url)
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE jobs SET lease_until = 1e12")  # as its holder's heartbeat does
        thread = threading.Thread(target=other.exchange, daemon=True)
        thread.start()
        wait_for_lock(url)
    thread.join(LIMIT)
    assert other.claims == {}
    assert rows(url, "SELECT worker FROM jobs") == [(holder.id,)]
    postgres.take_back(url)
