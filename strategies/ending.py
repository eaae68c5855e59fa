"""Whether going on is worth it: what doubling a search can be expected to bring."""

from array import array
from bisect import bisect_left
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Final

import numpy as np

from strategies.following import Kept, Ranking
from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strategies.trial import History, Trial

ENOUGH: Final = 10
"""Trials below which nothing can be said."""
_COUNTED: Final = 1100
"""Values from the least: the next one's chance is below the least number that a float can hold."""


def gain_of_doubling(values: "Sequence[float]") -> float:
    """Return how much lower the least of n values is than the least of half of them, on average over all halves.

    The mean of the least of m draws falls ever more slowly with m; so the next doubling can be expected to bring no
    more than the last one did. Each half of m = ceil(n/2) values is equally likely, and the least of it is the i-th
    least of all with probability C(n-i, m-1) / C(n, m). An infinite value counts as the greatest finite one. Infinity
    for fewer than two values.
    """
    return _gain(sorted(values))


def expected_gain(history: "History") -> float:
    """Return what doubling the number of trials can be expected to bring; infinity before enough have a value."""
    values = _VALUES.of(history).entries
    return _gain(values) if len(values) >= ENOUGH else inf


def _gain(values: "Sequence[float]") -> float:
    """Return the gain of doubling for values in rising order."""
    n, finite = len(values), bisect_left(values, inf)
    if n <= 1 or not finite:
        return inf
    m = -(-n // 2)
    count = min(n - m, _COUNTED)
    x = np.minimum(np.array(values[: count + 1], dtype=float), values[finite - 1])
    i = np.arange(1, count + 1)
    chance = np.concatenate([[1.0], np.cumprod((n - i - m + 1) / (n - i))]) * m / n
    return float(chance @ (x - x[0]))


def _value(trial: "Trial") -> float | None:
    """Return the value of a trial that has one, or had its chance; nothing of one that is running."""
    if trial.state is State.RUNNING or not (trial.curve or trial.state is State.FAILED):
        return None
    return trial.value


_VALUES: Final = Kept(lambda: Ranking(_value, partial(array, "d")))
