"""Objectives that end their process, or hang: in the trials whose x is in the environment's ROUGH.

Each notes every attempt in the file that ATTEMPTS names, so that a test can count them.
"""

import ctypes
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import hpo
from hpo.objectives import Beginning, EpochResult, Objective, Session

FOR_EVER = 3600.0


def is_rough(params: Mapping[str, Any]) -> bool:
    """Tell whether this trial is one of the bad ones, and note the attempt."""
    with Path(os.environ["ATTEMPTS"]).open("a") as file:
        file.write(f"{params['x']} {os.getpid()}\n")
    return str(params["x"]) in os.environ.get("ROUGH", "").split(",")


def rough(misfortune: Callable[[], object]) -> Callable[[Mapping[str, Any]], float]:
    """Return an objective that meets a misfortune in its bad trials."""

    def objective(params: Mapping[str, Any]) -> float:
        if is_rough(params):
            misfortune()
        return float(params["x"] ** 2)

    return objective


def hang_deaf() -> None:
    """Hang in C code, holding the interpreter's lock and heeding no signal that can be heeded."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.PyDLL(None).sleep(int(FOR_EVER))


def hang_with_a_child() -> None:
    """Wait for a process of one's own that does not end."""
    with subprocess.Popen(["sleep", str(int(FOR_EVER))]) as child:
        Path(os.environ["ATTEMPTS"] + ".child").write_text(str(child.pid))
        child.wait()


def run_out_of_memory() -> None:
    """Ask for a gigabyte where no more than 256 MB are left."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * mmap.PAGESIZE
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, before[1]))
    try:
        bytearray(2**30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


killed = rough(lambda: os.kill(os.getpid(), signal.SIGKILL))
segfaulting = rough(lambda: ctypes.string_at(0))
exiting = rough(lambda: os._exit(3))
leaving = rough(lambda: sys.exit(4))
cancelled = rough(lambda: _raise(GeneratorExit("cancelled")))
deaf = rough(hang_deaf)
waiting = rough(hang_with_a_child)
sleeping = rough(lambda: threading.Event().wait(FOR_EVER))
greedy = rough(run_out_of_memory)


def _raise(error: BaseException) -> None:
    raise error


def steady(params: Mapping[str, Any]) -> float:
    """Take a quarter of a second, and do no harm."""
    is_rough(params)
    time.sleep(0.25)
    return float(params["x"])


class Runner:
    """A resumable objective: its bad trials kill their process in the third epoch, or hang where HANG is set."""

    def __init__(self, params: Mapping[str, Any], seed: int) -> None:
        self.params, self.seed, self.epoch = params, seed, 0

    def train_epoch(self) -> float:
        self.epoch += 1
        if self.epoch == 3 and is_rough(self.params):
            if os.environ.get("HANG"):
                time.sleep(FOR_EVER)
            os.kill(os.getpid(), signal.SIGKILL)
        return float(self.params["x"] + 1 / self.epoch + (self.seed % 97) / 1e4)

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]


class Stacked(Objective):
    """An objective that trains up to 8 trials together; a bad one takes all of them with it in the third epoch."""

    kind = "stacked"
    resumable = True
    epochs = 4
    stack = 8
    source: Mapping[str, Any] = {"kind": "none", "shown": "stacked"}

    def key(self, params: hpo.Params) -> int:
        return 0

    def open(self, beginnings: Sequence[Beginning]) -> Session:
        with Path(os.environ["ATTEMPTS"] + ".stacks").open("a") as file:
            file.write(f"{len(beginnings)}\n")
        return _Stack(beginnings)


class _Stack(Session):
    def __init__(self, beginnings: Sequence[Beginning]) -> None:
        self.runs = [Runner(begin.params, begin.seed) for begin in beginnings]
        for run, begin in zip(self.runs, beginnings, strict=True):
            if begin.state is not None:
                run.restore(begin.state)

    def train_epoch(self) -> list[EpochResult]:
        if os.environ.get("MEMORY") and len(self.runs) > 1:
            raise MemoryError("too many together")
        return [EpochResult(run.train_epoch()) for run in self.runs]

    def state(self, index: int) -> Mapping[str, Any]:
        return self.runs[index].state()

    def drop(self, index: int) -> None:
        del self.runs[index]
