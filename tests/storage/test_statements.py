"""The cost of the hot path: what an exchange reads does not grow with the history."""

import re

import pytest
import sqlalchemy as sa
from crew import Hand, new_study, train

from storage.connection.prepared import from_json, to_json
from storage.exchange.deaths import Death
from storage.studies import load_study
from strategies import Float, Grid, Random, Space, Strategy, SuccessiveHalving

LARGE = Space(x=Float(0, 0.6, points=1000))
STRATEGIES = {
    "random+full": Strategy(),
    "grid+halving": Strategy(Grid(), SuccessiveHalving(eta=2)),
    "random+halving": Strategy(Random(), SuccessiveHalving(eta=4, trials=8)),
}
TABLES = ["studies", "trials", "jobs", "measurements", "checkpoints", "workers"]


def spied(hand):
    """Collect every statement that a worker's database runs, each with one set of values."""
    seen = {}

    def note(_connection, _cursor, statement, parameters, _context, many):
        seen[statement] = parameters[0] if many else parameters

    sa.event.listen(hand.database.engine, "before_cursor_execute", note)
    return seen


def scans_of_sqlite(connection, statement, values):
    """The scans of our tables that SQLite plans."""
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    return [row.detail for row in plan if re.match(rf"SCAN ({'|'.join(TABLES)})\b", row.detail)]


def scans_of_postgresql(connection, statement, values):
    """The scans of our tables that PostgreSQL plans where it cannot do without: small tables it would read whole.

    Freeing checkpoints is left out: as long as there are fewer than the rows that may come, it walks through them.
    """
    if statement.startswith("DELETE FROM checkpoints"):
        return []
    for way in ("seqscan", "mergejoin", "hashjoin"):
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    ((plan,),) = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).all()
    return [part for part in parts(plan[0]["Plan"]) if part.get("Relation Name") in TABLES and not is_search(part)]


def parts(plan):
    """A plan and all that it is made of."""
    return [plan, *(part for inner in plan.get("Plans", ()) for part in parts(inner))]


def is_search(part):
    """Whether a part of PostgreSQL's plan looks rows up instead of reading all; what writes reads nothing itself."""
    return "Index Cond" in part or part["Node Type"] in ("ModifyTable", "Bitmap Heap Scan")


SCANS = {"sqlite": scans_of_sqlite, "postgresql": scans_of_postgresql}


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_statement_scans_a_table(name, url):
    """Whatever workers do, each statement finds its rows by an index: no scan of any table of ours is planned."""
    study = new_study(url, STRATEGIES[name], space=LARGE, n_trials=200)
    hand, victim = Hand(url, study), Hand(url, study)
    seen = spied(hand)
    claims = list(hand.exchange(jobs=2).values())
    hand.worklist.record([train(claims[0], 1, checkpointed=True)])
    hand.worklist.release([train(claims[1], 0)])
    victim.exchange(jobs=2)
    hand.exchange(dead=[victim.id])
    victim.exchange(jobs=1)
    hand.worklist.bury([Death(victim.id, "its worker was killed")])
    hand.worklist.look()
    hand.exchange([hand.report(claim) for claim in list(hand.claims.values())], jobs=0)
    hand.work()
    statements = list(seen.items())
    assert len(statements) > 25
    with hand.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")  # plans by the rows there are, not by what was known of them by chance
    with hand.database.read() as connection:
        for statement, values in statements:
            assert not SCANS[connection.dialect.name](connection, statement, values), statement


def steps(hand, exchange):
    """Return how many steps SQLite's virtual machine takes over `exchange`."""
    count = 0

    def step():
        nonlocal count
        count += 1

    with hand.database.read() as connection:
        driver = connection.connection.dbapi_connection
    driver.set_progress_handler(step, 1)  # the only connection in the pool: the next one is the same
    exchange()
    driver.set_progress_handler(None, 1)
    return count


@pytest.mark.parametrize("name", ["random+full", "random+halving"])
def test_an_exchange_costs_the_same_after_many_trials(name, tmp_path):
    """SQLite takes no more steps to report a job and claim the next after 500 trials than after 50."""
    url = f"sqlite:///{tmp_path / 'hpo.db'}"
    hand = Hand(url, new_study(url, STRATEGIES[name], space=LARGE, n_trials=1000))
    costs = []
    for until in (50, 500):
        while (
            len(hand.exchange([hand.report(c) for c in list(hand.claims.values())], jobs=32)) < 32
            or max(claim.job.trial for claim in hand.claims.values()) < until
        ):
            pass
        hand.exchange([hand.report(claim) for claim in list(hand.claims.values())], jobs=8)
        singles = []
        for claim in list(hand.claims.values()):
            report = hand.report(claim)
            singles.append(steps(hand, lambda report=report: hand.exchange([report], jobs=1)))
        costs.append(sorted(singles)[len(singles) // 2])
    assert 0 < costs[1] <= 1.2 * costs[0]
    assert load_study(hand.database, "crew").state == "open"


def test_what_json_does_not_know_is_null():
    """NaN and infinity, as a plug-in's reason may hold them, are kept as null: SQLite's JSON functions refuse them."""
    reason = {"cut_off": float("inf"), "ranks": [1, float("nan")], "rung": 2}
    assert from_json(to_json(reason)) == {"cut_off": None, "ranks": [1, None], "rung": 2}
    assert to_json(None) is None
