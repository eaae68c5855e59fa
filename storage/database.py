"""A database: opening it safely, its transactions, its schema."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final
from weakref import finalize

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.connection.at_work import refuse_while_at_work
from storage.connection.engines import for_reading, for_writing, open_engine, parse
from storage.connection.outages import explained, persistent
from storage.connection.sqlite_file import File, check_place, let_go, path_in, take_up
from storage.connection.write_ahead import Log
from storage.errors import StorageError
from storage.passwords import shown
from storage.schema import tables
from storage.schema.versions import VERSION, another_version
from storage.schema.views import STABLE_VIEWS

_ALONE: Final = 0x68706F  # our number among a PostgreSQL database's advisory locks


class Database:
    """An open database with our schema. Safe to share between threads; not across a fork."""

    def __init__(self, url: str, *, create: bool = False, older: bool = False) -> None:
        """Open the database at an SQLAlchemy `url`; with `create`, make it (and its schema) if it is not there.

        With `older` its schema may be an older one: then `upgrade` is all that can be done with it. Raises StorageError
        when it is missing, is not a database, is another program's, or has another schema.
        """
        self.url = parse(url)
        self.path: Path | None = None
        self._absolute = self.url
        self._file: File | None = None
        self._log: Log | None = None
        if self.url.get_backend_name() == "sqlite":
            self.path = path_in(self.url)
            self._file = take_up(self.path, create=create)
            real = self.path.resolve()  # SQLite's log lies beside the file, not beside a link to it
            self._log = Log(real)
            self._absolute = self.url.set(database=str(real))
        self.engine = open_engine(self._absolute)
        if self.path is None:  # whoever drops it gives its places on the server back at once
            finalize(self, _hang_up, self.engine, os.getpid()).atexit = False
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
        return shown(self.url)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Give a connection that sees one consistent state of the database."""
        self._check_place()
        with self._clear_errors(), self.engine.connect() as connection:
            for_reading(connection)
            with connection.begin():
                yield connection

    def glance(self) -> AbstractContextManager[Connection]:
        """Give a connection for one statement that reads: the cheapest look there is, of many every second."""
        return self.outside() if self.path is None else self.read()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Give a connection in a transaction that may write: committed at the end, rolled back on an exception."""
        self._check_place()
        with self._clear_errors(), self.engine.connect() as connection:
            for_writing(connection)
            with connection.begin():
                yield connection
            if self._log is not None:
                self._log.shorten(connection)

    @contextmanager
    def alone(self) -> Iterator[Connection]:
        """Give a connection as `write` does, while nobody else is in such a block: for making and renaming studies."""
        with self.write() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ALONE)))
            yield connection

    @contextmanager
    def outside(self) -> Iterator[Connection]:
        """Give a connection for what cannot be in a transaction, such as VACUUM; on SQLite by its driver."""
        with self._clear_errors(), self.engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="AUTOCOMMIT")
            yield connection

    def now(self, connection: Connection) -> float:
        """Return the database's clock in seconds since 1970: the one clock that leases are measured by."""
        if connection.dialect.name == "sqlite":  # it has no clock but its host's
            return time.time()
        return float(connection.exec_driver_sql("SELECT extract(epoch FROM clock_timestamp())").scalar_one())

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._file is not None:
            let_go(self._file)
            self._file = None

    def check_version(self, connection: Connection) -> None:
        """Raise StorageError when the schema is no longer this program's: somebody has upgraded it meanwhile."""
        version = connection.execute(VERSION).scalar_one()
        if version != tables.SCHEMA:
            raise another_version(self.url, version)

    def upgrade(self) -> str:
        """Bring the schema up to this program's, all of it or nothing; return the version that it had before.

        The views over all studies are made anew in any case: one may be missing, or an earlier state of this version's.
        Raises StorageError while workers are at work, and when no release of this program has made that version.
        """
        from alembic.util import CommandError

        from storage.schema.migrations import make_views, upgrade

        with self.alone() as connection:
            before = str(_schema_of(connection)[0])
            if before == tables.SCHEMA:
                make_views(connection)
            else:
                refuse_while_at_work(connection, self.now(connection), self.shown_url)
                try:
                    upgrade(connection)
                except CommandError as error:
                    raise StorageError(
                        f"{self.shown_url} has schema {before}, which no release of this program has made ({error}): "
                        "restore a copy of it"
                    ) from error
        return before

    def _check_place(self) -> None:
        if self.path is not None and self._file is not None:
            check_place(Path(self._absolute.database or self.path), self._file)

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, PoolTimeout, sqlite3.Error) as error:
            raise explained(error, self.shown_url) from error

    # --- schema ---------------------------------------------------------------------------------------------------

    @persistent
    def _check_schema(self, *, create: bool, older: bool) -> None:
        with self.read() as connection:
            version, names = _schema_of(connection)
        if version is None and (
            foreign := names & {*tables.metadata.tables, *STABLE_VIEWS[self.url.get_backend_name()]}
        ):
            raise StorageError(
                f"{self.shown_url} holds the tables of another program ({', '.join(sorted(foreign))}); "
                "give this one a database of its own with --storage or HPO_STORAGE"
            )
        if version is None and create:
            self._write_ahead()
            self._create_schema()
        elif version is None:
            raise StorageError(f"{self.shown_url} holds no studies yet: start one with `hpo run`")
        elif version != tables.SCHEMA and not (older and version < tables.SCHEMA):
            raise another_version(self.url, version)
        else:
            self._write_ahead()

    def _write_ahead(self) -> None:
        """Switch the log of an SQLite database that is ours (it remembers); another's is left as it is."""
        if self._log is not None:
            with self._clear_errors(), self.engine.connect() as connection:
                self._log.switch_on(connection)

    def _create_schema(self) -> None:
        from storage.schema.migrations import upgrade

        with self.alone() as connection:
            if _schema_of(connection)[0] is None:  # nobody else has made it meanwhile
                upgrade(connection)


def _hang_up(engine: Engine, pid: int) -> None:
    """Close an engine's connections, in the process that has made them."""
    engine.dispose(close=os.getpid() == pid)


def _schema_of(connection: Connection) -> tuple[str | None, set[str]]:
    inspector = sa.inspect(connection)
    names = {name.lower() for name in (*inspector.get_table_names(), *inspector.get_view_names())}
    if tables.VERSION_TABLE not in names:
        return None, names
    return connection.execute(VERSION).scalar_one_or_none(), names
