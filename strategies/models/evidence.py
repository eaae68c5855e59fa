"""What a history says of its points: coordinates and values, compared at one number of epochs.

Of a long history a model looks at a bounded choice of trials. Which follows from the trials alone, and is kept from one
decision to the next: so it takes time in proportion to the choice and to what has changed, whatever the length.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import inf, isfinite
from operator import itemgetter
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from strategies.following import Follower, Kept, Ranking
from strategies.models.rows import Rows
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strategies.following import Change
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
    n_reached: int
    """How many have reached it, also of those trials that were left out."""
    pending: NDArray[np.float64]
    """The coordinates of trials that have yet to reach `level`, shape (m, d): running, or without a value."""


def evidence(
    history: "History",
    at_least: int,
    *,
    most: int | None = None,
    best: Callable[[int], int] | None = None,
    latest: int = 0,
) -> Evidence:
    """Return what is known, at the highest level that `at_least` trials have reached.

    Where there is none, it is where most are, the higher of equals. A trial that was stopped short of the level has its
    best value so far, and `reached` false.

    Of more than `most` trials (None: any number) so many at most: the `best(n_reached)` that are best, the `latest`,
    and some of all, spread evenly over the history.
    """
    seen = _SEEN.of(history)
    level = seen.level(at_least)
    places, n_reached = _chosen(history, level, most, best, latest)
    rows = _NUMBERS.of(history, places, _POINT + history.space.dimension)
    epochs, values = rows[:, _EPOCHS].astype(np.int64), rows[:, _BEST]
    failed = np.isinf(values)
    for place in np.flatnonzero((epochs > level) & ~failed):
        values[place] = min(history.trials[places[place]].curve[:level])
    waiting = [history.trials[number] for number in sorted(seen.waiting)]
    pending = [history.space.encode(trial.params) for trial in waiting if trial.epochs < level]
    return Evidence(
        level,
        rows[:, _NUMBER].astype(np.int64),
        rows[:, _POINT:],
        values,
        epochs,
        failed | (epochs >= level),
        n_reached,
        np.array(pending).reshape(len(pending), history.space.dimension),
    )


def _chosen(
    history: "History", level: int, most: int | None, best: Callable[[int], int] | None, latest: int
) -> tuple[NDArray[np.int64], int]:
    """Return the numbers of the trials to be told of, rising, and how many of all have reached the level."""
    ranking, lots = _RANKING.of(history, level).entries, _LOTS.of(history, level).entries
    n_reached = bisect_left(ranking, (1,))
    if most is None or len(lots) <= most:
        return np.array(sorted(map(_last, lots)), dtype=np.int64), n_reached
    chosen = set(map(_last, ranking[: best(n_reached)])) if best else set()
    known = (trial.number for trial in reversed(history.trials) if _is_known(trial, level))
    chosen.update(islice(known, latest))
    chosen.update(map(_last, lots[: max(0, most - len(chosen))]))
    return np.array(sorted(chosen), dtype=np.int64), n_reached


_last = itemgetter(-1)

_NUMBER, _EPOCHS, _BEST, _POINT = range(4)


def _numbers(trial: "Trial", space: "Space") -> NDArray[np.float64]:
    """Return a trial's number, epochs and best value (infinity if it failed), and its coordinates.

    Nothing of a trial that has nothing to tell.
    """
    if not _tells(trial):
        return np.empty(0)
    return np.array([trial.number, trial.epochs, trial.value, *space.encode(trial.params)], dtype=float)


_NUMBERS: Final = Rows(_numbers)


class _Seen(Follower):
    """How long the trials were trained that are not under way, and the numbers of those that have yet to tell."""

    def __init__(self) -> None:
        super().__init__()
        self.ages: Counter[int] = Counter()
        self.waiting: set[int] = set()

    def level(self, at_least: int) -> int:
        """Return the most epochs that so many have reached; where there are none, those that most have."""
        count = 0
        for epochs in sorted(self.ages, reverse=True):
            count += self.ages[epochs]
            if count >= at_least:
                return epochs
        return max(self.ages, key=lambda epochs: (self.ages[epochs], epochs), default=1)

    def _begin(self, trials: "Iterable[Trial]") -> None:
        self.ages.clear()
        self.waiting.clear()
        for trial in trials:
            self._count(trial, 1)

    def _correct(self, changes: "Iterable[Change]") -> None:
        for pair in changes:
            for trial, change in zip(pair, (-1, 1), strict=True):
                if trial is not None:
                    self._count(trial, change)

    def _count(self, trial: "Trial", change: int) -> None:
        running = trial.state is State.RUNNING
        if not running and _tells(trial) and isfinite(trial.value):
            self.ages[trial.epochs] += change
            if not self.ages[trial.epochs]:
                del self.ages[trial.epochs]
        if running or (trial.state is State.PAUSED and not trial.curve):
            (self.waiting.add if change > 0 else self.waiting.remove)(trial.number)


_SEEN: Final = Kept(_Seen)


def _tells(trial: "Trial") -> bool:
    """Tell whether there is something to learn from the trial: none that a person has taken out."""
    return trial.state is State.FAILED or (len(trial.curve) > 0 and trial.state is not State.DISCARDED)


def _reached(trial: "Trial", level: int) -> bool:
    return trial.epochs >= level or trial.value == inf


def _is_known(trial: "Trial", level: int) -> bool:
    return _tells(trial) and (trial.state is not State.RUNNING or _reached(trial, level))


def _ranked(level: int, trial: "Trial") -> tuple[int, float, int] | None:
    """Return what trials are ranked by: whether they are short of the level, their values, their numbers."""
    if not _is_known(trial, level):
        return None
    value = inf if trial.state is State.FAILED else min(trial.curve[:level])
    return int(not _reached(trial, level)), value, trial.number


def _lot(level: int, trial: "Trial") -> tuple[int, int] | None:
    """Return the lot that a trial has drawn, and its number: the lowest lots are spread evenly over all numbers.

    Multiples of the golden section, modulo 1: any that follow each other are about equally far apart.
    """
    return ((trial.number * _GOLDEN) % _ONE, trial.number) if _is_known(trial, level) else None


_ONE: Final = 2**64
_GOLDEN: Final = 0x9E3779B97F4A7C15  # of one, odd
_RANKING: Final = Kept(lambda level: Ranking(partial(_ranked, level)))
_LOTS: Final = Kept(lambda level: Ranking(partial(_lot, level)))
