"""Engines: how each kind of database is connected to, and how its transactions begin.

SQLite: a write-ahead log (readers never wait), `synchronous=FULL` (a commit survives a power cut), and writers that
take turns with `BEGIN IMMEDIATE` (see `turns`): "database is locked" does not occur, and nobody starves.

PostgreSQL: readers see one snapshot; a writer that falls asleep in the middle of a transaction is cut off by the
server, so that it holds up nobody; a broken line is noticed within seconds, not hours.
"""

import getpass
import logging
import sqlite3
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, Engine, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from storage.connection.prepared import to_json
from storage.connection.turns import PATIENCE, take_turn
from storage.errors import StorageError
from storage.passwords import masked

# A broken line is told by our own errors: what else is noted of it on the way is for those who set up logging.
for _told in ("sqlalchemy.pool", "psycopg"):
    logging.getLogger(_told).addHandler(logging.NullHandler())

READING: Final = 5.0
"""Seconds that a reader of SQLite waits: only to open a file that somebody else makes, mends or closes."""

_SLEEP_MOST: Final = 20  # seconds that a transaction may lie idle on PostgreSQL: less than a lease
_LINE: Final = {  # how soon a broken line to PostgreSQL is noticed: seconds, but for the count and the milliseconds
    "connect_timeout": 10,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 4,
    "tcp_user_timeout": 30_000,
}


def parse(url: str) -> URL:
    """Return a database URL, with the driver that is used here. Raises StorageError for what is none."""
    try:
        parsed = make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        parsed.get_dialect()
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        raise StorageError(
            f"{masked(url)!r} is not a database URL that can be used here ({type(error).__name__}); write "
            "sqlite:///relative.db, sqlite:////absolute/path.db or postgresql://user@host/database"
        ) from error
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise StorageError(f"{parsed.get_backend_name()} is not supported: use an sqlite:/// or a postgresql:// URL")
    if parsed.get_backend_name() == "postgresql" and parsed.get_driver_name() != "psycopg":
        raise StorageError(f"{parsed.drivername} is not supported: write postgresql:// and psycopg 3 is used")
    return _with_password_in_its_place(parsed)


def _with_password_in_its_place(url: URL) -> URL:
    """Return a URL whose password, if it was given as a setting, is where it is hidden when the URL is shown."""
    if "password" not in url.query:
        return url
    user, secret = (url.query.get(name) for name in ("user", "password"))
    return url.difference_update_query(["user", "password"]).set(
        username=url.username or str(user or getpass.getuser()), password=str(secret)
    )


def open_engine(url: URL) -> Engine:
    """Return an engine for a database; nothing is connected yet."""
    if url.get_backend_name() == "sqlite":
        # Autocommit in the driver: BEGIN is ours to say.
        engine = sa.create_engine(
            url, json_serializer=to_json, connect_args={"isolation_level": None, "timeout": READING}
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    line = {name: value for name, value in _LINE.items() if name not in url.query}
    try:
        engine = sa.create_engine(
            url,
            json_serializer=to_json,
            connect_args={"application_name": "hpo", **line},
            pool_size=1,  # a worker's two threads take turns for the most part: many workers share few connections
            max_overflow=4,
            pool_timeout=10,
        )
    except ModuleNotFoundError as error:
        raise StorageError(
            f"{url.drivername} needs the Python package {error.name}, which is not installed: pip install {error.name}"
        ) from error
    event.listen(engine, "connect", _set_up_postgresql)
    return engine


def for_reading(connection: Connection) -> None:
    """Make the transaction that is about to begin see one consistent state."""
    if connection.dialect.name == "postgresql":
        connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def for_writing(connection: Connection) -> None:
    """Make the transaction that is about to begin one that writes."""
    connection.execution_options(hpo_write=True)


def _set_up_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA wal_autocheckpoint=0")  # see `write_ahead`


def _begin_sqlite(connection: Connection) -> None:
    driver: Any = connection.connection.dbapi_connection
    if connection.get_execution_options().get("hpo_write"):
        driver.execute("PRAGMA busy_timeout=0")  # turns are taken as in `turns`
        take_turn(Path(connection.engine.url.database or ""), lambda: driver.execute("BEGIN IMMEDIATE"))
    else:
        driver.execute(f"PRAGMA busy_timeout={READING * 1000:.0f}")
        driver.execute("BEGIN")


def _set_up_postgresql(connection: Any, _record: object) -> None:
    settings = {
        "idle_in_transaction_session_timeout": f"{_SLEEP_MOST}s",
        "lock_timeout": f"{PATIENCE:.0f}s",
        "client_encoding": "utf8",
        "plan_cache_mode": "force_custom_plan",  # one made while a table was empty is not kept for its millionth row
    }
    connection.autocommit = True
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    connection.autocommit = False
