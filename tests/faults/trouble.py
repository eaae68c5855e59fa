"""A search by the real command line, for tests that bring trouble to it; and what it must have found in the end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import psutil
from command_line import Said, environment
from evidence import PATIENCE, TRAINER, evidence, rows

SPACE = """
[space]
rate = {type = "float", low = 0.001, high = 0.99}
kind = {type = "choice", values = ["a", "b"]}
"""


@dataclass(frozen=True)
class Search:
    """What `hpo run` is given in a folder, but for the database. The study is called `troubled`."""

    folder: Path
    strategy: str = "halving"
    subject: str = "trainer.py:Objective"
    trials: int = 12
    jobs: int = 2
    confirm: bool = True
    trainer: str = TRAINER

    def __post_init__(self) -> None:
        (self.folder / "trainer.py").write_text(self.trainer)
        (self.folder / "space.toml").write_text(SPACE)

    def run(self, url: str) -> list[object]:
        """The command that begins it."""
        space = ["--space", "space.toml"] if ".py:" in self.subject else []
        return [
            *("run", self.subject, *space, "--name", "troubled", "--strategy", self.strategy, "--seed", 11),
            *("--trials", self.trials, "--max-epochs", 9, "--jobs", self.jobs, "--storage", url, *self._confirm),
        ]

    def resume(self, url: str) -> list[object]:
        """The command that goes on with it."""
        return ["resume", "troubled", "--jobs", self.jobs, "--storage", url, *self._confirm]

    @property
    def _confirm(self) -> list[str]:
        return [] if self.confirm else ["--no-confirm"]


def found(url: str) -> dict[str, list[tuple]]:
    """Return all that a search has left and that no trouble may change; nothing of it may be unfinished."""
    assert rows(url, "SELECT state FROM studies") == [("complete",)]
    assert rows(url, "SELECT count(*) FROM jobs WHERE state <> 'done'") == [(0,)]
    again = "SELECT trial, repeat, seed, epochs, value, best_epoch, metrics FROM confirmations ORDER BY trial, repeat"
    return evidence(url) | {"confirmations": rows(url, again)}


class Command:
    """`hpo` with some arguments, in a process group of its own."""

    def __init__(self, *arguments: object, cwd: Path, **more: str) -> None:
        self._said = [(cwd / f"{time.monotonic_ns()}.{stream}").open("w+b") for stream in ("out", "err")]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hpo", *map(str, arguments)],
            cwd=cwd,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=self._said[0],
            stderr=self._said[1],
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind, whatever has happened."""
        for process in self.group():
            process.kill()
        self.process.wait()
        for stream in self._said:
            stream.close()

    def group(self) -> list[psutil.Process]:
        """The processes of its group that live."""
        return [process for process in psutil.process_iter() if _group_of(process) == self.process.pid]

    def workers(self) -> list[psutil.Process]:
        """Its worker processes that live."""
        return [process for process in self.group() if "popen_loky_posix" in " ".join(_line(process))]

    def strike(self, *victims: psutil.Process) -> None:
        """End processes with SIGKILL; all of the group where none is named."""
        if not victims:
            os.killpg(self.process.pid, signal.SIGKILL)
        for victim in victims:
            victim.kill()

    def wait_for(self, condition: Callable[[], bool]) -> bool:
        """Wait until a condition holds; False when the process has ended without it."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if self.process.poll() is not None:
                return False
            assert time.monotonic() < deadline, f"still waiting: {self.said()}"
            time.sleep(0.002)
        return True

    def end(self) -> Said:
        """Wait for its end; return what it has said."""
        self.process.wait(PATIENCE)
        return self.said()

    def said(self) -> Said:
        """What it has said so far."""
        out, err = (Path(stream.name).read_text(errors="replace") for stream in self._said)
        return Said(-1 if self.process.poll() is None else self.process.returncode, out, err)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it does not come about"
        time.sleep(0.01)


def _group_of(process: psutil.Process) -> int | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else os.getpgid(process.pid)
    except (psutil.Error, ProcessLookupError):
        return None


def _line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
