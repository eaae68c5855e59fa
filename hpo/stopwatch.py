"""What a worker trains, and for how long: in a file that it maps into its memory, for its launcher to read.

A worker that hangs in compiled code can tell nothing any more, nor can a dead one. What it noted here is still there,
and to note it takes about a microsecond. Times are `time.monotonic`, which the processes of a host share.
"""

import mmap
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Final

_TIMES: Final = struct.Struct("=dd")  # running since (0: at rest), seconds before that
_COUNT: Final = struct.Struct("=q")
_JOBS_AT: Final = _TIMES.size + _COUNT.size


class Stopwatch:
    """The clock of a worker's session: it runs within a with block. Nobody else reads it where it has no path.

    Of a session over several jobs each has an equal share of the time; it holds up to `most` of them.
    """

    def __init__(self, path: Path | None = None, *, most: int = 1) -> None:
        size = _JOBS_AT + most * _COUNT.size
        if path is None:
            self._memory = mmap.mmap(-1, size)
        else:
            with path.open("w+b") as file:
                file.truncate(size)
                self._memory = mmap.mmap(file.fileno(), size)
        self._since = self._spent = 0.0
        self._count = 0

    def set(self, jobs: Sequence[int]) -> None:
        """Begin at zero, with a session over `jobs`; none when a session is over."""
        self._spent = 0.0
        self.keep(jobs)
        _TIMES.pack_into(self._memory, 0, 0.0, 0.0)

    def keep(self, jobs: Sequence[int]) -> None:
        """Note that of the session's jobs only these are left."""
        self._count = len(jobs)
        _COUNT.pack_into(self._memory, _TIMES.size, 0)  # meanwhile none: a reader finds old ones or new ones
        struct.pack_into(f"={len(jobs)}q", self._memory, _JOBS_AT, *jobs)
        _COUNT.pack_into(self._memory, _TIMES.size, len(jobs))

    def __enter__(self) -> None:
        self._since = monotonic()
        _TIMES.pack_into(self._memory, 0, self._since, self._spent)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._spent += (monotonic() - self._since) / max(1, self._count)
        _TIMES.pack_into(self._memory, 0, 0.0, self._spent)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a stopwatch shows: the session's jobs, since when it runs (0: at rest), and each job's seconds before."""

    jobs: tuple[int, ...] = ()
    since: float = 0.0
    spent: float = 0.0

    def seconds(self, now: float) -> float:
        """Return for how long each of the jobs has been trained, by `time.monotonic`."""
        running = now - self.since if self.since else 0.0
        return self.spent + running / max(1, len(self.jobs))


def read(path: Path) -> Reading | None:
    """Return what the stopwatch at `path` shows; None where there is none."""
    try:
        noted = path.read_bytes()
        since, spent = _TIMES.unpack_from(noted)
        (count,) = _COUNT.unpack_from(noted, _TIMES.size)
        return Reading(struct.unpack_from(f"={count}q", noted, _JOBS_AT), since, spent)
    except (OSError, struct.error):  # not there yet, or not yet of its size
        return None
