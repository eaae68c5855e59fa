"""Outages: what errors of a driver mean to people, which of them pass by themselves, and waiting for that.

A transaction either happens or not, and whoever repeats one has to be ready for both: when the line breaks during the
commit nobody here can know.
"""

import os
import sqlite3
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, Final, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from storage.connection.turns import PATIENCE
from storage.errors import StorageError, Unavailable

P = ParamSpec("P")
T = TypeVar("T")

_PASSING: Final = {  # SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html
    "40001": "another transaction got in the way",
    "40P01": "a deadlock with another transaction",
    "53300": "the server has too many connections: use fewer workers, or raise its max_connections; in Python, close "
    "studies that are no longer needed",
    "55P03": "another program keeps it locked",
    "57P01": "the server is shutting down",
    "57P02": "the server has crashed",
    "57P03": "the server is starting up or shutting down",
    "25P03": "the transaction lay idle for too long",
}
_IN_USE: Final = "2BP01"  # other objects depend on it
_UNSAID: Final = {  # who is refused a connection is told why in words, without a code
    "too many c": "53300",
    "remaining connection slots": "53300",
    "the database system is starting up": "57P03",
    "the database system is shutting down": "57P03",
    "the database system is in recovery": "57P03",
    "the database system is not": "57P03",
}
_LASTING: Final = ("authentication", "does not exist", "role", "no pg_hba.conf entry", "password")

_given_up: Final = threading.Event()

_ADVICE: Final = {
    "readonly": "the file or its folder is read-only: make both writable, or name another file with --storage",
    "unable to open": "check that the file and its folder exist and may be read and written",
    "not a database": "it is not an SQLite database: name another file with --storage",
    "malformed": "the file is damaged: restore a copy of it",
    "full": "the disk is full: free some space, then `hpo resume`; what was committed is safe",
    "no space left": "the server's disk is full: free some space there, then `hpo resume`; what was committed is safe",
    "i/o error": "it cannot be written: is the disk full, does it fail, is the file locked? Then `hpo resume`",
    "locked": f"another program has kept it locked for {PATIENCE:.0f} s: close that program, then `hpo resume`",
    "permission denied": "this user may not do that: ask the owner of the database for the right to",
    "must be owner": "only the owner of the tables and views may do that",
    "other objects depend on it": "somebody's own view shows it: drop that one, and make it again afterwards",
}


def patience() -> float:
    """Return for how many seconds a database out of reach is waited for: HPO_PATIENCE, else two minutes."""
    try:
        return max(0.0, float(os.environ.get("HPO_PATIENCE") or PATIENCE))
    except ValueError:
        return PATIENCE


def persistent(transaction: Callable[P, T]) -> Callable[P, T]:
    """Make a function of one transaction repeat it while the database is out of reach, with longer and longer pauses.

    The transaction has to be one that may happen twice. After waiting in vain, nobody here waits again until one
    has succeeded: who leaves because of an outage does not wait for it at each step.
    """

    @wraps(transaction)
    def repeated(*arguments: P.args, **named: P.kwargs) -> T:
        try:
            result = transaction(*arguments, **named)
        except Unavailable:
            if _given_up.is_set():
                raise
            from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

            again = Retrying(
                retry=retry_if_exception_type(Unavailable),
                wait=wait_random_exponential(multiplier=0.05, max=3.0),
                stop=stop_after_delay(patience()),
                reraise=True,
            )
            try:
                result = again(transaction, *arguments, **named)
            except Unavailable:
                _given_up.set()
                raise
        _given_up.clear()
        return result

    return repeated


def explained(error: DBAPIError | PoolTimeout | sqlite3.Error, url: str) -> StorageError:
    """Return an error of the driver as one of ours, which says what to do."""
    if isinstance(error, PoolTimeout):
        return Unavailable(f"{url}: every connection of this process is in use")
    original = error.orig if isinstance(error, DBAPIError) else error
    cause = (str(original or error).strip() or type(original or error).__name__).splitlines()[0]
    if isinstance(original, sqlite3.Error):
        return StorageError(f"{url}: {_advice(cause)}")
    told: Any = getattr(original, "diag", None)
    if told is not None and told.sqlstate == _IN_USE:
        cause += f": {'; '.join((told.message_detail or '').splitlines())}"
    code = getattr(original, "sqlstate", None) or next((_UNSAID[words] for words in _UNSAID if words in cause), None)
    if code in _PASSING:
        return Unavailable(f"{url}: {_PASSING[code]} ({cause})")
    broken = isinstance(error, DBAPIError) and error.connection_invalidated
    unreachable = code is None and type(original).__name__ == "OperationalError"
    if (broken or unreachable or (code or "").startswith("08")) and not any(word in cause for word in _LASTING):
        return Unavailable(f"{url}: the server cannot be reached ({cause}): see that it runs, then `hpo resume`")
    return StorageError(f"{url}: {_advice(cause)}")


def _advice(cause: str) -> str:
    found = next((what for sign, what in _ADVICE.items() if sign in cause.lower()), None)
    return f"{found} ({cause})" if found else cause
