"""The curves of a history on one grid of epochs, in numbers that a model can bear."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike

from strategies.models.freeze_thaw import Array, Counts, Curves
from strategies.models.freeze_thaw_evidence import tells
from strategies.trial import State

if TYPE_CHECKING:
    from strategies.trial import Trial

_MOST: Final = 100
"""Points of a curve; of a longer one more early ones are kept than late ones, and as many that are evenly apart."""
_FITTED: Final = 50
"""Curves that a prior is fitted to."""
_HUGE: Final = 1e100
_ROUNDING: Final = 1e-9


def grid(max_epochs: int, step: int) -> Counts:
    """Return the epochs that are looked at, rising to `max_epochs`: all, or about 100 with the ends of most jobs."""
    if max_epochs <= _MOST:
        return np.arange(1, max_epochs + 1)
    apart = step * -(-2 * max_epochs // (_MOST * step))
    early = np.rint(np.geomspace(1, max_epochs, _MOST // 2)).astype(np.int64)
    return np.unique(np.concatenate([early, np.arange(apart, max_epochs, apart)]))


def steady(count: int) -> int:
    """Return the greatest of 1, 2, 3, 4, 6, 8, 12, 16, 24… that is at most `count`; 0 for 0."""
    power = _power_of_two(count)
    return max(power, power * 3 // 2 if power * 3 // 2 <= count else 0)


@dataclass(frozen=True)
class Standard:
    """The scale on which values have mean 0 and deviation 1, and the value above which none is told from another.

    A trial three times as far above the best value as trials usually begin is as bad as one that failed.
    """

    shift: float
    scale: float
    ceiling: float

    @classmethod
    def of(cls, curves: Sequence[Sequence[float]]) -> "Standard":
        """Return that of some curves, none empty."""
        values = np.clip(np.concatenate(curves), -_HUGE, _HUGE)
        starts = np.clip([curve[0] for curve in curves], -_HUGE, _HUGE)
        best, start, worst = float(values.min()), float(np.median(starts)), float(values.max())
        ceiling = min(worst, best + 3.0 * (start - best)) if start > best else worst
        bounded = np.minimum(values, ceiling)
        middle, deviation = float(bounded.mean()), float(bounded.std())
        return cls(middle, deviation if deviation > _ROUNDING * abs(middle) else 1.0, ceiling)

    def standardised(self, values: ArrayLike) -> Array:
        """Return values on this scale."""
        return (np.clip(values, -_HUGE, self.ceiling) - self.shift) / self.scale


class Observed:
    """What trials have shown: those with a value, by number, and the failed, which count as at the ceiling once."""

    def __init__(self, trials: Iterable["Trial"], max_epochs: int, step: int) -> None:
        self._step = step
        self._grid = grid(max_epochs, step)
        self.trials = list(filter(tells, trials))
        self.lengths = self.reached([len(_curve(trial)) for trial in self.trials])

    def reached(self, epochs: Sequence[int]) -> Counts:
        """Return how many points of the grid lie within so many epochs."""
        return np.searchsorted(self._grid, epochs, side="right")

    def steady(self, n_trials: int) -> tuple[list[int], Counts]:
        """Return some trials by place, and how many of their points to fit a prior to, so that this changes seldom.

        The number of trials is rounded down to a steady one, jobs to powers of two; of many trials the longest count.
        """
        jobs = [_power_of_two(1 if _failed(trial) else len(trial.curve) // self._step) for trial in self.trials]
        known = [i for i, trial in enumerate(self.trials) if jobs[i] and trial.number < steady(n_trials)]
        chosen = sorted(sorted(known, key=lambda i: -jobs[i])[:_FITTED])
        ends = self.reached([jobs[i] * self._step for i in chosen])
        return chosen, np.minimum(ends, self.lengths[chosen])

    def standard(self, chosen: Sequence[int], lengths: Counts) -> Standard | None:
        """Return the scale of the first points of some trials; None if fewer than two of them have not failed."""
        shown = zip((self.trials[i] for i in chosen), lengths, strict=True)
        curves = [trial.curve[: self._grid[length - 1]] for trial, length in shown if not _failed(trial)]
        return Standard.of(curves) if len(curves) > 1 else None

    def curves(
        self, points: Array, standard: Standard, chosen: Sequence[int], lengths: Counts, *, ahead: bool
    ) -> Curves:
        """Return the first points of some trials, at `points`, on the whole grid if `ahead`; a job takes time 1."""
        width = len(self._grid) if ahead else int(lengths.max())
        values = np.zeros((len(chosen), width))
        for row, i, length in zip(values, chosen, lengths, strict=True):
            curve = np.asarray(_curve(self.trials[i]))
            row[:length] = standard.standardised(curve[self._grid[:length] - 1])
        return Curves(points, self._grid[:width] / self._step, values, lengths)


def _power_of_two(count: int) -> int:
    """Return the greatest power of two that is at most `count`; 0 for 0."""
    return 1 << (count.bit_length() - 1) if count else 0


def _failed(trial: "Trial") -> bool:
    return trial.state is State.FAILED


def _curve(trial: "Trial") -> tuple[float, ...]:
    return (inf,) if _failed(trial) else trial.curve
