"""An objective of noise, where other processes can import it."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np


class Noisy:
    """An objective whose values are its x and noise of its seed's, epoch by epoch; it can pause."""

    direction = 1
    trained: ClassVar[list[int]] = []

    def __init__(self, params: Mapping[str, float], seed: int) -> None:
        self.x, self.seed, self.epoch = params["x"], seed, 0
        self.trained.append(seed)

    def train_epoch(self) -> dict[str, float]:
        self.epoch += 1
        noise = float(np.random.default_rng((self.seed, self.epoch)).normal())
        return {"value": self.direction * (round(4 * self.x) / 4 + 0.3 * noise), "epoch": float(self.epoch)}

    def state(self) -> dict[str, Any]:
        return {"epoch": self.epoch}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.epoch = state["epoch"]
