"""Grid search: every combination once, in an order that anyone can foresee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from strategies.base import Proposal, Searcher
from strategies.errors import Exhausted, StrategyError
from strategies.lattice import Lattice
from strategies.parameters import Choice, Float
from strategies.settings import require_integer
from strategies.spelling import suggestion

if TYPE_CHECKING:
    import numpy as np

    from strategies.space import Space
    from strategies.trial import History, Value


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

    def propose(self, number: int, history: "History", rng: "np.random.Generator") -> Proposal:  # noqa: ARG002 - no chance
        """Return the first combination that no trial has; raises Exhausted past the last one.

        Without first guesses that is combination `number`; each guess may put it off by one. Of a widened space it may
        be any.
        """
        lattice = self._lattice(history.space)
        first = 0 if history.widened else max(0, number - len(history.queue))
        for index in range(first, lattice.size):
            params = lattice.point(index)
            if not ((history.queue or history.widened) and history.holds(params)):
                return Proposal(params, {"by": "grid", "place": index + 1, "of": lattice.size})
        raise Exhausted(f"All {lattice.size} points of the grid have been proposed: give more `points` to go on.")

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
                f"or Grid(points=5) for all, or Grid(points={{{name!r}: 5}}); in a file's [space], points = 5."
            )
        return parameter.levels(points)
