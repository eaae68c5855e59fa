"""Rows into training, validation and test parts: a pure function of the strata and the seed."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

FEWEST: Final = 3
"""A stratum with fewer rows cannot have one in each part: its rows are for training."""


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of each part, as rising indices; together every row, once."""

    train: NDArray[Any]
    validation: NDArray[Any]
    test: NDArray[Any]


def split(strata: NDArray[Any], validation: float, test: float, seed: int) -> Split:
    """Split the rows so that each stratum is divided alike.

    `strata` (n,) holds the stratum of each row: its class, its combination of labels, or one value for all.
    `validation` and `test` are fractions; of a stratum with at least three rows each part gets at least one row.
    """
    rng = np.random.default_rng(seed)
    part = np.zeros(len(strata), dtype=np.int8)
    for stratum in np.unique(strata):
        rows = rng.permutation(np.flatnonzero(strata == stratum))
        if len(rows) < FEWEST:
            continue
        n_test = min(max(1, round(test * len(rows))), len(rows) - 2)
        n_validation = min(max(1, round(validation * len(rows))), len(rows) - n_test - 1)
        part[rows[:n_test]] = 2
        part[rows[n_test : n_test + n_validation]] = 1
    return Split(*(np.flatnonzero(part == number) for number in range(3)))
