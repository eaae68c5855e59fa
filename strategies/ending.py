"""Whether going on is worth it: what doubling a search can be expected to bring."""

from math import inf, isfinite
from typing import TYPE_CHECKING, Final

import numpy as np

from strategies.trial import State

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strategies.trial import History

ENOUGH: Final = 10
"""Trials below which nothing can be said."""


def gain_of_doubling(values: "Sequence[float]") -> float:
    """Return how much lower the least of n values is than the least of half of them, on average over all halves.

    The mean of the least of m draws falls ever more slowly with m; so the next doubling can be expected to bring no
    more than the last one did. Each half of m = ceil(n/2) values is equally likely, and the least of it is the i-th
    least of all with probability C(n-i, m-1) / C(n, m). An infinite value counts as the greatest finite one. Infinity
    for fewer than two values.
    """
    finite = [value for value in values if isfinite(value)]
    if not values[1:] or not finite:
        return inf
    x = np.sort(np.minimum(np.array(values, dtype=float), max(finite)))
    n, m = len(x), -(-len(x) // 2)
    i = np.arange(1, n - m + 1)
    chance = np.concatenate([[1.0], np.cumprod((n - i - m + 1) / (n - i))]) * m / n
    return float(chance @ (x[: n - m + 1] - x[0]))


def expected_gain(history: "History") -> float:
    """Return what doubling the number of trials can be expected to bring; infinity before enough have a value."""
    rest = (trial for trial in history.trials if trial.state is not State.RUNNING)
    values = [trial.value for trial in rest if trial.curve or trial.state is State.FAILED]
    return gain_of_doubling(values) if len(values) >= ENOUGH else inf
