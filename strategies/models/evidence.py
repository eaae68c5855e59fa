"""What a history says of its points: coordinates and values, compared at one number of epochs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from strategies.models.rows import Rows
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.space import Space
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
    rows = _NUMBERS.matrix(history, _POINT + history.space.dimension)
    tells = np.flatnonzero(np.isfinite(rows[:, _EPOCHS]))
    rows = rows[tells]
    epochs, failed = rows[:, _EPOCHS].astype(np.int64), np.isinf(rows[:, _BEST])
    running = rows[:, _RUNNING] > 0
    level = _level(epochs[~running & ~failed], at_least)
    reached = failed | (epochs >= level)
    known = np.flatnonzero(~running | reached)
    values = rows[known, _BEST]
    for place in np.flatnonzero((epochs[known] > level) & ~failed[known]):
        values[place] = min(history.trials[tells[known[place]]].curve[:level])
    waiting = [history.space.encode(trial.params) for trial in history.open.values() if _is_awaited(trial, level)]
    return Evidence(
        level,
        rows[known, _NUMBER].astype(np.int64),
        rows[known, _POINT:],
        values,
        epochs[known],
        reached[known],
        np.array(waiting).reshape(len(waiting), history.space.dimension),
    )


_NUMBER, _EPOCHS, _BEST, _RUNNING, _POINT = range(5)


def _numbers(trial: "Trial", space: "Space") -> NDArray[np.float64]:
    """Return a trial's number, epochs and best value (infinity if it failed), whether it runs, and its coordinates.

    Nothing of a trial that has nothing to tell, and of one that a person has taken out.
    """
    failed = trial.state is State.FAILED
    if not failed and (not trial.curve or trial.state is State.DISCARDED):
        return np.empty(0)
    running = trial.state is State.RUNNING
    return np.array([trial.number, trial.epochs, trial.value, running, *space.encode(trial.params)], dtype=float)


_NUMBERS: Final = Rows(_numbers)


def _level(epochs: NDArray[np.int64], at_least: int) -> int:
    if not len(epochs):
        return 1
    if len(epochs) >= at_least:
        return int(np.partition(epochs, -at_least)[-at_least])
    levels, counts = np.unique(epochs, return_counts=True)
    return int(levels[len(levels) - 1 - np.argmax(counts[::-1])])


def _is_awaited(trial: "Trial", level: int) -> bool:
    return trial.epochs < level and (trial.state is State.RUNNING or not trial.curve)
