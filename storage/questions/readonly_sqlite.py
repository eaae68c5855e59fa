"""Questions to SQLite.

Three locks, one behind the other: the file is opened read-only, the connection is `query_only`, and an authorizer lets
nothing pass but reading (so neither ATTACH nor VACUUM INTO can make a file). SQLite's write-ahead log shows a query one
consistent state.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy.engine import URL

from storage.connection.sqlite_file import path_in
from storage.errors import StorageError
from storage.questions.readonly import (
    Allowance,
    Rows,
    check_version,
    more_than_one,
    not_reading,
    not_there,
    nothing_to_run,
)
from storage.schema.tables import VERSION_TABLE
from storage.schema.versions import VERSION

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

_QUOTED: Final = re.compile(
    r"""'(?:[^']|'')*' | `(?:[^`]|``)*` | \[[^\]]*\] | --[^\n]* | /\*.*?(?:\*/|\Z) | "(?P<name>(?:[^"]|"")*)" """,
    re.DOTALL | re.VERBOSE,
)
"""Whatever quotes in a statement may belong to: strings, names, comments."""

_STEPS: Final = 10_000  # of SQLite's virtual machine between two looks for a Ctrl-C: well under a millisecond
_LONGEST: Final = 1 << 26  # bytes of a text or blob: one call that makes a longer one cannot be ended in time
_PATIENCE: Final = 30.0  # seconds to wait for a recovery of the log, the one thing that can lock a reader out


@contextmanager
def ask(url: URL, query: str, allowance: Allowance) -> Iterator[Rows]:
    """Give the answer to a query; see `readonly.read_only_query`."""
    path = path_in(url)
    if not path.is_file():
        raise StorageError(f"there is no database at {path}; start a study with `hpo run`, or name one with --storage")
    with reading(path) as connection, _clear_errors(connection, path, allowance):
        _check_version(connection, url)
        connection.set_authorizer(_authorize)
        connection.set_progress_handler(lambda: int(allowance.left < 0), _STEPS)  # there Python meets signals, too
        with allowance:
            cursor = connection.execute(_names_in_backticks(query))
        if cursor.description is None:
            raise nothing_to_run()
        yield Rows([column[0] for column in cursor.description], _fetched(cursor, allowance))


def _names_in_backticks(query: str) -> str:
    """Return a query with its "names" as `names`: SQLite takes a "name" that it does not know for a text."""

    def quoted(found: re.Match[str]) -> str:
        name = found.group("name")
        return found.group() if name is None else "`" + name.replace('""', '"').replace("`", "``") + "`"

    return _QUOTED.sub(quoted, query)


def _check_version(connection: sqlite3.Connection, url: URL) -> None:
    """Raise StorageError where the schema is ours, and another program's."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)).fetchone():
        check_version(connection.execute(str(VERSION)).fetchone(), url)


def _fetched(cursor: sqlite3.Cursor, allowance: Allowance) -> Iterator[tuple[Any, ...]]:
    while True:
        with allowance:
            row = cursor.fetchone()
        if row is None:
            return
        yield row


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection that can only read the file; where its folder may not be written, too. Leaves no log behind."""
    real = path.resolve()  # the log lies beside the file, not beside a link to it
    log = real.with_name(f"{real.name}-wal")
    in_use = log.exists()
    frozen = not in_use and not os.access(real.parent, os.W_OK)  # nobody can write here: no log will appear
    uri = f"file:{quote(str(real))}?mode=ro{'&immutable=1' if frozen else ''}"
    try:
        with closing(_open(uri, path)) as connection:
            yield connection
    finally:
        if not in_use and log.exists():
            _tidy(real)


def _open(uri: str, path: Path) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=_PATIENCE)
    except sqlite3.OperationalError as error:
        raise StorageError(f"{path} cannot be opened ({error}): check that it may be read") from error
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection


def _tidy(path: Path) -> None:
    """Let SQLite take away the empty log that a read-only connection had to make and may not remove."""
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True)) as last,
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
def _clear_errors(connection: sqlite3.Connection, path: Path, allowance: Allowance) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code == sqlite3.SQLITE_INTERRUPT and allowance.left > 0:
            raise KeyboardInterrupt from error
        connection.set_progress_handler(None, 0)
        raise _explained(str(error), code, connection, path, allowance) from error


def _explained(
    message: str, code: int | None, connection: sqlite3.Connection, path: Path, allowance: Allowance
) -> StorageError:
    if code == sqlite3.SQLITE_INTERRUPT:
        return allowance.used_up()
    if code in (sqlite3.SQLITE_AUTH, sqlite3.SQLITE_READONLY) or message.startswith("not authorized"):
        return not_reading(message)
    if "one statement at a time" in message:
        return more_than_one()
    if code == sqlite3.SQLITE_NOTADB:
        return StorageError(f"{path} is not an SQLite database; name another file with --storage or HPO_STORAGE")
    if code == sqlite3.SQLITE_CORRUPT:
        return StorageError(
            f"{path} is damaged ({message}): see what is left with `hpo db check`; restore a copy of it"
        )
    if found := re.match(r"no such (table|column): (.+)", message):
        kind, name = found.groups()
        return not_there(kind, name, _names(connection, kind))
    return StorageError(f"the query cannot be run: {message}")


def _names(connection: sqlite3.Connection, kind: str) -> list[str]:
    """Return the names of all tables and views, or of all their columns."""
    tables = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
    columns = f"SELECT DISTINCT c.name FROM ({tables}) AS t, pragma_table_info(t.name) AS c"
    return [row[0] for row in connection.execute(tables if kind == "table" else columns)]
