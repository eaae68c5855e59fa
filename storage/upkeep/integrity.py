"""Is a database sound? What it holds is compared with itself, in one consistent snapshot: workers go on meanwhile.

An SQLite file is looked at first: one that is damaged can be asked nothing else. Then come the `checks`, each a
question that a sound database answers with no rows.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from storage.connection.engines import parse
from storage.connection.sqlite_file import cut, path_in
from storage.database import Database
from storage.errors import StorageError
from storage.questions.readonly_sqlite import reading
from storage.upkeep.checks import CHECKS, Fault

if TYPE_CHECKING:
    from pathlib import Path

_RESTORE: Final = "restore a copy of it, or save what can be read: sqlite3 {name} .recover | sqlite3 saved.db"
_MOST: Final = 100  # faults that SQLite tells of one file


@dataclass(frozen=True, slots=True)
class Examined:
    """What was looked at, and the faults that were found."""

    check: str
    about: str
    faults: list[Fault]


def examine(url: str) -> Iterator[Examined]:
    """Look through the database at `url`; yield each check as soon as it is done. Reads only.

    Raises StorageError when there is no database of ours, or one of another version. The checks of what is in an SQLite
    file are left out when the file itself is damaged.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        path = path_in(parsed)
        if path.is_file() and path.stat().st_size:  # of others the database tells what they are
            faults = list(_faults_of(path))
            yield Examined("file", "the file is whole: its pages, its indexes", faults)
            if faults:
                return
    with ExitStack() as closing:
        database = Database(url)
        closing.callback(database.close)
        connection = closing.enter_context(database.read())
        now = database.now(connection)
        for check in CHECKS:
            yield Examined(check.name, check.about, list(check.find(connection, now)))


def _faults_of(path: "Path") -> Iterator[Fault]:
    advice = _RESTORE.format(name=path.name)
    if missing := cut(path):  # SQLite takes the end of a page that is missing for zeros, and may find nothing wrong
        yield Fault(path.name, f"the file is cut short: its last {missing:,} bytes are missing", advice)
        return
    try:
        with reading(path) as connection:
            for (message,) in connection.execute(f"PRAGMA integrity_check({_MOST})"):
                for line in str(message).splitlines():
                    if line != "ok" and not line.startswith("***"):
                        yield Fault(path.name, line, advice)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise StorageError(f"{path}: {error}") from error
        yield Fault(path.name, str(error), advice)
