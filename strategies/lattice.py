"""The points of a grid by index, in lexicographic order: what a grid and a small finite space are counted with."""

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from strategies.space import Space
    from strategies.trial import Params, Value


class Lattice:
    """The points of a grid by index, in lexicographic order, found by counting and not by listing them.

    How many points share a beginning depends only on which of the conditions still ahead that beginning meets; the
    counts are kept by that.
    """

    def __init__(self, space: "Space", levels: "Mapping[str, Sequence[Value]]") -> None:
        self._space = space
        self._names = space.parents_first
        self._levels = levels
        self._counts: dict[tuple[int, tuple[bool, ...]], int] = {}
        place = {name: k for k, name in enumerate(self._names)}
        clauses = [(place[name], clause) for name in self._names for clause in space.conditions[name]]
        self._ahead = [
            [(parent, wanted) for child, (parent, wanted) in clauses if child >= k > place[parent]]
            for k in range(len(self._names) + 1)
        ]
        self._mentioned = {
            name: {value for _, (parent, wanted) in clauses if parent == name for value in wanted}
            for name in self._names
        }

    @property
    def size(self) -> int:
        """The number of points."""
        return self._count(0, {})

    def point(self, index: int) -> "Params":
        """Return point `index` of 0 … size-1."""
        values: Params = {}
        for k, name in enumerate(self._names):
            if not _met(self._space.conditions[name], values):
                continue
            for levels, each in self._runs(k, values):
                if index < len(levels) * each:
                    values[name] = levels[index // each]
                    index %= each
                    break
                index -= len(levels) * each
        return {name: values[name] for name in self._space.parameters if name in values}

    def _count(self, k: int, values: "Params") -> int:
        """Count the points that begin with `values` for the first k names."""
        if k == len(self._names):
            return 1
        key = (k, tuple(_met((clause,), values) for clause in self._ahead[k]))
        if key not in self._counts:
            active = _met(self._space.conditions[self._names[k]], values)
            runs = ((len(levels), each) for levels, each in self._runs(k, values))
            self._counts[key] = sum(map(prod, runs)) if active else self._count(k + 1, values)
        return self._counts[key]

    def _runs(self, k: int, values: "Params") -> "Iterator[tuple[Sequence[Value], int]]":
        """Yield the levels of name k in runs, and the number of points that each level of the run begins.

        Levels that no condition mentions are alike, so that a run of them is counted once.
        """
        name, levels = self._names[k], self._levels[self._names[k]]
        alone = sorted(levels.index(value) for value in self._mentioned[name] if value in levels)
        cuts = sorted({0, len(levels), *alone, *(i + 1 for i in alone)})
        for start, end in pairwise(cuts):
            yield levels[start:end], self._count(k + 1, {**values, name: levels[start]})


def _met(conditions: "Sequence[tuple[str, tuple[Value, ...]]]", values: "Params") -> bool:
    return all(parent in values and values[parent] in wanted for parent, wanted in conditions)
