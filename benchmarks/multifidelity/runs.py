"""A run: one search of one table, with what it had found after so many epochs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from multifidelity.tables import Table

TRAININGS = (10, 20)
"""Budgets at which regrets are compared, in trainings of all epochs."""


@dataclass(frozen=True, slots=True)
class Run:
    """Epochs until each goal (infinity for never), regrets at the budgets, and the processor's seconds of deciding."""

    epochs_to: tuple[float, ...]
    regrets: tuple[float, ...]
    epochs: int
    trials: int
    seconds: float


def run_of(table: Table, best: NDArray[np.float64], trials: int, seconds: float, stride: int = 1) -> Run:
    """Return the run whose lowest loss after each epoch was `best`; with `stride` 2, two epochs count as one.

    A search that ends before a budget is spent has, by then, found what it found.
    """
    best = best[stride - 1 :: stride]
    ends = [min(count * table.recording.max_epochs, len(best)) for count in TRAININGS]
    return Run(
        tuple(_reached(best, goal) for goal in table.goals),
        tuple(table.regret(float(best[end - 1])) for end in ends),
        len(best),
        trials,
        seconds,
    )


def _reached(best: NDArray[np.float64], goal: float) -> float:
    at = np.flatnonzero(best <= goal)
    return float(at[0] + 1) if len(at) else np.inf
