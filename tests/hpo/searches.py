"""Small searches that several tests make, and scripts in processes of their own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evidence import PATIENCE

import hpo

ROOT: Final = Path(__file__).resolve().parents[2]
SPACE: Final = hpo.Space(x=hpo.Float(0, 1))


def searched(objective: Any, n_trials: int | None = 3, *, timeout: float | None = None, **settings: Any) -> hpo.Study:
    """Return a study in a temporary database after a search with one worker, right here."""
    chosen = {"space": SPACE, "objective": objective, "seed": 0, "storage": None} | settings
    return hpo.create_study(**chosen).optimize(n_trials, timeout=timeout)


class Trainer:
    """An objective that can pause: its value nears x, the more slowly the longer it trains."""

    def __init__(self, params: Mapping[str, float], seed: int) -> None:
        self.x, self.seed, self.epoch = params["x"], seed, 0

    def train_epoch(self) -> float:
        self.epoch += 1
        return self.x + 1 / self.epoch

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]


def started(script: str, folder: Path, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """Return a Python process that runs `script`, written to a file in `folder`, as its user would."""
    path = folder / "script.py"
    path.write_text(script)
    return subprocess.Popen(
        [sys.executable, str(path), *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def ran(script: str, folder: Path, *arguments: object, **environment: str) -> tuple[int, str, str]:
    """Return the exit code, stdout and stderr of `script`."""
    process = started(script, folder, *arguments, **environment)
    try:
        out, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, errors
