"""Reading a database with SQL of one's own, which cannot change it. Works while workers write."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from difflib import get_close_matches
from time import monotonic
from typing import Any, Final

from sqlalchemy.engine import URL

from storage.connection.engines import parse
from storage.errors import StorageError
from storage.schema.tables import SCHEMA
from storage.schema.versions import another_version

TIMEOUT: Final = 60.0
"""Seconds that a query may take, unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What a query answers: the columns' names, and the rows as they are read."""

    columns: Sequence[str]
    rows: Iterator[tuple[Any, ...]]


class Allowance:
    """The seconds that the database may still work at a query; the time in which its answer is used does not count."""

    def __init__(self, seconds: float) -> None:
        self._seconds = self._left = seconds
        self._since: float | None = None

    def __enter__(self) -> None:
        self._since = monotonic()

    def __exit__(self, *_: object) -> None:
        self._left, self._since = self.left, None

    @property
    def left(self) -> float:
        """How many seconds are left."""
        return self._left - (0.0 if self._since is None else monotonic() - self._since)

    def used_up(self) -> StorageError:
        """Return the error for a query that takes too long."""
        return StorageError(
            f"the query is not answered after {self._seconds:g} s: ask for less, or give it longer (--timeout 10m)"
        )


def read_only_query(url: str, query: str, *, timeout: float = TIMEOUT) -> AbstractContextManager[Rows]:
    """Give the answer to one SQL statement on the database at `url`; its rows can be read within.

    Raises StorageError when there is no such database, or its schema is of another version; when the statement is none
    or more than one, when it names what is not there, when it would do anything but read, and when the database works
    at it for more than `timeout` seconds in all. A Ctrl-C ends a running query with KeyboardInterrupt.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        from storage.questions.readonly_sqlite import ask
    else:
        from storage.questions.readonly_postgresql import ask
    return ask(parsed, query, Allowance(timeout))


def check_version(found: tuple[Any, ...] | None, url: URL) -> None:
    """Raise StorageError where a database's row of its version names another than this program's."""
    if found is not None and found[0] != SCHEMA:
        raise another_version(url, found[0])


def nothing_to_run() -> StorageError:
    """Return the error for a query that is empty."""
    return StorageError('there is no statement to run: give one, such as "SELECT * FROM leaderboard"')


def more_than_one() -> StorageError:
    """Return the error for a query that is several."""
    return StorageError("hpo sql runs one statement at a time, and this is more than one: give one SELECT")


def not_reading(why: str) -> StorageError:
    """Return the error for a query that would do more than read."""
    return StorageError(f"hpo sql only reads ({why}): give one SELECT")


def not_there(kind: str, name: str, names: Sequence[str]) -> StorageError:
    """Return the error for a table or column that is not there, with the nearest of those that are."""
    near = get_close_matches(name.rpartition(".")[2], names, n=3)
    known = f"did you mean {' or '.join(near)}?" if near else f"there are: {', '.join(names[:30]) or 'none'}"
    return StorageError(f"no such {kind}: {name}; {known}")
