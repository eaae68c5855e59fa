"""Turns at an SQLite database: who waits to write gets there soon, and in about the order of coming.

SQLite lets a writer in that asks while no other writes. Its own busy handler makes those pause longest who have waited
longest, so with many writers some wait for seconds. Here one of those who wait is next (it holds an advisory lock on
the database's folder) and asks SQLite often; the others ask to be next, more often the longer they have waited, and
all of them less often where the queue is long: asking takes time from the one whose turn it is. Whoever is killed
while it is next lets go of the lock; whoever merely sleeps is passed after a while. All of that is courtesy: that one
writes at a time is SQLite's doing.
"""

import os
import random
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

PATIENCE: Final = 120.0
"""Seconds after which a writer reports that somebody sits on the database."""

_NEXT_PAUSES: Final = 0.0002, 0.002  # seconds between two questions of the one who is next, at first and at most …
_NEXT_SHARE: Final = 0.05  # … and in between this share of the time since it became so: turns may be short or long
_FIRST_PAUSE: Final = 0.015  # seconds between the others' questions, of one who has just come …
_LAST_PAUSE: Final = 0.003  # … and of one who has waited long
_AGEING: Final = 15.0  # how much more often one asks for each second one has waited
_CROWD: Final = 0.1  # seconds of waiting last time for each of which one asks as much less often: the queue is long
_CROWD_MOST: Final = 8.0
_PASS_AFTER: Final = 1.0  # seconds after which one does not trust that the next one is awake, and asks SQLite too …
_PASS_PAUSE: Final = 0.05  # … every so many seconds


def take_turn(folder: Path, begin: Callable[[], object]) -> None:
    """Call `begin` until it finds the database free. Raises what it raises otherwise, or after PATIENCE."""
    if _succeeds(begin, patient=True):
        _wait.last = 0.0
        return
    came = time.monotonic()
    crowd = min(max(1.0, _wait.last / _CROWD), _CROWD_MOST)
    passing, became_next = came + _PASS_AFTER * crowd, None
    with _queue(folder) as is_next:
        while True:
            now = time.monotonic()
            waited = now - came
            if is_next() and became_next is None:
                became_next = now
            if became_next is not None or now > passing:
                if _succeeds(begin, patient=waited < PATIENCE):
                    _wait.last = waited
                    return
                passing = max(passing, now) + _PASS_PAUSE * crowd
            pause = _pause(waited, crowd) if became_next is None else _pause_as_next(now - became_next)
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - nothing that anyone could gain by guessing


def _pause(waited: float, crowd: float) -> float:
    return crowd * max(_LAST_PAUSE, _FIRST_PAUSE / (1 + _AGEING * waited / crowd))


def _pause_as_next(so_far: float) -> float:
    shortest, longest = _NEXT_PAUSES
    return min(max(shortest, _NEXT_SHARE * so_far), longest)


class _Wait(threading.local):
    """How long this thread has waited for its last turn, in seconds."""

    last = 0.0


_wait: Final = _Wait()


def _succeeds(begin: Callable[[], object], *, patient: bool) -> bool:
    try:
        begin()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or not patient:
            raise
        return False
    return True


@contextmanager
def _queue(folder: Path) -> Iterator[Callable[[], bool]]:
    """Give a question: am I next? Once the answer has been yes it stays so until the end of the block."""
    if sys.platform == "win32":  # no such lock there: everybody asks SQLite
        yield lambda: True
        return
    handle = os.open(folder, os.O_RDONLY)
    holding = False

    def is_next() -> bool:
        nonlocal holding
        if not holding:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                holding = True
        return holding

    try:
        yield is_next
    finally:
        os.close(handle)
