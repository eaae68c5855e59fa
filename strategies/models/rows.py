"""Numbers that trials tell, a row each, kept from one history to the next: only what changed is told again."""

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
            table.renew(history.trials, self._tell)
            table.widen(columns)
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

    def renew(self, trials: "Sequence[Trial]", tell: "Callable[[Trial, Space], Array]") -> None:
        """Tell anew what changed. Rows beyond `trials` stay: a longer history may be asked about again."""
        now = pages_of(trials)
        for index in list(differing(self.pages, now)):
            if index < len(now):
                self._renew(index, now[index], tell)

    def _renew(self, index: int, page: Page, tell: "Callable[[Trial, Space], Array]") -> None:
        old = page_at(self.pages, index)
        self.pages[index : index + 1] = [()]  # until all of it is told
        changed = compress(count(), map(is_not, old, page))
        for place in (*changed, *range(len(old), len(page))):
            row = tell(page[place], self.space)
            i = index * SIZE + place
            self._fit(i + 1, len(row))
            self.values[i] = np.nan
            self.values[i, : len(row)] = row
        self.pages[index] = page + old[len(page) :]

    def widen(self, columns: int) -> None:
        """Have so many columns at least."""
        self._fit(SIZE * len(self.pages), columns)

    def _fit(self, rows: int, columns: int) -> None:
        """Grow by doubling."""
        old = self.values.shape
        if rows <= old[0] and columns <= old[1]:
            return
        new = [max(2 * had, needs) if needs > had else had for had, needs in zip(old, (rows, columns), strict=True)]
        values = np.full(new, np.nan)
        values[: old[0], : old[1]] = self.values
        self.values = values
