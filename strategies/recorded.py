"""A space of which only some points can be tried: those of a table of recorded configurations."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from strategies.errors import SpaceError
from strategies.space import Space
from strategies.trial import Params, Value, point


class RecordedSpace(Space):
    """The `rows` of a table, points of `space`, as a space of their own: whatever is drawn or decoded is one of them.

    So every searcher can be replayed on recorded curves without asking for what was not recorded; a point that does
    come from elsewhere (a grid's, say) is refused with a SpaceError. Raises SpaceError for rows that are not points of
    `space`, for two that are equal, and when there is none.
    """

    def __init__(self, space: Space, rows: Sequence[Mapping[str, object]]) -> None:
        super().__init__(dict(space.parameters))
        if not rows:
            raise SpaceError("no configuration is recorded")
        recorded = [space.validate(row) for row in rows]
        index = {point(row): i for i, row in enumerate(recorded)}
        if len(index) < len(recorded):
            raise SpaceError("a configuration is recorded twice")
        self._memo.update(rows=recorded, index=index, size=len(recorded), points=self.encode_all(recorded))

    @property
    def rows(self) -> list[Params]:
        """The recorded points, in the order of the table."""
        rows: list[Params] = self._memo["rows"]
        return rows

    def row(self, params: Mapping[str, Value]) -> int:
        """Return the index of the row with these params; raises SpaceError when they were not recorded."""
        found = self._memo["index"].get(point(dict(params)))
        if found is None:
            raise SpaceError(f"{dict(params)!r} was not recorded: only the {len(self.rows)} points of the table can be")
        return int(found)

    def validate(self, params: Mapping[str, object]) -> Params:
        """Return `params` as a row of the table; raises SpaceError when they are none."""
        return self.rows[self.row(super().validate(params))]

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw a row."""
        return self.rows[int(rng.integers(len(self.rows)))]

    def decode(self, coordinates: NDArray[np.float64]) -> Params:
        """Return the row nearest to `coordinates`, the earlier of equally near ones."""
        at = self.encode(super().decode(coordinates))
        return self.rows[int(np.argmin(self.distances(at, self._memo["points"])))]

    def complete(self, given: Mapping[str, Value], params: Params, rng: np.random.Generator) -> Params:  # noqa: ARG002 - nothing is drawn
        """Return the row nearest to `params` that has the values in `given`; raises SpaceError when none has."""
        fitting = [i for i, row in enumerate(self.rows) if all(row.get(name) == given[name] for name in given)]
        if not fitting:
            raise SpaceError(f"no configuration with {dict(given)!r} was recorded")
        apart = self.distances(self.encode(params), self._memo["points"][fitting])
        return self.rows[fitting[int(np.argmin(apart))]]

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (Space(dict(self.parameters)), self.rows)
