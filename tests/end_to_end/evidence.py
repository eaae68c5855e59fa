"""What a study left behind, read with plain SQL by a connection that knows nothing of the program."""

import sqlite3
import time
from pathlib import Path

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


def rows(path: Path, query: str, *values: object) -> list[tuple]:
    """Return the rows of a query, from a connection of its own."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query, values).fetchall()
    finally:
        connection.close()


def evidence(path: Path) -> dict[str, list[tuple]]:
    """Return everything about trials and measurements that must not depend on timing."""
    return {
        "trials": rows(
            path,
            "SELECT number, params, seed, bracket, rung, state, epochs, value, best_epoch, stop_reason, error "
            "FROM trials ORDER BY number",
        ),
        "measurements": rows(path, "SELECT trial, epoch, value, metrics FROM measurements ORDER BY trial, epoch"),
    }


def wait_until(path: Path, query: str, enough: int, seconds: float = 60.0) -> int:
    """Return the number that `query` selects as soon as it is at least `enough`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            count = rows(path, query)[0][0]
        except sqlite3.OperationalError:  # not made yet
            count = 0
        if count is not None and count >= enough:
            return count
        time.sleep(0.002)
    raise TimeoutError(f"{query} did not reach {enough} within {seconds} s")
