"""A database that is reached by a symbolic link is the database: SQLite's log lies beside the file, not the link."""

import sqlite3
from contextlib import closing

import pytest

from storage.database import Database
from storage.questions.readonly import read_only_query

MEGABYTE = 1 << 20


@pytest.fixture
def linked(tmp_path):
    """The path of a database, and of a link to it in another folder."""
    for folder in ("real", "links"):
        (tmp_path / folder).mkdir()
    path, link = tmp_path / "real" / "true.db", tmp_path / "links" / "hpo.db"
    Database(f"sqlite:///{path}", create=True).close()
    link.symlink_to(path)
    return path, link


def test_its_log_stays_short(linked):
    """Megabyte after megabyte is written through the link: the log is emptied as it would be without."""
    path, link = linked
    database = Database(f"sqlite:///{link}")
    lengths = []
    for _ in range(12):
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS pad(a)")
            connection.exec_driver_sql("DELETE FROM pad")
            connection.exec_driver_sql("INSERT INTO pad VALUES (zeroblob(?))", (2 * MEGABYTE,))
        lengths.append(path.with_name("true.db-wal").stat().st_size)
    database.close()
    assert max(lengths) < 8 * MEGABYTE


def test_a_reader_without_rights_sees_the_newest(linked, monkeypatch):
    """Where the link's folder cannot be written nobody is at work; but somebody is where the file lies."""
    path, link = linked
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE news(a)")
    monkeypatch.setattr("os.access", lambda place, mode: "links" not in str(place))
    with read_only_query(f"sqlite:///{link}", "SELECT count(*) FROM news", timeout=10) as answer:
        assert list(answer.rows) == [(0,)]
    database.close()


def test_what_a_killed_process_left_is_sound(linked):
    """A file shorter than its beginning says, with a log beside it, is mended by SQLite: by the link, too."""
    path, link = linked
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE pad(a)")
        connection.execute("INSERT INTO pad VALUES (zeroblob(?))", (MEGABYTE,))
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        left = {ending: path.with_name(f"true.db{ending}").read_bytes() for ending in ("", "-wal")}
    path.write_bytes(left[""][: -MEGABYTE // 2])
    path.with_name("true.db-wal").write_bytes(left["-wal"])
    database = Database(f"sqlite:///{link}")
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT length(a) FROM pad").scalar_one() == MEGABYTE
    database.close()
