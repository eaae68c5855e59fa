"""SQLite's write-ahead log: switched on, and kept short.

SQLite copies the log into the database after a commit that finds it long, but lets go of the lock before: with many
writers the next one has begun by then, so the log is never at its end and grows without bound; and each commit copies
and synchronizes again. Here the one that finds it long copies it as a writer, and cuts it off.
"""

import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import Connection

from storage.connection.turns import take_turn

_LONG: Final = 4 << 20  # bytes: as long as SQLite lets it become by default


class Log:
    """The log of one database file, as one process looks after it; `path` is the file's own, no link to it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.with_name(f"{path.name}-wal")
        self._bound = _LONG

    def switch_on(self, connection: Connection) -> None:
        """Make it the way in which the database is written; the file remembers."""
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA busy_timeout=0")
        if not self._path.stat().st_size:  # counts for an empty file only (see `shrinking`), and takes a lock on any
            take_turn(self._path, lambda: driver.execute("PRAGMA auto_vacuum=INCREMENTAL"))
        take_turn(self._path, lambda: driver.execute("PRAGMA journal_mode=WAL"))

    def shorten(self, connection: Connection) -> None:
        """After a commit: empty the log if it has become long, unless somebody still reads from it.

        Nor where the disk is full: what was committed is safe in the log, and that it stays there is no error.
        """
        try:
            length = self._file.stat().st_size
        except OSError:  # the last to close it has taken it away
            return
        if length <= self._bound:
            return
        driver: Any = connection.connection.dbapi_connection
        driver.execute("PRAGMA busy_timeout=0")
        try:
            is_left = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.OperationalError:
            is_left = True
        self._bound = length + _LONG if is_left else _LONG
