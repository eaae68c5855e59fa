"""The queue of those who wait for their turn at an SQLite database: in the order of coming, across processes.

Who waits locks a byte of the database's folder whose number is the time of coming; the locked bytes before it are
those who came earlier. There is no file to make or to leave behind, and whoever is killed has left the queue at once:
the locks are an open file's (Linux's F_OFD_SETLK), and a lock for reading, which a folder may have, can be asked for.
Where a system or a file system knows no such locks everybody is first.
"""

import os
import struct
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

if sys.platform == "linux":
    import fcntl

_PASS_AFTER: Final = 1.0  # seconds without progress after which one does not trust that the first is awake
_LOCK: Final = "hhqqi"  # struct flock: kind, whence, start, length, process
_LANE_BITS: Final = 45  # of microseconds on a clock that starts with the machine: a year, then it begins again
_LANES: Final = 1 << 18  # what is left of a file's 2^63 bytes: queues of their own for the databases in one folder
_MOST: Final = 500  # places that are counted: beyond, the order of coming is not worth the looks


class Queue:
    """The queue as one of those sees it who may join it; `turn` estimates how many seconds one turn takes."""

    def __init__(self, folder: int | None, name: str) -> None:
        self._folder = folder
        self._front = (zlib.crc32(name.encode()) % _LANES) << _LANE_BITS
        self._place = self._front + (1 << _LANE_BITS) - 1
        self._seen = 0
        self._progress = time.monotonic()

    @property
    def turn(self) -> float:
        """Seconds by which this thread's queues have lately moved on."""
        return _memory.turn

    def join(self) -> None:
        """Take the last place."""
        self._progress = time.monotonic()
        self._place = self._front + time.monotonic_ns() // 1000 % (1 << _LANE_BITS)
        self._set(held=True)
        self._seen = len(self._earlier())

    def leave(self) -> None:
        """Give up one's place; a process that was forked meanwhile does not keep it."""
        self._set(held=False)

    def before(self) -> int:
        """Count those who came earlier and are awake, as far as one can tell."""
        now = time.monotonic()
        held = self._earlier()
        _memory.asleep.intersection_update(held)
        places = [place for place in held if place not in _memory.asleep]
        if len(places) < self._seen:
            _memory.turn += 0.5 * ((now - self._progress) / (self._seen - len(places)) - _memory.turn)
            self._progress = now
        elif places and now - self._progress > _PASS_AFTER:
            _memory.asleep.add(places.pop(0))
            self._progress = now
        self._seen = len(places)
        return self._seen

    def _earlier(self) -> list[int]:
        """List the places before one's own that others hold, in their order."""
        places: list[int] = []
        unseen = [(self._front, self._place)]
        while unseen and len(places) < _MOST:
            start, end = unseen.pop()
            place = self._held(start, end) if start < end else None
            if place is not None:
                places.append(place)
                unseen += [(start, place), (place + 1, end)]
        return sorted(places)

    def _set(self, *, held: bool) -> None:
        if sys.platform == "linux" and self._folder is not None:
            lock = struct.pack(_LOCK, fcntl.F_RDLCK if held else fcntl.F_UNLCK, os.SEEK_SET, self._place, 1, 0)
            with suppress(OSError):
                fcntl.fcntl(self._folder, fcntl.F_OFD_SETLK, lock)

    def _held(self, start: int, end: int) -> int | None:
        """Return one of the places in [start, end) that others hold, but for who holds more than one."""
        if sys.platform == "linux" and self._folder is not None:
            question = struct.pack(_LOCK, fcntl.F_WRLCK, os.SEEK_SET, start, end - start, 0)
            with suppress(OSError):
                kind, _, place, length, _ = struct.unpack(_LOCK, fcntl.fcntl(self._folder, fcntl.F_OFD_GETLK, question))
                if kind != fcntl.F_UNLCK and length == 1:
                    return int(place)
        return None


class _Memory(threading.local):
    """What a thread remembers from one turn to the next."""

    def __init__(self) -> None:
        self.turn = 0.001
        self.asleep: set[int] = set()
        """The places of those that did not move on: they are not waited for again."""


_memory: Final = _Memory()


@contextmanager
def queue_of(path: Path) -> Iterator[Queue]:
    """Give the queue of the database at `path`; at the end of the block one has left it."""
    try:
        folder = os.open(path.absolute().parent, os.O_RDONLY)
    except OSError:  # may not be read, or is gone: SQLite will tell, if it matters to it
        yield Queue(None, path.name)
        return
    queue = Queue(folder, path.name)
    try:
        yield queue
    finally:
        queue.leave()
        os.close(folder)
