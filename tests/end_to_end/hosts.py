"""Hosts for tests: processes with a working folder, a home and a folder for temporary files that no other host has.

Where network namespaces can be made, a host may have one: then its only way to the world is a pair of virtual network
cards, which can be cut like a cable.
"""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, Self

import sqlalchemy as sa
from command_line import environment
from evidence import PATIENCE

from storage.database import Database
from storage.errors import StorageError
from storage.schema.tables import jobs, measurements, studies, trials, workers

PERSONAL: Final = ("HOME", "TMPDIR", "PGPASSFILE", "PGPASSWORD", "PGSERVICEFILE", "HPO_STORAGE", "HPO_OBJECTIVES")

TRAINER: Final = '''
import os
import time

import numpy as np


class Objective:
    """Resumable; each epoch takes a while."""

    def __init__(self, params, seed):
        self.params, self.seed, self.epoch = params, seed, 0
        self.weights = np.random.default_rng(seed).normal(size=8)

    def train_epoch(self):
        self.epoch += 1
        noise = np.random.default_rng((self.seed, self.epoch)).normal(size=8)
        self.weights = self.weights * (1 - self.params["rate"]) + 0.01 * noise
        with open(os.environ.get("TRAINER_LOG", os.devnull), "a") as log:
            log.write(f"{self.seed} {self.epoch}\\n")
        time.sleep(float(os.environ.get("TRAINER_PAUSE", "0")))
        return float(np.sum(self.weights**2))

    def state(self):
        return {"weights": self.weights, "epoch": self.epoch}

    def restore(self, state):
        self.weights, self.epoch = state["weights"], state["epoch"]
'''
SPACE: Final = '[space]\nrate = {type = "float", low = 0.001, high = 0.99}\n'

_numbers = itertools.count(1)


class Host:
    """A host: everything of its own but the database. `hpo` starts a command there; leaving the block ends them."""

    def __init__(self, folder: Path, *, prefix: tuple[str, ...] = (), **environ: str) -> None:
        self.folder = folder
        for name in ("work", "home", "tmp"):
            (folder / name).mkdir(parents=True)
        (folder / "work" / "trainer.py").write_text(TRAINER)
        (folder / "work" / "space.toml").write_text(SPACE)
        self.environ = {
            **{name: value for name, value in environment().items() if name not in PERSONAL},
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "tmp"),
            "OMP_NUM_THREADS": "1",
            **environ,
        }
        self.processes: list[subprocess.Popen[str]] = []
        self._prefix = prefix

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def start(self, *line: object, **environ: str) -> "subprocess.Popen[str]":
        """Start a program there, in a session of its own."""
        process = subprocess.Popen(
            [*self._prefix, *map(str, line)],
            cwd=self.folder / "work",
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.processes.append(process)
        return process

    def hpo(self, *arguments: object, **environ: str) -> "subprocess.Popen[str]":
        """Start an `hpo` command there."""
        return self.start(sys.executable, "-m", "hpo", *arguments, **environ)


def ended(process: "subprocess.Popen[str]", code: int = 0) -> tuple[str, str]:
    """Wait for the end of a process, which has to have this exit code; return its stdout and stderr."""
    out, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, errors + out
    return out, errors


def wait_for(condition: Callable[[], Any], what: str = "") -> Any:
    """Return what `condition` does as soon as that is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited in vain for {what or condition}"
        time.sleep(0.02)
    return found


class Looker:
    """Looks into a database from outside, with a connection of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a query; none as long as there is no schema."""
        try:
            database = Database(self.url)
        except StorageError:
            return []
        try:
            with database.read() as connection:
                return [tuple(row) for row in connection.execute(query)]
        finally:
            database.close()

    def count(self, table: sa.Table, *where: Any) -> int:
        """Return the number of rows of a table."""
        found = self.rows(sa.select(sa.func.count()).select_from(table).where(*where))
        return found[0][0] if found else 0

    def holders(self) -> set[str]:
        """Return the workers that hold jobs."""
        return {worker for (worker,) in self.rows(sa.select(jobs.c.worker).where(jobs.c.state == "running"))}

    def measured(self) -> int:
        return self.count(measurements)

    def workers(self) -> set[str]:
        return {worker for (worker,) in self.rows(sa.select(workers.c.id))}

    def states(self) -> dict[str, str]:
        return dict(self.rows(sa.select(studies.c.name, studies.c.state)))

    def evidence(self, study: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """Return everything about trials and measurements that must not depend on timing, machines or the database."""
        names = "number params seed bracket rung state epochs value best_epoch stop_reason error"
        mine = sa.select(studies.c.id).where(studies.c.name == study).scalar_subquery()
        columns = [trials.c[name] for name in names.split()]
        curve = [measurements.c[name] for name in ("trial", "epoch", "value")]
        return (
            self.rows(sa.select(*columns).where(trials.c.study_id == mine).order_by(trials.c.number)),
            self.rows(sa.select(*curve).where(measurements.c.study_id == mine).order_by(*curve[:2])),
        )


def has_namespaces() -> bool:
    """Tell whether network namespaces can be made here: it takes Linux, its superuser and iproute2."""
    try:
        name = f"hpo-probe-{os.getpid()}"
        _ip("netns", "add", name)
        _ip("netns", "del", name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


class Cable:
    """The one connection of a network namespace to this one. Cut, nothing passes and nobody is told."""

    def __init__(self) -> None:
        number = next(_numbers)
        self.name = f"hpo-{os.getpid()}-{number}"
        self._card = f"h{os.getpid() % 10**6}x{number}"  # at most 15 characters
        net = f"10.{200 + number % 50}.{os.getpid() % 256}"
        self.here, self.there = f"{net}.1", f"{net}.2"

    def plug_in(self) -> None:
        """Make the namespace and connect it."""
        inner = f"{self._card}i"
        _ip("netns", "add", self.name)
        _ip("link", "add", self._card, "type", "veth", "peer", "name", inner, "netns", self.name)
        _ip("addr", "add", f"{self.here}/24", "dev", self._card)
        _ip("link", "set", self._card, "up")
        for words in (("addr", "add", f"{self.there}/24", "dev", inner), ("link", "set", inner, "up")):
            _ip("-n", self.name, *words)
        _ip("-n", self.name, "link", "set", "lo", "up")

    def cut(self) -> None:
        """Take the card down."""
        _ip("link", "set", self._card, "down")

    def mend(self) -> None:
        """Bring it up again."""
        _ip("link", "set", self._card, "up")

    def pull_out(self) -> None:
        """Take everything down."""
        for words in (("link", "del", self._card), ("netns", "del", self.name)):
            with suppress(subprocess.CalledProcessError):
                _ip(*words)

    @property
    def prefix(self) -> tuple[str, ...]:
        """What runs a program behind it."""
        return ("ip", "netns", "exec", self.name)


@contextmanager
def cables(count: int) -> Iterator[list[Cable]]:
    """Give so many namespaces, each behind a cable of its own."""
    made = [Cable() for _ in range(count)]
    try:
        for cable in made:
            cable.plug_in()
        yield made
    finally:
        for cable in made:
            cable.pull_out()


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
