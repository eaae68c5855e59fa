"""The real command line for tests: in a process of its own, in this process, or on a terminal."""

import fcntl
import os
import pty
import select
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from evidence import PATIENCE

from hpo.cli.main import main

ROOT = Path(__file__).parents[2]

SPACE = """
[space]
x = {type = "float", low = 0, high = 1}
"""

_ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "hpo", *sys.argv[1:]])
"""


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def environment(**more: str) -> dict[str, str]:
    """Return an environment in which `python -m hpo` finds this tree and nobody's database or colours."""
    gone = ("HPO_STORAGE", "HPO_DEBUG", "CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES", "TERM")
    kept = {name: value for name, value in os.environ.items() if name not in gone}
    return kept | {"PYTHONPATH": str(ROOT), "TERM": "xterm-256color"} | more


def command(*arguments: object, cwd: Path, **more: str) -> Said:
    """Run `hpo` in a process of its own, with its output piped."""
    line = [sys.executable, "-m", "hpo", *map(str, arguments)]
    done = subprocess.run(
        line, cwd=cwd, env=environment(**more), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return Said(done.returncode, done.stdout, done.stderr)


def command_here(capsys: pytest.CaptureFixture[str], *arguments: object) -> Said:
    """Run `hpo` in this process: the same from the arguments to the exit code, without the start of Python."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return Said(int(end.value.code or 0), out, err)


class Terminal:
    """`hpo` on a terminal of 100 columns and 32 rows, with a process group of its own."""

    def __init__(self, *arguments: object, cwd: Path, **more: str) -> None:
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 32, 100, 0, 0))
        self._process = subprocess.Popen(
            [sys.executable, "-c", _ON_TERMINAL, *map(str, arguments)],
            cwd=cwd,
            env=environment(**more),
            stdin=follower,
            stdout=follower,
            stderr=follower,
            start_new_session=True,
        )
        os.close(follower)
        self._leader = leader
        self._shown = b""

    def press_ctrl_c(self) -> None:
        """Press Ctrl-C: the terminal sends SIGINT to every process on it."""
        os.write(self._leader, b"\x03")

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._leader, text.encode())

    def wait_for(self, text: str) -> None:
        """Wait until the terminal has shown `text`."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} did not appear in: {self.shown}"
            assert self._read() or self._process.poll() is None, f"hpo ended without {text!r}: {self.shown}"

    def end(self) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._process.poll() is None:
            assert time.monotonic() < deadline, f"hpo does not end: {self.shown}"
            self._read()
        while self._read():
            pass
        os.close(self._leader)
        return self._process.returncode

    @property
    def shown(self) -> str:
        """All that was written so far, control characters included."""
        return self._shown.decode(errors="replace")

    def _read(self) -> bool:
        if not select.select([self._leader], [], [], 0.05)[0]:
            return False
        try:
            new = os.read(self._leader, 65536)
        except OSError:  # how Linux says that nobody holds the other end any more
            return False
        self._shown += new
        return bool(new)


def wait_for_rows(database: Path, query: str, least: int, process: subprocess.Popen | None = None) -> None:
    """Wait until a count that `query` takes from the database is at `least` so high."""
    deadline = time.monotonic() + PATIENCE
    while count_rows(database, query) < least:
        assert time.monotonic() < deadline, f"{query} stays below {least}"
        assert process is None or process.poll() is None, "the process ended before"
        time.sleep(0.02)


def count_rows(database: Path, query: str) -> int:
    """Return a count that `query` takes from the database; 0 while there is no schema."""
    if not database.exists():
        return 0
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()
