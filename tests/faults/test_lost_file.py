"""The database file goes away under a running search, another takes its place, or it cannot be written any more."""

import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from command_line import Said
from trouble import Command, Search, found, rows

MOVED = "it was moved or deleted while it was worked on. Put it back, beside hpo.db-wal"


def running(search: Search) -> Command:
    """A search that has measured something."""
    url = f"sqlite:///{search.folder / 'hpo.db'}"
    command = Command(*search.run(url), cwd=search.folder, TRAINER_PAUSE="0.05")

    def measured() -> bool:
        with suppress(sqlite3.OperationalError):
            return rows(url, "SELECT count(*) FROM measurements")[0][0] > 5
        return False

    assert command.wait_for(measured)
    return command


def test_a_database_that_is_moved_away(search: Search, expected: dict, here: Callable[..., Said]) -> None:
    """The search ends at once, with code 1, and says so; with the file in its place again `hpo resume` loses nothing."""
    path, away = search.folder / "hpo.db", search.folder / "away.db"
    with running(search) as command:
        path.rename(away)
        said = command.end()
        assert (said.code, "Traceback" in said.err) == (1, False), said.err
        assert "the database file hpo.db is no longer there" in said.err
        assert MOVED in said.err
    assert not path.exists()
    away.rename(path)
    assert here(*search.resume(f"sqlite:///{path}"), "--backend", "threading").code == 0
    assert found(f"sqlite:///{path}") == expected


def test_a_database_that_is_deleted(search: Search) -> None:
    """What is written to a deleted file is lost: the search ends at once, with code 1, and says so."""
    with running(search) as command:
        (search.folder / "hpo.db").unlink()
        said = command.end()
    assert (said.code, "Traceback" in said.err) == (1, False), said.err
    assert "the database file hpo.db is no longer there" in said.err


def test_a_database_that_is_replaced(search: Search, here: Callable[..., Said]) -> None:
    """Into another file in its place not a byte is written, though it holds a study of the same name."""
    other = Search(search.folder, trials=2, jobs=1, confirm=False)
    rival = search.folder / "rival.db"
    assert here(*other.run(f"sqlite:///{rival}"), "--backend", "threading").code == 0
    with running(search) as command:
        content = rival.read_bytes()
        rival.rename(search.folder / "hpo.db")
        said = command.end()
    assert (said.code, "Traceback" in said.err) == (1, False), said.err
    assert "another file is in its place, to which nothing was written" in said.err
    assert MOVED in said.err
    assert (search.folder / "hpo.db").read_bytes() == content


@pytest.fixture
def locking(tmp_path: Path) -> Iterator[tuple[Callable[[], None], Callable[[], None]]]:
    """Make the database's files such that even root cannot write them, and back; a visible skip where that cannot be."""
    changed: list[Path] = []

    def lock() -> None:
        for path in (tmp_path / "hpo.db", tmp_path / "hpo.db-wal"):
            done = subprocess.run(["chattr", "+i", str(path)], capture_output=True, text=True, check=False)
            if done.returncode:
                why = f"files cannot be made immutable here: {done.stderr.strip()}"
                pytest.fail(why) if os.environ.get("CI") else pytest.skip(why)
            changed.append(path)

    def unlock() -> None:
        while changed:
            subprocess.run(["chattr", "-i", str(changed.pop())], check=True)

    yield lock, unlock
    unlock()


def test_a_database_that_becomes_read_only(
    search: Search, expected: dict, locking: tuple[Callable[[], None], Callable[[], None]], here: Callable[..., Said]
) -> None:
    """The search ends with code 1 and says that it cannot write; writable again, the database loses nothing."""
    lock, unlock = locking
    path = search.folder / "hpo.db"
    url = f"sqlite:///{path}"
    with running(search) as command:
        lock()
        said = command.end()
        assert (said.code, "Traceback" in said.err) == (1, False), said.err
        assert "cannot be written" in said.err or "is read-only" in said.err
    refused = here(*search.resume(url), "--backend", "threading")
    assert (refused.code, "read-only" in refused.err) == (1, True), refused.err
    unlock()
    assert here(*search.resume(url), "--backend", "threading").code == 0
    assert found(url) == expected
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
