"""Turns at an SQLite file: every writer's write counts, everybody gets in, and nobody dead or asleep holds up the rest."""

import fcntl
import os
import signal
import sqlite3
import struct
import subprocess
import sys
import threading
import time
import warnings
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from storage.connection.turns import take_turn
from storage.connection.waiting import queue_of
from storage.database import Database

ROOT = Path(__file__).parents[2]
LIMIT = 30.0
"""Seconds after which a test gives up on somebody."""

ADD = "UPDATE counter SET n = n + 1"
COUNTING = """
import sys
from storage.database import Database
database = Database(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    with database.write() as connection:
        n = connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
        connection.exec_driver_sql("UPDATE counter SET n = ?", (n + 1,))
"""
HOLDING = f"""
import sys
from storage.database import Database
database = Database(sys.argv[1])
with database.write() as connection:
    connection.exec_driver_sql("{ADD}")
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path):
    """A database with a counter."""
    path = tmp_path / "hpo.db"
    database = Database(f"sqlite:///{path}", create=True)
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE counter(n)")
        connection.exec_driver_sql("INSERT INTO counter VALUES (0)")
    database.close()
    return path


def count(path):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT n FROM counter").fetchone()[0]


@contextmanager
def processes(number, program, *arguments):
    """Start that many processes and give them once all are ready; whoever is left is killed."""
    line = [sys.executable, "-c", program, *map(str, arguments)]
    crew = [
        subprocess.Popen(line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(number)
    ]
    try:
        yield crew
    finally:
        for process in crew:
            if process.poll() is None:
                process.kill()
            process.communicate()


def ready(process):
    assert process.stdout.readline() == "ready\n"


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


@contextmanager
def occupied(path):
    """Somebody else writes, for as long as the block."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def wait_for_queue(path, length):
    """Wait until so many wait for their turn, as one sees it who comes after them."""
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with queue_of(path) as queue:
            if queue.before() == length:
                return
        time.sleep(0.002)
    raise TimeoutError(f"no queue of {length}")


def start_writer(path):
    """Start a thread that wants to add one; return it when it has been turned away once."""
    turned_away = threading.Event()

    def add():
        with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:

            def begin():
                try:
                    connection.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError:
                    turned_away.set()
                    raise

            take_turn(path, begin)
            connection.execute(ADD)
            connection.execute("COMMIT")

    thread = threading.Thread(target=add, daemon=True)
    thread.start()
    assert turned_away.wait(LIMIT)
    return thread


def got_in(thread):
    """Tell whether a writer gets its turn soon."""
    thread.join(LIMIT / 3)
    return not thread.is_alive()


def test_no_write_is_lost(path):
    """Processes that read a number and write the next one, all at the same time, lose none; and all of them finish."""
    with processes(5, COUNTING, f"sqlite:///{path}", 60) as crew:
        for process in crew:
            ready(process)
        for process in crew:
            go(process)
        assert [process.wait(LIMIT) for process in crew] == [0] * 5
    assert count(path) == 5 * 60


def test_no_thread_is_starved(path):
    """The same among threads that share one open database."""
    database = Database(f"sqlite:///{path}")

    def add():
        for _ in range(40):
            with database.write() as connection:
                n = connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
                connection.exec_driver_sql("UPDATE counter SET n = ?", (n + 1,))

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    database.close()
    assert count(path) == 6 * 40


LOGGING = """
import sys
from storage.database import Database
database = Database(sys.argv[1])
print("ready", flush=True)
name = sys.stdin.readline()
with database.write() as connection:
    connection.exec_driver_sql("INSERT INTO counter VALUES (?)", (name.strip(),))
"""


def test_first_come_first_served(path):
    """Whatever the system does with processes that wait: they write in the order in which they came."""
    crowd = 12
    with processes(crowd, LOGGING, f"sqlite:///{path}") as crew:
        for process in crew:
            ready(process)
        with occupied(path):
            for length, process in enumerate(crew):
                process.stdin.write(f"{length}\n")
                process.stdin.flush()
                wait_for_queue(path, length + 1)
        assert [process.wait(LIMIT) for process in crew] == [0] * crowd
    with closing(sqlite3.connect(path)) as connection:
        written = [name for (name,) in connection.execute("SELECT n FROM counter ORDER BY rowid")]
    assert written == [0, *map(str, range(crowd))]


def test_queues_of_two_databases_are_apart(path, tmp_path):
    """Who waits for one database does not keep others from another one in the same folder."""
    with occupied(path):
        waiting = start_writer(path)
        wait_for_queue(path, 1)
        other = tmp_path / "other.db"
        with closing(sqlite3.connect(other, isolation_level=None, timeout=0)) as connection:
            began = []
            with queue_of(other) as queue:
                assert queue.before() == 0
            take_turn(other, lambda: began.append(connection.execute("BEGIN IMMEDIATE")))
        assert len(began) == 1
    assert got_in(waiting)


