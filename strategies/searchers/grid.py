"""Grid search: every combination once, in an order that anyone can foresee."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Searcher
from strategies.errors import Exhausted, StrategyError
from strategies.parameters import Choice, Float
from strategies.settings import require_integer
from strategies.spelling import suggestion

if TYPE_CHECKING:
    import numpy as np

    from strategies.space import Space
    from strategies.trial import History, Params, Value


@dataclass(frozen=True)
class Grid(Searcher):
    """Every combination of the parameters' levels; the last declared parameter varies fastest.

    A float needs a resolution, an integer without one shows every value. `points` gives it: one number for all
    parameters that bring none of their own, or a number by name, which has precedence. A parameter that is inactive
    does not multiply.
    """

    summary: ClassVar[str] = "Every combination of the values, the last parameter varying fastest."

    points: int | Mapping[str, int] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.points, Mapping):
            object.__setattr__(self, "points", dict(self.points))
            for name, number in self.points.items():
                if type(number) is not int or number < 1:
                    raise StrategyError(f"Grid: points of {name!r} must be an integer of at least 1, not {number!r}.")
        elif self.points is not None:
            require_integer(self, "points", at_least=1)

    def propose(self, number: int, history: "History", rng: "np.random.Generator") -> "Params":  # noqa: ARG002 - no chance
        """Return the number-th combination; raises Exhausted past the last one."""
        lattice = self._lattice(history.space)
        if number >= lattice.size:
            raise Exhausted(f"All {lattice.size} points of the grid have been proposed: give more `points` to go on.")
        return lattice.point(number)

    def size(self, space: "Space") -> int:
        """Return the number of combinations; raises StrategyError when a float has no resolution."""
        return self._lattice(space).size

    def check(self, space: "Space") -> None:
        """Raise StrategyError for a float without a resolution, and for `points` that fit no parameter."""
        self._lattice(space)

    def _lattice(self, space: "Space") -> "Lattice":
        by_name = self.points if isinstance(self.points, Mapping) else {}
        for name in by_name:
            if name not in space.parameters:
                raise StrategyError(f"Grid: points of unknown parameter {name!r}.{suggestion(name, space.parameters)}")
            if isinstance(space.parameters[name], Choice):
                raise StrategyError(f"Grid: {name!r} is a choice, of which every value counts: drop its points.")
        return Lattice(space, {name: self._levels(name, space) for name in space.parameters})

    def _levels(self, name: str, space: "Space") -> "Sequence[Value]":
        parameter = space.parameters[name]
        if isinstance(parameter, Choice):
            return parameter.values
        for_all = self.points if isinstance(self.points, int) else None
        points = parameter.points or for_all
        if isinstance(self.points, Mapping):
            points = self.points.get(name, points)
        if points is None and isinstance(parameter, Float) and parameter.low < parameter.high:
            raise StrategyError(
                f"A grid needs a resolution for the float {name!r}: write Float(…, points=5), "
                f"or Grid(points=5) for all, or Grid(points={{{name!r}: 5}})."
            )
        return parameter.levels(points)


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
