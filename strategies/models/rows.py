"""Numbers that trials tell, a row each, kept from one history to the next: told when asked for, and anew if changed."""

from collections import deque
from dataclasses import dataclass, field
from itertools import compress, count
from operator import is_not
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategies.pages import SIZE, Page, differing, page_at, pages_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from strategies.space import Space
    from strategies.trial import History, Trial

Array = NDArray[np.float64]
_STUDIES = 4


class Rows:
    """A memo of `tell(trial, space)`, numbers in an array of any length, for the last few studies asked about.

    A trial is told again when it is another object than before; so answers never depend on what was asked before.
    """

    def __init__(self, tell: "Callable[[Trial, Space], Array]") -> None:
        self._tell = tell
        self._tables: deque[_Table] = deque(maxlen=_STUDIES)
        self._lock = Lock()  # workers may be threads

    def of(self, history: "History", places: NDArray[np.int64], columns: int) -> Array:
        """Return what the trials at these places tell, shape (places, columns); NaN where it tells less."""
        with self._lock:
            table = self._table(history.space)
            table.forget(history.trials)
            table.fit(SIZE * len(table.pages), columns)
            for i in places[~table.told[places]]:
                table.put(int(i), self._tell(history.trials[i], history.space))
            return table.values[places, :columns]

    def _table(self, space: "Space") -> "_Table":
        for table in self._tables:
            if table.space is space:
                return table
        self._tables.append(_Table(space))
        return self._tables[-1]


@dataclass(eq=False)
class _Table:
    space: "Space"
    pages: list[Page] = field(default_factory=list)
    values: Array = field(default_factory=lambda: np.full((0, 0), np.nan))
    told: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def forget(self, trials: "Sequence[Trial]") -> None:
        """Forget what changed. Rows beyond `trials` stay: a longer history may be asked about again."""
        now = pages_of(trials)
        for index in list(differing(self.pages, now)):
            if index < len(now):
                old, page = page_at(self.pages, index), now[index]
                for place in compress(count(index * SIZE), map(is_not, old, page)):
                    self.told[place] = False
                self.pages[index : index + 1] = [page + old[len(page) :]]

    def put(self, place: int, row: Array) -> None:
        """Enter what a trial tells."""
        self.fit(place + 1, len(row))
        self.values[place] = np.nan
        self.values[place, : len(row)] = row
        self.told[place] = True

    def fit(self, rows: int, columns: int) -> None:
        """Have so many rows and columns at least; grow by doubling."""
        old = self.values.shape
        if rows <= old[0] and columns <= old[1]:
            return
        new = [max(2 * had, needs) if needs > had else had for had, needs in zip(old, (rows, columns), strict=True)]
        values, told = np.full(new, np.nan), np.zeros(new[0], dtype=bool)
        values[: old[0], : old[1]], told[: old[0]] = self.values, self.told
        self.values, self.told = values, told
