"""Objectives whose process ends, or that hang, for the seeds that a test names: where other processes can import them."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from noisy_objective import Noisy

import hpo


class Unlucky(Noisy):
    """In the second epoch of the seeds that UNLUCKY names its process is killed, leaves, or hangs, and ATTEMPTS counts it."""

    def train_epoch(self) -> dict[str, float]:
        misfortune = json.loads(os.environ.get("UNLUCKY", "{}")).get(str(self.seed))
        if self.epoch == 1 and misfortune is not None:
            with Path(os.environ["ATTEMPTS"]).open("a") as file:
                file.write(f"{self.seed}\n")
            if misfortune == "hangs":
                time.sleep(3600)
            os._exit(7) if misfortune == "leaves" else os.kill(os.getpid(), signal.SIGKILL)
        return super().train_epoch()


class Fragile(hpo.NetworkObjective):
    """Networks in stacks, whose process leaves when a seed that FRAGILE names is among them."""

    def open(self, beginnings: Any) -> Any:
        if os.environ.get("FRAGILE") in {str(each.seed) for each in beginnings}:
            os._exit(9)
        return super().open(beginnings)
