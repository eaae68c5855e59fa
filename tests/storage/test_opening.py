"""What cannot be opened is named, with what to do; and it is left as it was."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

import storage.connection.turns
from hpo.errors import SettingError
from hpo.places import open_database
from storage.database import Database
from storage.errors import StorageError
from storage.passwords import masked
from storage.schema.tables import VERSION_TABLE

ROOT = Path(__file__).parents[2]

FOREIGN = {
    "another tuner's": "CREATE TABLE studies(study_id, study_name); CREATE TABLE trials(trial_id); CREATE TABLE alembic_version(v)",
    "one with jobs": "CREATE TABLE jobs(id)",
    "one with capitals": "CREATE TABLE Workers(id)",
    "one with a view": "CREATE VIEW leaderboard AS SELECT 1 AS winner",
}


def contents(folder):
    """Every file of a folder, byte by byte."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(url, message, folder, *, create):
    """Assert that a URL is refused with a message, and that the folder is as it was."""
    before = contents(folder)
    with pytest.raises(StorageError, match=message) as caught:
        Database(url, create=create)
    assert contents(folder) == before
    return str(caught.value)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize("name", FOREIGN)
def test_another_programs_database_is_left_alone(name, create, tmp_path):
    """A file that holds tables of our names, but not our version table, is somebody else's: not a byte of it changes."""
    path = tmp_path / "foreign.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FOREIGN[name])
    message = r"foreign\.db holds the tables of another program \(\w+.*\); give this one a database of its own"
    refused(f"sqlite:///{path}", message, tmp_path, create=create)


@pytest.mark.parametrize(
    ("version", "message"), [("9999", "newer than .* upgrade the program"), ("0000", "older than")]
)
@pytest.mark.parametrize("create", [False, True])
def test_another_schema_is_refused(version, message, create, tmp_path):
    """A database of another version of the program is told apart, newer from older, and left alone."""
    path = tmp_path / "hpo.db"
    Database(f"sqlite:///{path}", create=True).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = ?", (version,))
        connection.commit()
        connection.execute("PRAGMA journal_mode=DELETE")
    refused(f"sqlite:///{path}", message, tmp_path, create=create)


@pytest.mark.parametrize("create", [False, True])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,2\n" * 100, "is not an SQLite database; name another file"),
        (b"\x00", "is not an SQLite database"),
        (b"SQLite format 3\x00" + b"\xff" * 4000, "is not an SQLite database"),
    ],
    ids=["text", "one byte", "only a header"],
)
def test_what_is_no_database_is_left_alone(content, message, create, tmp_path):
    """A file of another kind is named and keeps its bytes."""
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    refused(f"sqlite:///{path}", message, tmp_path, create=create)


def test_a_missing_database_is_not_made_by_reading(tmp_path):
    """Without `create` a file that is not there stays away; with it, it is not made in a folder that is not there."""
    refused(f"sqlite:///{tmp_path}/hpo.db", r"there is no database at .*hpo\.db; start a study", tmp_path, create=False)
    refused(f"sqlite:///{tmp_path}/no/hpo.db", r"the folder .*/no of the database hpo\.db", tmp_path, create=True)
    refused(f"sqlite:///{tmp_path}", "is not a file", tmp_path, create=True)
    (tmp_path / "empty.db").touch()
    refused(f"sqlite:///{tmp_path}/empty.db", "holds no studies yet", tmp_path, create=False)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("hpo.db", "'hpo.db' is not a database URL that can be used here .*write sqlite:///"),
        ("", "'' is not a database URL"),
        ("nosuch://host/base", "is not a database URL that can be used here"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:///file:x?mode=memory&uri=true", "names no file"),
        (f"sqlite:///{'x' * 300}.db", "cannot be opened .*too long"),
        ("sqlite:///a\0b.db", "cannot be opened"),
    ],
)
def test_what_is_no_place_for_a_database_is_named(url, message, tmp_path, monkeypatch):
    """A URL that names no file, or none that can be, is refused with what to write instead."""
    monkeypatch.chdir(tmp_path)
    refused(url, message, tmp_path, create=True)


