"""Learning curves, read as they are on record: those of some trials, or all of a long history at once."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from struct import unpack

import numpy as np
from sqlalchemy.engine import Connection

from storage.connection.bulk import fetch
from storage.exchange import statements

Curves = Mapping[int, Sequence[float]]
"""By trial, the values of its epochs 1, 2 … in the study's direction; empty for any other trial."""


def curves_of(connection: Connection, study_id: int, trials: Iterable[int]) -> Curves:
    """Return the curves of these trials of a study."""
    curves: dict[int, Sequence[float]] = defaultdict(tuple)
    for trial in trials:
        key = {"study": study_id, "trial": trial}
        curves[trial] = [value for (value,) in fetch(connection, statements.curve_of, key)]
    return curves


def all_curves(connection: Connection, study_id: int) -> Curves:
    """Return the curves of all trials of a study: millions of values, for which a row each is slow."""
    curves: defaultdict[int, Sequence[float]] = defaultdict(tuple)
    rows = fetch(connection, statements.all_curves[connection.dialect.name], {"study": study_id})
    if connection.dialect.name == "postgresql":
        curves.update((trial, unpack(f">{len(packed) // 8}d", packed)) for trial, packed in rows)
        return curves
    table = np.fromiter(chain.from_iterable(rows), float).reshape(-1, 2)  # in little memory
    starts = np.flatnonzero(np.diff(table[:, 0], prepend=-1))
    values, ends = table[:, 1].tolist(), [*starts[1:].tolist(), len(table)]
    for trial, start, end in zip(table[starts, 0].astype(int).tolist(), starts.tolist(), ends, strict=False):
        curves[trial] = values[start:end]
    return curves
