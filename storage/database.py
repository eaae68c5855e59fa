"""A database: opening it safely, its transactions, its schema.

SQLite is set up for many processes at once: a write-ahead log (readers never wait), `synchronous=FULL` (a commit
survives a power cut), and writers that take turns with `BEGIN IMMEDIATE` (see `turns`): "database is locked" does not
occur, and nobody starves.
"""

import json
import os
import shlex
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from storage import tables
from storage.errors import StorageError
from storage.turns import PATIENCE, take_turn
from storage.views import STABLE_VIEWS

_READING: Final = 5.0  # seconds that a reader waits: only to open a file that somebody else makes, mends or closes


class Database:
    """An open database with our schema. Safe to share between threads; not across a fork."""

    def __init__(self, url: str, *, create: bool = False, older: bool = False) -> None:
        """Open the database at an SQLAlchemy `url`; with `create`, make it (and its schema) if it is not there.

        With `older` its schema may be an older one: then `upgrade` is all that can be done with it. Raises StorageError
        when it is missing, is not a database, is another program's, or has another schema.
        """
        self.url = _parse(url)
        self.path = _sqlite_path(self.url)
        self._absolute = self.url if self.path is None else self.url.set(database=str(self.path.absolute()))
        self._file: _File | None = None
        if self.path is not None:
            try:
                self._file = _taken_up(self.path, create=create)
            except (OSError, ValueError) as error:
                raise StorageError(f"{self.path} cannot be opened ({error}): check its name and permissions") from error
        self.engine = _engine(self._absolute)
        try:
            self._check_schema(create=create, older=older)
        except BaseException:
            self.close()
            raise

    @property
    def given_url(self) -> str:
        """The URL in full, with its password and an absolute path: for whoever opens the database from anywhere."""
        return self._absolute.render_as_string(hide_password=False)

    @property
    def shown_url(self) -> str:
        """The URL for people: without its password."""
        return self.url.render_as_string(hide_password=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state of the database."""
        with self._clear_errors(), self.engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction that may write: committed at the end, rolled back on an exception."""
        with self._clear_errors(), self.engine.connect() as connection:
            connection.execution_options(hpo_write=True)
            with connection.begin():
                yield connection

    def now(self, connection: Connection) -> float:
        """Return the database's clock in seconds since 1970: the one clock that leases are measured by."""
        if connection.dialect.name == "sqlite":  # it has no clock but its host's
            return time.time()
        return float(connection.execute(sa.text("SELECT extract(epoch FROM clock_timestamp())")).scalar_one())

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._file is not None:
            with _files:
                _open_files[self._file] -= 1
            self._file = None

    def upgrade(self) -> str:
        """Bring the schema up to this program's, all of it or nothing; return the version that it had before.

        Raises StorageError when no release of this program has made that version.
        """
        from alembic.util import CommandError

        from storage.migrations import upgrade

        with self.write() as connection:
            before = str(_schema_of(connection)[0])
            if before != tables.SCHEMA:
                try:
                    upgrade(connection)
                except CommandError as error:
                    raise StorageError(
                        f"{self.shown_url} has schema {before}, which no release of this program has made ({error}): "
                        "restore a copy of it"
                    ) from error
        return before

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            raise StorageError(_explain(error, self.shown_url)) from error

    # --- schema ---------------------------------------------------------------------------------------------------

    def _check_schema(self, *, create: bool, older: bool) -> None:
        with self.read() as connection:
            version, names = _schema_of(connection)
        if version is None and (foreign := names & {*tables.metadata.tables, *STABLE_VIEWS}):
            raise StorageError(
                f"{self.shown_url} holds the tables of another program ({', '.join(sorted(foreign))}); "
                "give this one a database of its own with --storage or HPO_STORAGE"
            )
        if version is None and create:
            self._write_ahead()
            self._create_schema()
        elif version is None:
            raise StorageError(f"{self.shown_url} holds no studies yet: start one with `hpo run`")
        elif version > tables.SCHEMA:
            raise StorageError(
                f"{self.shown_url} has schema {version}, which is newer than this program's ({tables.SCHEMA}); "
                "upgrade the program: pip install --upgrade hpo"
            )
        elif version < tables.SCHEMA and not older:
            raise StorageError(
                f"{self.shown_url} has schema {version}, which is older than this program's ({tables.SCHEMA}); "
                f"upgrade it: hpo db upgrade --storage {shlex.quote(self.shown_url)}"
            )
        else:
            self._write_ahead()

    def _write_ahead(self) -> None:
        """Switch the log of an SQLite database that is ours (it remembers); another's is left as it is."""
        if self.path is not None:
            with self._clear_errors(), self.engine.connect() as connection:
                driver: Any = connection.connection.dbapi_connection
                driver.execute("PRAGMA busy_timeout=0")
                take_turn(self.path.parent, lambda: driver.execute("PRAGMA journal_mode=WAL"))

    def _create_schema(self) -> None:
        from storage.migrations import upgrade

        with self.write() as connection:
            if _schema_of(connection)[0] is None:  # nobody else has made it meanwhile
                upgrade(connection)


def _schema_of(connection: Connection) -> tuple[str | None, set[str]]:
    inspector = sa.inspect(connection)
    names = {name.lower() for name in (*inspector.get_table_names(), *inspector.get_view_names())}
    if tables.VERSION_TABLE not in names:
        return None, names
    table = sa.table(tables.VERSION_TABLE, sa.column("version_num"))
    return connection.execute(sa.select(table.c.version_num)).scalar_one_or_none(), names


# --- opening -------------------------------------------------------------------------------------------------------


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise StorageError(
            f"{url!r} is not a database URL that can be used here ({error}); "
            "write sqlite:///relative.db or sqlite:////absolute/path.db"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageError(f"{parsed.get_backend_name()} is not supported: use an sqlite:/// URL")
    return parsed


def _sqlite_path(url: URL) -> Path | None:
    if url.get_backend_name() != "sqlite":
        return None
    if not url.database or url.database == ":memory:" or url.database.startswith("file:"):
        raise StorageError(
            f"{url} names no file: workers share the database, so it has to be one, such as sqlite:///hpo.db "
            "(in Python, storage=None keeps a study in a temporary file)"
        )
    return Path(url.database)


_File = tuple[int, int]
"""What tells a file from every other: its device and inode."""

_open_files: Final[Counter[_File]] = Counter()  # by how many databases of this process
_files: Final = threading.Lock()


def _taken_up(path: Path, *, create: bool) -> _File:
    """Check a file, make it if it is to be made, and count it as open. Raises StorageError."""
    with _files:
        _check_file(path, create=create)
        file = _identity(path)
        _open_files[file] += 1
        return file


def _identity(path: Path) -> _File:
    status = path.stat()
    return status.st_dev, status.st_ino


def _check_file(path: Path, *, create: bool) -> None:
    """Raise StorageError when there is no database that could be opened; with `create`, make an empty file.

    A file that is open here is not read: to close it would drop every lock that SQLite holds on it in this process, and
    another process could then take the log away from under it (sqlite.org/howtocorrupt.html, section 2.2).
    """
    if path.exists():
        if not path.is_file():
            raise StorageError(f"{path} is not a file; name a database file, such as hpo.db")
        head = b""
        if not _open_files[_identity(path)]:
            with path.open("rb") as file:
                head = file.read(16)
        if head and head != b"SQLite format 3\x00":
            raise StorageError(f"{path} is not an SQLite database; name another file with --storage or HPO_STORAGE")
        if create and not os.access(path, os.W_OK):
            raise StorageError(f"{path} is read-only; make it writable or name another file with --storage")
        return
    if not create:
        raise StorageError(f"there is no database at {path}; start a study with `hpo run`, or name one with --storage")
    if not path.parent.is_dir():
        raise StorageError(f"the folder {path.parent} of the database {path.name} does not exist; create it first")
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"the folder {path.parent} is read-only; name another place with --storage or HPO_STORAGE")
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its owner's alone


def _engine(url: URL) -> Engine:
    settings: dict[str, Any] = {"json_serializer": _to_json}
    if url.get_backend_name() == "sqlite":
        # Autocommit in the driver: BEGIN is ours to say.
        settings["connect_args"] = {"isolation_level": None, "timeout": _READING}
    try:
        engine = sa.create_engine(url, **settings)
    except ModuleNotFoundError as error:
        raise StorageError(
            f"{url.drivername} needs the Python package {error.name}, which is not installed: pip install {error.name}"
        ) from error
    if url.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if connection.get_execution_options().get("hpo_write"):
        folder = Path(connection.engine.url.database or "").parent
        driver.execute("PRAGMA busy_timeout=0")  # turns are taken as in `turns`
        take_turn(folder, lambda: driver.execute("BEGIN IMMEDIATE"))
    else:
        driver.execute(f"PRAGMA busy_timeout={_READING * 1000:.0f}")
        driver.execute("BEGIN")


def _explain(error: DBAPIError | sqlite3.Error, url: str) -> str:
    cause = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    advice = {
        "readonly": "the file or its folder is read-only: make both writable, or name another file with --storage",
        "unable to open": "check that the file and its folder exist and may be read and written",
        "not a database": "it is not an SQLite database: name another file with --storage",
        "malformed": "the file is damaged: restore a copy of it",
        "full": "the disk is full: free some space, then `hpo resume`; what was committed is safe",
        "locked": f"another program has kept it locked for {PATIENCE:.0f} s: close that program, then `hpo resume`",
    }
    for sign, what in advice.items():
        if sign in cause.lower():
            return f"{url}: {what} ({cause})"
    return f"{url}: {cause}"
