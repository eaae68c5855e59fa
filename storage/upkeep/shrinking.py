"""Giving back the room that a database no longer needs.

What is deleted (the checkpoints of trials that are over, above all) leaves free pages in an SQLite file, which what is
written next fills. New files can also hand them back to the file system, some at a time while others work:
`give_back`, at the end of each launch. `shrink` makes everything anew, without gaps; for that nobody may be at work.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from storage.connection.at_work import refuse_while_at_work
from storage.connection.turns import take_turn
from storage.database import Database
from storage.errors import StorageError
from storage.schema.tables import metadata
from storage.upkeep.sizes import bytes_in_all

_WORTH_IT: Final = 256  # free pages: a mebibyte, of the usual size
_SLICE: Final = 500  # pages in one transaction: some milliseconds
_INCREMENTAL: Final = 2  # SQLite's number for auto_vacuum=INCREMENTAL


def give_back(database: Database) -> None:
    """Return free pages of an SQLite file to the file system; nobody waits for it longer than for any transaction."""
    if database.path is None:
        return
    with database.read() as connection:
        can = _pragma(connection, "auto_vacuum") == _INCREMENTAL
        free = _pragma(connection, "freelist_count")
    if not can or free < _WORTH_IT:
        return
    while free:
        with database.write() as connection:
            for _ in range(min(free, _SLICE)):
                connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
            before, free = free, _pragma(connection, "freelist_count")
        if free >= before:  # others free pages faster: the next launch sees to them
            break
    with database.outside() as connection:
        _driver(connection).execute("PRAGMA wal_checkpoint(TRUNCATE)")


def shrink(database: Database) -> tuple[int, int]:
    """Rewrite the database without gaps; return its bytes before and after.

    An SQLite file needs as much room on the disk again meanwhile; in PostgreSQL one table at a time is locked. Raises
    StorageError while workers are at work.
    """
    with database.read() as connection:
        refuse_while_at_work(connection, database.now(connection), database.shown_url)
        before = bytes_in_all(connection)
    with database.outside() as connection:
        if database.path is not None:
            driver = _driver(connection)
            driver.execute("PRAGMA busy_timeout=0")
            driver.execute("PRAGMA auto_vacuum=INCREMENTAL")  # from now on, also in a file that was made without
            take_turn(database.path.resolve(), lambda: driver.execute("VACUUM"))
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            with _warnings_of(_driver(connection)) as warnings:
                for table in metadata.sorted_tables:
                    connection.execute(sa.text(f"VACUUM (FULL, ANALYZE) {table.name}"))
            if warnings:
                raise StorageError(
                    f"{database.shown_url}: not all of it was rewritten ({warnings[0]}): only the owner of the tables "
                    "can do that"
                )
    with database.read() as connection:
        return before, bytes_in_all(connection)


@contextmanager
def _warnings_of(driver: Any) -> Iterator[list[str]]:
    """Give a list of what PostgreSQL warns of meanwhile: it skips a table that it may not rewrite, without an error."""
    warnings: list[str] = []

    def note(told: Any) -> None:
        if told.severity_nonlocalized == "WARNING":
            warnings.append(told.message_primary)

    driver.add_notice_handler(note)
    try:
        yield warnings
    finally:
        driver.remove_notice_handler(note)


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection
