"""Turns at an SQLite database: who waits to write gets there soon, and in the order of coming.

SQLite lets a writer in that asks while no other writes. Its own busy handler makes those pause longest who have waited
longest, so with many writers some wait for seconds. Here who finds the database taken, or others waiting, joins a
queue (`waiting`). The first in it asks SQLite often; the others look how many are before them, the less often the more
there are. Whoever is killed has left the queue; whoever merely sleeps is passed after a while. All of that is courtesy:
that one writes at a time is SQLite's doing.
"""

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from storage.connection.waiting import queue_of

PATIENCE: Final = 120.0
"""Seconds after which a writer reports that somebody sits on the database."""

_FIRST_PAUSES: Final = 0.0002, 0.002  # seconds between two questions of the first in the queue, at first and at most …
_FIRST_SHARE: Final = 0.05  # … and in between this share of the time since it became so: turns may be short or long
_LOOKS: Final = 2.0  # how often the second looks at the queue in one turn of the first, the third in two turns, …
_PAUSES: Final = 0.0005, 0.05  # … seconds between two looks, at least and at most


def take_turn(path: Path, begin: Callable[[], object]) -> None:
    """Call `begin` until it finds the database at `path` free. Raises what it raises otherwise, or after PATIENCE."""
    with queue_of(path) as queue:
        if not queue.before() and _succeeds(begin, patient=True):
            return
        queue.join()
        came = time.monotonic()
        became_first = None
        while True:
            before = queue.before()
            now = time.monotonic()
            if before and now - came < PATIENCE:
                pause = _within(_PAUSES, before * queue.turn / _LOOKS)
            else:
                if _succeeds(begin, patient=now - came < PATIENCE):
                    return
                became_first = became_first or now
                pause = _within(_FIRST_PAUSES, _FIRST_SHARE * (now - became_first))
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - nothing that anyone could gain by guessing


def _within(bounds: tuple[float, float], value: float) -> float:
    return min(max(bounds[0], value), bounds[1])


def _succeeds(begin: Callable[[], object], *, patient: bool) -> bool:
    try:
        begin()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or not patient:
            raise
        return False
    return True
