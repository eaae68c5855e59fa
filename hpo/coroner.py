"""How a launcher's worker processes end: of each it is told why, and what it was training.

Who trains too long is ended here, by SIGKILL: a hang in compiled code heeds nothing else. What it has started goes too.
"""

import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Final, Self

import psutil

from hpo.processes import IsolatedProcesses, ending
from hpo.stopwatch import Reading, read
from storage.exchange.deaths import Death, innocent, vanished
from storage.exchange.workers import pid_of

_LOOK_EVERY: Final = 0.1  # seconds between two looks at the stopwatches
_AT_REST: Final = Reading()


class Coroner:
    """Looks at the stopwatches of worker processes, while they live and afterwards; `timeout` is a trial's seconds."""

    def __init__(self, timeout: float | None) -> None:
        self.processes = IsolatedProcesses(is_explained=lambda pid: bool(self._reading(pid).jobs))
        self._folder = TemporaryDirectory(prefix="hpo-", ignore_cleanup_errors=True)
        self.stopwatches = Path(self._folder.name)
        """Where each process has its stopwatch, named by its id."""
        self._timeout = timeout
        self._ended: dict[int, float] = {}  # when a process was ended here
        self._over = threading.Event()

    def __enter__(self) -> Self:
        if self._timeout is not None:
            threading.Thread(target=self._watch, args=(self._timeout,), name="coroner", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def death_of(self, worker: str) -> Death:
        """Return how a dead worker has ended. Blocks for a moment where that is not known yet."""
        return self.death_in(pid_of(worker), worker)

    def death_in(self, pid: int, worker: str) -> Death:
        """Return how a process has ended, as the death of `worker`."""
        code, reading = self.processes.exit_code(pid), self._reading(pid)
        if code is None:
            return vanished(worker)
        if pid not in self._ended:
            return Death(worker, f"its worker {ending(code)}", frozenset(reading.jobs), seen=True)
        if self._timeout is None or reading.seconds(self._ended[pid]) <= self._timeout:
            return innocent(worker)  # the one that was overdue ended at that very moment
        cause = f"trained longer than its {self._timeout:g} s"
        return Death(worker, cause, frozenset(reading.jobs), seen=True, final=True)

    def _reading(self, pid: int) -> Reading:
        return read(self.stopwatches / str(pid)) or _AT_REST

    def _watch(self, timeout: float) -> None:
        while not self._over.wait(_LOOK_EVERY):
            for pid in self.processes.running():
                reading = self._reading(pid)
                if reading.since and reading.seconds(monotonic()) > timeout and self._reading(pid) == reading:
                    self._ended.setdefault(pid, monotonic())
                    _end(pid)


def _end(pid: int) -> None:
    """End a process at once, and then those that it has started."""
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        started = process.children(recursive=True)
        process.kill()
        for child in started:
            with suppress(psutil.Error):
                child.kill()