def test_a_missing_driver_is_named(monkeypatch):
    """A database whose driver is not installed says which package it is, and how to get it."""
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    with pytest.raises(StorageError, match=r"needs the Python package psycopg, which is not .*: pip install psycopg"):
        Database("postgresql+psycopg://somebody@localhost/hpo")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://me:secret@host/base",
        "foo://host/base?user=me&password=secret",
        "postgresql://host:notaport/base?user=me&password=secret",
        "postgresql://me:secret@more@host:1/base?connect_timeout=1",
        "postgresql://127.0.0.1:1/base?connect_timeout=1&sslpassword=secret",
        "postgresql:/me:secret@host/base",
        "sqlite:////nowhere/hpo.db?password=secret",
    ],
)
def test_a_password_is_not_shown(url, monkeypatch):
    """Messages show a URL without its passwords, also one that is wrong."""
    monkeypatch.setenv("HPO_PATIENCE", "0")
    with pytest.raises((StorageError, SettingError)) as caught:
        open_database(url, create=False)
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(caught.value)


def test_a_path_is_shown_as_it_is():
    """A file's name may look like a user, a password and a host."""
    with pytest.raises(StorageError, match=r"there is no database at one:two@three\.db"):
        open_database("one:two@three.db", create=False)
    assert masked("sqlite:///one:two@three.db") == "sqlite:///one:two@three.db"


def test_who_waits_in_vain_is_told_why(tmp_path, monkeypatch):
    """When another program sits on the database for too long, the error says so; nothing has been written."""
    monkeypatch.setattr(storage.connection.turns, "PATIENCE", 0.05)
    database = Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True)
    with closing(sqlite3.connect(tmp_path / "hpo.db", isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StorageError, match="another program has kept it locked"), database.write():
            pytest.fail("it was let in")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET revision = 0")


def test_a_failed_write_leaves_nothing(tmp_path):
    """An exception within a transaction rolls it back, and the next one starts afresh."""
    database = Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True)
    add = "INSERT INTO workers(id, study_id, launcher, node, pid, process_started, started_at, seen_at) VALUES ('w', 1, '', '', 1, 1, 1, 1)"
    with pytest.raises(StorageError, match="FOREIGN KEY"), database.write() as connection:
        connection.exec_driver_sql(add)

    def interrupted():
        with database.write() as connection:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            connection.exec_driver_sql(add)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM workers").scalar_one() == 0


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize(
    ("file_mode", "folder_mode", "create", "message"),
    [
        (0o000, 0o777, False, "cannot be opened .*Permission denied"),
        (0o444, 0o777, True, "is read-only; make it writable"),
        (None, 0o555, True, "the folder .* is read-only"),
        (0o666, 0o000, False, "cannot be opened .*Permission denied"),
    ],
)
def test_permissions_that_are_missing_are_named(file_mode, folder_mode, create, message, tmp_path):
    """A file or folder that may not be read, written or entered gives StorageError that says which."""
    program = (
        "import os, sys\nfrom storage.database import Database\nfrom storage.errors import StorageError\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "try: Database(sys.argv[1], create=sys.argv[2] == 'True')\n"
        "except StorageError as error: print(error)"
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hpo.db")
        if file_mode is not None:
            Database(f"sqlite:///{tmp_path / 'hpo.db'}", create=True).close()
            shutil.copy(tmp_path / "hpo.db", path)
            path.chmod(file_mode)
        Path(folder).chmod(folder_mode)
        line = [sys.executable, "-c", program, f"sqlite:///{path}", str(create)]
        done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
        Path(folder).chmod(0o777)
    assert done.stderr == ""
    assert re.search(message, done.stdout), done.stdout


def test_opening_it_again_drops_no_lock(tmp_path):
    """While a process has a database open, opening and closing it once more leaves SQLite's lock on the file in place.

    POSIX drops all locks of a process on a file when any of its descriptors is closed: another process that then takes
    itself for the last user would delete the log that this one still writes to.
    """
    path = tmp_path / "hpo.db"
    program = (
        "import fcntl, sys\n"
        "with open(sys.argv[1], 'r+b') as file:\n"
        "    fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 510, 0x40000002)\n"  # SQLite's range of shared locks
    )
    first = Database(f"sqlite:///{path}", create=True)
    with first.read() as connection:
        connection.exec_driver_sql("SELECT count(*) FROM studies").scalar_one()
        Database(f"sqlite:///{path}").close()
        held = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False)
    first.close()
    assert "BlockingIOError" in held.stderr
