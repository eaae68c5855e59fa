"""The schema: the migrations make exactly what `tables` says, beside whatever else lives in the file."""

import re
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from evidence import PATIENCE, rows

import storage.schema.migrations
from storage.database import Database
from storage.schema.tables import SCHEMA, VERSION_TABLE, metadata
from storage.schema.views import STABLE_VIEWS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    """A new database."""
    path = tmp_path / "hpo.db"
    Database(f"sqlite:///{path}", create=True).close()
    return path


def shape(path):
    """What a file's tables are, as SQLite itself describes them: columns, keys, indexes, references, storage."""
    with closing(sqlite3.connect(path)) as connection:
        ask = lambda query: connection.execute(query).fetchall()  # noqa: E731 - a name for a method call
        names = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'table'")}
        indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL"
        return {
            "columns": {name: ask(f"PRAGMA table_xinfo({name})") for name in names},
            "references": {name: {row[2:] for row in ask(f"PRAGMA foreign_key_list({name})")} for name in names},
            "unique": {name: sorted(row[2:] for row in ask(f"PRAGMA index_list({name})")) for name in names},
            "indexes": {name: re.sub(r"\s+", " ", sql) for name, sql in ask(indexes)},
            "kinds": {row[1]: row[2:] for row in ask("PRAGMA table_list") if row[1] in names},
        }


def test_migrations_make_the_tables(url):
    """Alembic finds no difference between the migrated schema and the tables."""
    database = Database(url)
    options = {"version_table": VERSION_TABLE, "compare_type": True, "compare_server_default": True}
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    database.close()


def test_migrations_make_what_sqlite_calls_equal(path, tmp_path):
    """Nor does SQLite's own description of either, which knows more: keys, indexes, references, storage."""
    direct = tmp_path / "direct.db"
    engine = sa.create_engine(f"sqlite:///{direct}")
    metadata.create_all(engine)
    engine.dispose()
    made, said = shape(path), shape(direct)
    for part in made.values():
        part.pop(VERSION_TABLE, None)
    assert made == said


def test_the_newest_migration_is_the_schema_of_the_program():
    """There is one newest migration, and it is the version that the program writes and expects."""
    folder = Path(storage.schema.migrations.__file__).parent
    assert ScriptDirectory(str(folder), version_locations=[str(folder / "versions")]).get_heads() == [SCHEMA]


def test_a_new_file_is_its_owners_alone(path):
    """A database made by the program may be read and written by its owner only, and so may its log."""
    database = Database(f"sqlite:///{path}")
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE studies SET revision = 0")
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    database.close()
    assert set(modes.values()) == {0o600}
    assert {"hpo.db", "hpo.db-wal"} <= set(modes)


def test_every_connection_is_safe(path):
    """Write-ahead log, full synchronization and foreign keys, on every connection of the pool, also of a copied file."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=DELETE")
    database = Database(f"sqlite:///{path}")
    with database.read() as first, database.read() as second:
        for connection in (first, second):
            ask = lambda name, on=connection: on.exec_driver_sql(f"PRAGMA {name}").scalar_one()  # noqa: E731 - likewise
            found = {name: ask(name) for name in ("journal_mode", "synchronous", "foreign_keys")}
            assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    database.close()


def test_another_tools_tables_are_left_alone(tmp_path):
    """In a file with another tool's tables and migrations ours come beside them, with a version table of our own."""
    path = tmp_path / "shared.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE alembic_version(version_num); INSERT INTO alembic_version VALUES ('abc');"
        )
        connection.executescript("CREATE TABLE customers(name); INSERT INTO customers VALUES ('Ada')")
    Database(f"sqlite:///{path}", create=True).close()
    Database(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as connection:
        ask = lambda query: connection.execute(query).fetchall()  # noqa: E731 - likewise
        assert ask("SELECT * FROM alembic_version") == [("abc",)]
        assert ask("SELECT * FROM customers") == [("Ada",)]
        assert ask(f"SELECT * FROM {VERSION_TABLE}") == [(SCHEMA,)]
        views = {name for (name,) in ask("SELECT name FROM sqlite_master WHERE type = 'view'")}
    assert views == set(STABLE_VIEWS["sqlite"])


def test_threads_make_databases_side_by_side(new_url):
    """Many threads that each make a database, or all the same one, get what they asked for."""
    faults = []
    places = [new_url(empty=True) for _ in range(4)]

    def make(place):
        try:
            Database(place, create=True).close()
        except Exception as error:  # noqa: BLE001 - whatever it is
            faults.append(error)

    threads = [threading.Thread(target=make, args=(place,)) for place in places + places[:1] * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    for place in places:
        assert rows(place, f"SELECT * FROM {VERSION_TABLE}") == [(SCHEMA,)]
        assert rows(place, "SELECT count(*) FROM leaderboard") == [(0,)]


def test_processes_make_the_same_database(any_url):
    """Several processes that come to a missing database at once share the one that is made."""
    program = "import sys; from storage.database import Database; Database(sys.argv[1], create=True)"
    line = [sys.executable, "-c", program, any_url]
    crew = [subprocess.Popen(line, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    assert [process.communicate(timeout=PATIENCE)[1] for process in crew] == [""] * 4
    assert [process.returncode for process in crew] == [0] * 4
