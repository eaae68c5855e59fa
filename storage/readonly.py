"""Reading a database with SQL of one's own, which cannot change it.

Three locks, one behind the other: the file is opened read-only, the connection is `query_only`, and an authorizer lets
nothing pass but reading (so neither ATTACH nor VACUUM INTO can make a file). Works while workers write: SQLite's
write-ahead log shows a query one consistent state.
"""

import os
import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from storage.errors import StorageError

_READING: Final = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE}
_DANGEROUS: Final = {"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"}
_DESCRIBING: Final = {
    "collation_list",
    "database_list",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "table_info",
    "table_list",
    "table_xinfo",
}
"""The pragmas that describe the schema: whatever argument they take is a name, never a setting."""

_STEPS: Final = 10_000  # of SQLite's virtual machine between two looks for a Ctrl-C: well under a millisecond
_PATIENCE: Final = 30.0  # seconds to wait for a recovery of the log, the one thing that can lock a reader out


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query answers: the columns' names, and the rows as they are read."""

    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def read_only_query(url: str, query: str) -> Iterator[Rows]:
    """Give the answer to one SQL statement on the SQLite database at `url`; its rows can be read within.

    Raises StorageError when there is no such database, when the statement is none or more than one, when it names what
    is not there, and when it would do anything but read. A Ctrl-C ends a running query with KeyboardInterrupt.
    """
    path = _path(url)
    with _connection(path) as connection, _clear_errors(connection, path):
        cursor = connection.execute(query)
        if cursor.description is None:
            raise StorageError('there is no statement to run: give one, such as "SELECT * FROM leaderboard"')
        yield Rows([column[0] for column in cursor.description], iter(cursor))


def _path(url: str) -> Path:
    try:
        parsed = sa.make_url(url)
    except ArgumentError as error:
        raise StorageError(f"{url!r} is not a database URL: write sqlite:///hpo.db") from error
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        shown = parsed.render_as_string(hide_password=True)
        raise StorageError(f"{shown} is no SQLite file: question it with its own client, such as psql")
    path = Path(parsed.database)
    if not path.is_file():
        raise StorageError(f"there is no database at {path}; start a study with `hpo run`, or name one with --storage")
    return path


@contextmanager
def _connection(path: Path) -> Iterator[sqlite3.Connection]:
    log = path.with_name(f"{path.name}-wal")
    in_use = log.exists()
    frozen = not in_use and not os.access(path.parent, os.W_OK)  # nobody can write here: no log will appear
    uri = f"file:{quote(str(path.resolve()))}?mode=ro{'&immutable=1' if frozen else ''}"
    try:
        with closing(_open(uri, path)) as connection:
            yield connection
    finally:
        if not in_use and log.exists():
            _tidy(path)


def _open(uri: str, path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)
    except sqlite3.OperationalError as error:
        raise StorageError(f"{path} cannot be opened ({error}): check that it may be read") from error
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.set_authorizer(_authorize)
    connection.set_progress_handler(lambda: 0, _STEPS)  # Python looks for signals whenever it is called
    return connection


def _tidy(path: Path) -> None:
    """Let SQLite take away the empty log that a read-only connection had to make and may not remove."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{quote(str(path.resolve()))}?mode=rw", uri=True)) as last,
    ):
        last.execute("PRAGMA schema_version")


def _authorize(action: int, first: str | None, second: str | None, _database: str | None, _source: str | None) -> int:
    allowed = (
        action in _READING
        or (action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in _DANGEROUS)
        or (action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in _DESCRIBING)
        # how SQLite declares json_each and its like; to write there in earnest takes PRAGMA writable_schema
        or (action == sqlite3.SQLITE_UPDATE and first == "sqlite_master")
    )
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


@contextmanager
def _clear_errors(connection: sqlite3.Connection, path: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise KeyboardInterrupt from error
        raise StorageError(_explain(str(error), code, connection, path)) from error


def _explain(message: str, code: int | None, connection: sqlite3.Connection, path: Path) -> str:
    if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY) or message.startswith("not authorized"):
        return f"hpo sql only reads ({message}): give one SELECT"
    if "one statement at a time" in message:
        return "hpo sql runs one statement at a time, and this is more than one: give one SELECT"
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not an SQLite database; name another file with --storage or HPO_STORAGE"
    if found := re.match(r"no such (table|column): (.+)", message):
        kind, name = found.groups()
        return f"{message}{_nearest(name, _names(connection, kind))}"
    return f"the query cannot be run: {message}"


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    """Return the names of all tables and views, or of all their columns."""
    tables = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    columns = f"SELECT DISTINCT c.name FROM ({tables}) AS t, pragma_table_info(t.name) AS c"
    return [row[0] for row in connection.execute(tables if kind == "table" else columns)]


def _nearest(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name.rpartition(".")[2], names, n=3)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are: {', '.join(names[:30])}"
