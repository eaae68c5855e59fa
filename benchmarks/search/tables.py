"""Recorded tables: networks that were trained in full before, so that a search of them trains none.

A **table** holds drawn configurations of a network on a data set, each with its learning curve. What counts is the best
value of that curve; where training failed, the highest loss of the table, as not everyone takes infinity. Only its rows
can be evaluated, and `Untried` makes that fair to who does not know of rows.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from math import inf
from pathlib import Path

import numpy as np

from hpo.recordings import load_recording
from search.problems import Problem
from search.runs import rounded
from strategies import Params
from strategies.recorded import RecordedSpace

FOLDER = Path(__file__).parents[1] / "tables"


def tables() -> Iterator[Problem]:
    """Yield a problem for each table that is there, by name."""
    for path in sorted(FOLDER.glob("*.npz")):
        recording = load_recording(path).recording()
        losses = _losses(recording.curves)
        space = RecordedSpace(recording.space, recording.rows)
        yield Problem(path.stem, space, partial(_loss, space, losses), best=min(losses))


class Untried:
    """The rows of a table that have not been taken."""

    def __init__(self, space: RecordedSpace) -> None:
        self._space = space
        self._points = space.encode_all(space.rows)
        self._is_free = np.ones(len(space.rows), dtype=bool)

    def take(self, params: Params) -> Params:
        """Take the row nearest to `params`, any point of the space that the rows were drawn from."""
        apart = self._space.distances(self._space.encode(params), self._points)
        nearest = int(np.argmin(np.where(self._is_free, apart, inf)))
        self._is_free[nearest] = False
        return self._space.rows[nearest]


def _losses(curves: Sequence[tuple[float, ...]]) -> list[float]:
    values = [inf if inf in curve else rounded(min(curve, default=inf)) for curve in curves]
    highest = max(value for value in values if value < inf)
    return [min(value, highest) for value in values]


def _loss(space: RecordedSpace, losses: Sequence[float], params: Params) -> float:
    return losses[space.row(params)]
