"""What a study left behind, read with plain SQL by a connection that knows nothing of the program."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads
from sqlalchemy.engine import make_url

Place = str | Path
"""A database: its URL, or the path of an SQLite file."""

PATIENCE = 240.0
"""Seconds that anything may take on a busy machine until a test gives up waiting for it."""

TRAINER = '''
"""An objective of a user's: resumable, a little slow, and it notes every epoch it trains in a file."""
import os
import time

import numpy as np

LOG = os.environ.get("TRAINER_LOG", os.devnull)
PAUSE = float(os.environ.get("TRAINER_PAUSE", "0.004"))


class Objective:
    def __init__(self, params, seed):
        self.params, self.seed, self.epoch = params, seed, 0
        self.weights = np.random.default_rng(seed).normal(size=8)

    def train_epoch(self):
        self.epoch += 1
        noise = np.random.default_rng((self.seed, self.epoch)).normal(size=8)
        self.weights = self.weights * (1 - self.params["rate"]) + 0.01 * noise
        with open(LOG, "a") as log:
            log.write(f"{self.seed} {self.epoch} {os.getpid()}\\n")
        time.sleep(PAUSE)
        if self.params["rate"] > 0.97:
            raise FloatingPointError("the rate is too high")
        return {"value": float(np.sum(self.weights**2)), "largest": float(np.max(self.weights))}

    def state(self):
        return {"weights": self.weights, "epoch": self.epoch}

    def restore(self, state):
        self.weights, self.epoch = state["weights"], state["epoch"]
'''


@contextmanager
def _connected(place: Place, mode: str, patience: float) -> Iterator[tuple[Any, str]]:
    """Give a connection in autocommit and its sign for a value; it waits for whoever is writing, but not for ever."""
    url = None if isinstance(place, Path) else make_url(place)
    if url is None or url.get_backend_name() == "sqlite":
        path = place if url is None else url.database
        connection: Any = sqlite3.connect(f"file:{path}?mode={mode}", uri=True, timeout=patience, isolation_level=None)
        connection.execute("PRAGMA foreign_keys=ON")
        sign = "?"
    else:
        line = url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(line, autocommit=True, options=f"-c lock_timeout={1000 * patience + 1:.0f}")
        set_json_loads(bytes.decode, connection)  # as it is kept, so that both kinds can be compared
        sign = "%s"
    try:
        yield connection, sign
    finally:
        connection.close()


def rows(place: Place, query: str, *values: object) -> list[tuple]:
    """Return the rows of a query, in which `?` stands for a value. JSON comes as the text that is kept."""
    with _connected(place, "ro", 30) as (connection, sign):
        return _run(connection, sign, query, values).fetchall()


def change(place: Place, statement: str, *values: object, patience: float = 30) -> None:
    """Change a database behind the program's back."""
    with _connected(place, "rw", patience) as (connection, sign):
        _run(connection, sign, statement, values)


def _run(connection: Any, sign: str, statement: str, values: tuple[object, ...]) -> Any:
    return connection.execute(statement.replace("?", sign), values) if values else connection.execute(statement)


def evidence(place: Place) -> dict[str, list[tuple]]:
    """Return everything about trials and measurements that must not depend on timing, nor on the kind of database."""
    return {
        "trials": rows(
            place,
            "SELECT number, params, seed, bracket, rung, state, epochs, value, best_epoch, stop_reason, error "
            "FROM trials ORDER BY number",
        ),
        "measurements": rows(place, "SELECT trial, epoch, value, metrics FROM measurements ORDER BY trial, epoch"),
    }


def wait_until(place: Place, query: str, enough: int) -> int:
    """Return the number that `query` selects as soon as it is at least `enough`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            count = rows(place, query)[0][0]
        except (sqlite3.OperationalError, psycopg.errors.UndefinedTable):  # not made yet
            count = 0
        if count is not None and count >= enough:
            return count
        time.sleep(0.002)
    raise TimeoutError(f"{query} did not reach {enough} within {PATIENCE:.0f} s")
