"""Workers that are stopped (a laptop that sleeps, a debugger, an overloaded host) and wake up when others went on."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import psycopg
from command_line import ROOT
from evidence import PATIENCE, wait_until
from postgres_server import Server
from trouble import Command, Search, eventually, found, rows

MEASURED = "SELECT count(*) FROM measurements"
WORKER = """
import sys
from contextlib import closing

from hpo.sources import load_objective
from hpo.worker import WorkerLoop
from storage.database import Database
from storage.studies import load_study

with closing(Database(sys.argv[1])) as database:
    WorkerLoop(database, load_study(database, "troubled"), load_objective("trainer.py:Objective"), lease=2.0).run()
"""
SLEEPING_WRITER = """
import os
import signal
import sys

from storage.database import Database

with Database(sys.argv[1]).write() as connection:
    connection.exec_driver_sql("UPDATE workers SET seen_at = seen_at")
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@contextmanager
def crew(search: Search, url: str, count: int) -> Iterator[list[subprocess.Popen]]:
    """Workers with leases of two seconds, each launched by itself."""
    line = [sys.executable, "-c", WORKER, url]
    places = {"env": {"PATH": "", "PYTHONPATH": str(ROOT), "TRAINER_PAUSE": "0.1"}, "cwd": search.folder}
    workers = [subprocess.Popen(line, stderr=subprocess.PIPE, text=True, **places) for _ in range(count)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def begin(search: Search, url: str) -> None:
    """Make the study, with its parallelism, and let nobody work on it."""
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.1") as command:
        wait_until(url, MEASURED, 1)
        command.process.send_signal(signal.SIGTERM)
        assert command.end().code == 130


def jobs_of(url: str, pid: int) -> list[int]:
    """The jobs that a process holds."""
    query = "SELECT j.number FROM jobs j JOIN workers w ON w.id = j.worker WHERE j.state = 'running' AND w.pid = ?"
    return [number for (number,) in rows(url, query, pid)]


def test_who_sleeps_longer_than_its_lease_is_refused(any_url: str, search: Search, expected: dict) -> None:
    """Its jobs are done by others meanwhile, and what it reports when it wakes changes nothing."""
    begin(search, any_url)
    with crew(search, any_url, 2) as workers:
        sleeper = workers[0]
        held: list[int] = []
        while not held:
            eventually(lambda: bool(jobs_of(any_url, sleeper.pid)))
            sleeper.send_signal(signal.SIGSTOP)
            held = jobs_of(any_url, sleeper.pid)
            if not held or is_locked(any_url):  # it sleeps with a lock in its hand, which is another test's matter
                held = []
                sleeper.send_signal(signal.SIGCONT)
        done = f"SELECT count(*) FROM jobs WHERE state = 'done' AND number IN ({', '.join(map(str, held))})"
        wait_until(any_url, done, len(held))
        sleeper.send_signal(signal.SIGCONT)
        assert [worker.wait(PATIENCE) for worker in workers] == [0, 0]
    assert found(any_url) == expected


def is_locked(url: str) -> bool:
    """Whether a transaction stays open, and with it a lock."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=0.5, isolation_level=None)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return True
        return False
    idle = (
        "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%' AND state_change < now() - interval '0.2 s'"
    )
    return bool(rows(url, idle)[0][0])


def test_who_sleeps_within_a_transaction_is_cut_off(postgres: Server, search: Search, expected: dict) -> None:
    """PostgreSQL ends it after a while: its colleagues go on without it, and awake it begins anew."""
    url = postgres.new_database()
    begin(search, url)
    with crew(search, url, 2) as workers:
        wait_until(url, MEASURED, rows(url, MEASURED)[0][0] + 2)
        with psycopg.connect(url.replace("+psycopg", "")) as rival:  # a lock to wait for, with the study's own in hand
            rival.execute("SELECT number FROM trials FOR NO KEY UPDATE")  # measurements may come, results not
            blocked = (
                "SELECT pid, client_port FROM pg_stat_activity WHERE application_name = 'hpo' AND state = 'active' "
                "AND wait_event_type = 'Lock' AND query LIKE '%trials%'"
            )
            eventually(lambda: bool(rows(url, blocked)))
            backend, port = rows(url, blocked)[0]
            sleeper = next(worker for worker in workers if port in ports_of(worker.pid))
            sleeper.send_signal(signal.SIGSTOP)
        idle = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {backend} AND state LIKE 'idle in%'"
        wait_until(url, idle, 1)
        gone = f"SELECT 1 - count(*) FROM pg_stat_activity WHERE pid = {backend}"
        wait_until(url, gone, 1)
        before = rows(url, MEASURED)[0][0]
        wait_until(url, MEASURED, before + 5)
        sleeper.send_signal(signal.SIGCONT)
        assert [worker.wait(PATIENCE) for worker in workers] == [0, 0]
    assert found(url) == expected


def ports_of(pid: int) -> set[int]:
    """The local ports that a process is connected from."""
    return {connection.laddr.port for connection in psutil.Process(pid).net_connections("tcp")}


def test_who_sleeps_while_it_writes_to_a_file_holds_the_others_up(search: Search, expected: dict) -> None:
    """SQLite's one writer is asleep: the others wait without an error, and go on when it wakes."""
    url = f"sqlite:///{search.folder / 'hpo.db'}"
    with Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.02") as command:
        wait_until(url, MEASURED, 5)
        line = [sys.executable, "-c", SLEEPING_WRITER, url]
        writer = subprocess.Popen(line, env={"PATH": "", "PYTHONPATH": str(ROOT)})
        try:
            eventually(lambda: Path(f"/proc/{writer.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T")
            before = rows(url, MEASURED)
            assert is_locked(url)
            assert rows(url, MEASURED) == before
        finally:
            writer.send_signal(signal.SIGCONT)
        assert writer.wait(PATIENCE) == 0
        said = command.end()
    assert (said.code, "error" in said.err) == (0, False), said.err
    assert found(url) == expected
