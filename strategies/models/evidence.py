"""What a history says of its points: coordinates and values, compared at one number of epochs."""

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategies.trial import State

if TYPE_CHECKING:
    from strategies.trial import History, Trial


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """n trials with something to learn from, and m that have yet to tell."""

    level: int
    """The epochs at which values are compared: the most that enough trials have reached."""
    numbers: NDArray[np.int64]
    """Of the trials, shape (n,), rising."""
    points: NDArray[np.float64]
    """Their coordinates, shape (n, d)."""
    values: NDArray[np.float64]
    """The best of their first `level` epochs, shape (n,); infinity for those that failed."""
    epochs: NDArray[np.int64]
    """How long they were trained, shape (n,)."""
    reached: NDArray[np.bool_]
    """Which have a value at `level`, shape (n,): those trained that long, and those that failed."""
    pending: NDArray[np.float64]
    """The coordinates of trials that have yet to reach `level`, shape (m, d): running, or without a value."""


def evidence(history: "History", at_least: int) -> Evidence:
    """Return what is known, at the highest level that `at_least` trials have reached.

    Where there is none, it is where most are, the higher of equals. A trial that was stopped short of the level has its
    best value so far, and `reached` false.
    """
    trials = [trial for trial in history.trials if _tells(trial)]
    epochs = np.array([trial.epochs for trial in trials], dtype=np.int64)
    failed = np.array([trial.state is State.FAILED for trial in trials], dtype=bool)
    resting = np.array([trial.state not in (State.RUNNING, State.FAILED) for trial in trials], dtype=bool)
    level = _level(epochs[resting], at_least)
    reached = failed | (epochs >= level)
    told = [i for i, trial in enumerate(trials) if trial.state is not State.RUNNING or reached[i]]
    known = [trials[i] for i in told]
    waiting = [trial for trial in history.open.values() if _is_awaited(trial, level)]
    return Evidence(
        level,
        np.array([trial.number for trial in known], dtype=np.int64),
        history.space.encode_all([trial.params for trial in known]),
        np.array([_best(trial, level) for trial in known], dtype=float),
        epochs[told],
        reached[told],
        history.space.encode_all([trial.params for trial in waiting]),
    )


def _tells(trial: "Trial") -> bool:
    """Whether there is anything to learn from it; what a person has taken out does not count."""
    return trial.state is State.FAILED or (len(trial.curve) > 0 and trial.state is not State.DISCARDED)


def _level(epochs: NDArray[np.int64], at_least: int) -> int:
    if not len(epochs):
        return 1
    if len(epochs) >= at_least:
        return int(np.partition(epochs, -at_least)[-at_least])
    levels, counts = np.unique(epochs, return_counts=True)
    return int(levels[len(levels) - 1 - np.argmax(counts[::-1])])


def _is_awaited(trial: "Trial", level: int) -> bool:
    return trial.epochs < level and (trial.state is State.RUNNING or not trial.curve)


def _best(trial: "Trial", level: int) -> float:
    return inf if trial.state is State.FAILED else min(trial.curve[:level])
