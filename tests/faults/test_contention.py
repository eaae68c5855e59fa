"""Others on the same PostgreSQL server: locks in the opposite order, stricter isolation, no connection left, deletion."""

import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from command_line import Said
from evidence import change, wait_until
from postgres_server import Server, running
from sqlalchemy.engine import make_url
from trouble import Command, Search, found, rows

MEASURED = "SELECT count(*) FROM measurements"


def test_deadlocks(postgres: Server, search: Search, expected: dict) -> None:
    """Another session locks jobs first and the study then: workers that lose a deadlock try again, unnoticed."""
    url = postgres.new_database()
    name = str(make_url(url).database)
    with postgres.admin() as admin:
        admin.execute(f"ALTER DATABASE {name} SET deadlock_timeout = '200ms'")
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.05") as command:
        wait_until(url, MEASURED, 1)
        with postgres.admin(name) as rival:
            rival.execute("SET deadlock_timeout = '10s'")  # the worker looks first, and so it is the worker that loses
            seen = lost = 0
            while command.wait_for(lambda: rows(url, MEASURED)[0][0] > seen):  # noqa: B023 - called at once
                seen = rows(url, MEASURED)[0][0]
                try:
                    with rival.transaction():
                        rival.execute("SELECT number FROM jobs ORDER BY number DESC FOR UPDATE")
                        rival.execute("SELECT pg_sleep(0.05)")  # a worker comes, locks the study, and waits for a job
                        rival.execute("UPDATE studies SET revision = revision")
                except psycopg.errors.DeadlockDetected:
                    lost += 1
        said = command.end()
    assert said.code == 0, said.err
    assert "error" not in said.err
    count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    wait_until(url, count, lost + 1)  # a worker's as well; the statistics come a little later
    assert found(url) == expected


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_serialization_failures(isolation: str, postgres: Server, search: Search, expected: dict) -> None:
    """Where the administrator's default isolation is stricter than ours the search is the same."""
    url = postgres.new_database()
    with postgres.admin() as admin:
        admin.execute(f"ALTER DATABASE {make_url(url).database} SET default_transaction_isolation = '{isolation}'")
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.01") as command:
        said = command.end()
    assert said.code == 0, said.err
    assert "error" not in said.err
    assert found(url) == expected


def test_more_workers_than_connections(tmp_path: Path, expected: dict, here: Callable[..., Said]) -> None:
    """Who finds no connection waits; in vain, the error says what to do, and with fewer workers the search ends."""
    with running(max_connections=10) as server:
        url = server.new_database()
        crowd = Search(tmp_path, trials=27, jobs=12, confirm=False)
        with Command(
            *crowd.run(url), "--backend", "threading", cwd=tmp_path, TRAINER_PAUSE="0.1", HPO_PATIENCE="1"
        ) as command:
            said = command.end()
        assert (said.code, "Traceback" in said.err) == (1, False), said.err
        assert "the server has too many connections: use fewer workers, or raise its max_connections" in said.err
        few = Search(tmp_path, jobs=2, confirm=False)
        assert here(*few.resume(url), "--backend", "threading").code == 0
        assert found(url) == expected


def test_a_study_that_is_deleted_under_its_workers(any_url: str, search: Search) -> None:
    """They leave, with exit code 1 and the reason."""
    with Command(*search.run(any_url), cwd=search.folder, TRAINER_PAUSE="0.05") as command:
        wait_until(any_url, MEASURED, 5)
        change(any_url, "DELETE FROM studies")
        said = command.end()
        assert (said.code, "Traceback" in said.err) == (1, False), said.err
        assert re.search("the study( 'troubled')? has been deleted from", said.err), said.err
        assert not command.workers()


def test_a_lock_that_somebody_keeps(postgres: Server, search: Search, expected: dict) -> None:
    """Workers wait for a row that another session holds, and go on when it lets go: nothing is lost meanwhile."""
    url = postgres.new_database()
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.02") as command:
        wait_until(url, MEASURED, 5)
        with psycopg.connect(url.replace("+psycopg", "")) as rival:
            rival.execute("SELECT id FROM studies FOR UPDATE")
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'hpo' AND wait_event_type = 'Lock'"
            )
            wait_until(url, waiting, 2)
        assert command.end().code == 0
    assert found(url) == expected