def test_who_is_killed_while_writing_leaves_nothing_behind(path):
    """SIGKILL in the middle of a transaction: it never was, and the next writer gets in at once."""
    with processes(1, HOLDING, f"sqlite:///{path}") as (holder,):
        ready(holder)
        writer = start_writer(path)
        holder.kill()
        assert got_in(writer)
    assert count(path) == 1


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "asleep"])
def test_who_is_next_and_gone_is_passed(sign, path):
    """Whoever is killed, or merely sleeps, while it is next does not hold up the others; a sleeper gets its turn later."""
    with processes(1, COUNTING, f"sqlite:///{path}", 1) as (first,):
        ready(first)
        with occupied(path):
            go(first)
            wait_for_queue(path, 1)
            first.send_signal(sign)
            writer = start_writer(path)
        assert got_in(writer)
        assert count(path) == 1
        if sign == signal.SIGSTOP:
            first.send_signal(signal.SIGCONT)
            assert first.wait(LIMIT) == 0
            assert count(path) == 2


def test_a_forked_process_keeps_no_place(path):
    """A process that is forked while one waits (a loader of data, say) and lives on does not stand in the queue."""
    with occupied(path):
        writer = start_writer(path)
        wait_for_queue(path, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of forks beside threads
            child = os.fork()
        if child == 0:
            signal.pause()
            os._exit(0)
    try:
        assert got_in(writer)
        wait_for_queue(path, 0)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def test_a_sleeper_is_waited_for_once(path):
    """Who has passed a sleeper in the queue passes it at once the next time."""
    with processes(1, COUNTING, f"sqlite:///{path}", 1) as (sleeper,):
        ready(sleeper)
        with occupied(path):
            go(sleeper)
            wait_for_queue(path, 1)
            sleeper.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        turns = []
        for _ in range(6):
            with closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as connection:
                take_turn(path, lambda: connection.execute("BEGIN IMMEDIATE"))
                connection.execute("COMMIT")
            turns.append(time.monotonic() - began)
        assert turns[-1] < 3 * turns[0]
        sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(LIMIT) == 0


@pytest.mark.parametrize("start", [0, 2**40], ids=["everything", "all but the beginning"])
def test_whoever_locks_the_folder_is_not_waited_for(start, path):
    """Anybody who may read the folder may lock all of it: that costs its writers their order, and nothing else."""
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.fcntl(handle, fcntl.F_OFD_SETLK, struct.pack("hhqqi", fcntl.F_RDLCK, os.SEEK_SET, start, 0, 0))
        with occupied(path):
            writer = start_writer(path)
        assert got_in(writer)
    finally:
        os.close(handle)


def test_a_very_long_queue(path):
    """As many as there ever are may wait."""
    with ExitStack() as waiting:
        for _ in range(800):
            waiting.enter_context(queue_of(path)).join()
            time.sleep(1e-5)  # one comes after the other
        with queue_of(path) as last:
            assert last.before() >= 500


def test_readers_do_not_wait(path):
    """While somebody writes, readers see what was there before, at once."""
    database = Database(f"sqlite:///{path}")
    with occupied(path), database.read() as connection:
        assert connection.exec_driver_sql("SELECT n FROM counter").scalar_one() == 0
    database.close()


def test_a_reader_sees_one_state(path):
    """Whatever is committed meanwhile, a reading transaction goes on seeing the state of its first look."""
    database = Database(f"sqlite:///{path}")
    with database.read() as reading:
        assert reading.exec_driver_sql("SELECT n FROM counter").scalar_one() == 0
        with database.write() as writing:
            writing.exec_driver_sql(ADD)
        assert reading.exec_driver_sql("SELECT n FROM counter").scalar_one() == 0
    assert count(path) == 1
    database.close()


OPENING = """
import sys, time
from storage.database import Database
over = time.monotonic() + 1.5
print("ready", flush=True)
while time.monotonic() < over:
    database = Database(sys.argv[1])
    with database.read() as connection:
        connection.exec_driver_sql("SELECT n FROM counter").scalar_one()
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE counter SET n = n + 1")
    database.close()
"""


def test_coming_and_going_meets_no_lock(path):
    """Processes that open, read, write and close all the time, so that the log is made and removed again and again."""
    with processes(4, OPENING, f"sqlite:///{path}") as crew:
        assert [process.wait(LIMIT) for process in crew] == [0] * 4
    assert count(path) > 8
