"""The space a search runs in: named parameters, and conditions that say which of them a point has."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, log2
from types import MappingProxyType
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from strategies.domain import Domain, alternatives
from strategies.errors import SpaceError
from strategies.lattice import Lattice
from strategies.parameters import Choice, Float, Int, Parameter, parameter_from_dict
from strategies.spelling import is_storable, suggestion
from strategies.trial import Params, Point, Value, point

_FEW: Final = 4096  # points that are listed rather than searched among
_ATTEMPTS: Final = 100
_VAST: Final = 40  # bits

Conditions = tuple[tuple[str, tuple[Value, ...]], ...]
"""Pairs of a parent and the values it may have; all must hold."""


@dataclass(frozen=True, init=False, eq=False, repr=False)
class Space:
    """The hyperparameters and their ranges: `Space(lr=Float(1e-4, 1e-1, log=True), hidden=Int(8, 256))`.

    A dict may give names that Python cannot spell: `Space({"learning rate": Float(0, 1)})`. A point holds exactly the
    active parameters, in the order of declaration: those without a condition, and those whose condition holds. Two
    spaces are equal when their JSON is, the order of declaration included. Raises SpaceError.
    """

    parameters: Mapping[str, Parameter]
    """In the order of declaration."""
    conditions: Mapping[str, Conditions] = field(repr=False)
    """Of every parameter; empty for one that is always active."""
    parents_first: tuple[str, ...] = field(repr=False)
    """The names in the order of declaration, but no parameter before one that it depends upon."""
    _memo: dict[str, Any] = field(repr=False)
    """What has been counted and listed once."""

    def __init__(self, parameters: Mapping[str, Parameter] | None = None, /, **named: Parameter) -> None:
        if not isinstance(parameters, Mapping | None):
            raise SpaceError(f"a space is made of named parameters, like Space(x=Float(0, 1)), not of {parameters!r}")
        together = {**(parameters or {}), **named}
        if len(together) < len(parameters or {}) + len(named):
            raise SpaceError("a parameter is given twice, in the dict and by name: give it once")
        if not together:
            raise SpaceError("a space needs at least one parameter")
        for name, parameter in together.items():
            if not isinstance(name, str) or not name.strip() or not is_storable(name):
                raise SpaceError(f"a parameter's name is text that is not empty and has no NUL, not {name!r}")
            if not isinstance(parameter, Domain):
                raise SpaceError(f"parameter {name!r} must be a Float, an Int or a Choice, not {parameter!r}")
        conditions = {name: _conditions(name, together) for name in together}
        object.__setattr__(self, "parameters", MappingProxyType(together))
        object.__setattr__(self, "conditions", MappingProxyType(conditions))
        object.__setattr__(self, "parents_first", tuple(_parents_first(conditions)))
        object.__setattr__(self, "_memo", {})

    @property
    def dimension(self) -> int:
        """The number of parameters, active or not: the length of an encoded point."""
        return len(self.parameters)

    def active(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the names of the active parameters where parents have these `values`; others are not looked at."""
        active: dict[str, bool] = {}
        for name in self.parents_first:
            active[name] = all(
                active[parent] and parent in values and values[parent] in wanted
                for parent, wanted in self.conditions[name]
            )
        return tuple(name for name in self.parameters if active[name])

    def validate(self, params: Mapping[str, object]) -> Params:
        """Return `params` as a point of this space: plain Python values, in the order of declaration.

        Raises SpaceError for a parameter that is missing, unknown or inactive, and for a value of the wrong type or out
        of range.
        """
        if not isinstance(params, Mapping):
            raise SpaceError(f"params are a dict of parameters and values, not {params!r}")
        values: Params = {}
        for name, value in params.items():
            if name not in self.parameters:
                raise SpaceError(f"unknown parameter {name!r}.{suggestion(str(name), self.parameters)}")
            try:
                values[name] = self.parameters[name].validate(value)
            except SpaceError as error:
                raise SpaceError(f"parameter {name!r}: {error}") from None
        active = self.active(values)
        for name in self.parameters:
            if name in active and name not in values:
                raise SpaceError(f"parameter {name!r} is missing: give it a value")
            if name in values and name not in active:
                raise SpaceError(f"parameter {name!r} is not active {self._when(name)}: leave it out")
        return {name: values[name] for name in active}

    def __contains__(self, params: Mapping[str, object]) -> bool:
        try:
            self.validate(params)
        except SpaceError:
            return False
        return True

    def sample(self, rng: np.random.Generator) -> Params:
        """Draw a point, uniform on each parameter's scale.

        One uniform number is drawn for every parameter, active or not, in the order of declaration; so a parameter's
        value does not depend on the choices beside it.
        """
        return self.decode(rng.random(self.dimension))

    def encode(self, params: Params) -> NDArray[np.float64]:
        """Return the point `params` of this space as coordinates, shape (dimension,), in [0, 1]; 0.5 where inactive."""
        coordinates = np.full(self.dimension, 0.5)
        for i, (name, parameter) in enumerate(self.parameters.items()):
            if name in params:
                coordinates[i] = parameter.encode(params[name])
        return coordinates

    def decode(self, coordinates: NDArray[np.float64]) -> Params:
        """Return the point at `coordinates`, shape (dimension,); those beyond [0, 1] count as its nearest end.

        Decoding an encoded point returns it: exactly for integers and choices, to within rounding for floats.
        """
        if np.shape(coordinates) != (self.dimension,) or np.isnan(coordinates).any():
            raise SpaceError(f"a point of this space has {self.dimension} coordinates in [0, 1], not {coordinates!r}")
        unit = coordinates.clip(0.0, 1.0).tolist()
        values = {name: parameter.decode(u) for (name, parameter), u in zip(self.parameters.items(), unit, strict=True)}
        return {name: values[name] for name in self.active(values)}

    def encode_all(self, params: Sequence[Params]) -> NDArray[np.float64]:
        """Return points of this space as coordinates, shape (n, dimension), as `encode` does to within rounding."""
        coordinates = np.full((len(params), self.dimension), 0.5)
        for i, (name, parameter) in enumerate(self.parameters.items()):
            if not self.conditions[name]:
                coordinates[:, i] = parameter.encode_all([point[name] for point in params])
            elif rows := [row for row, point in enumerate(params) if name in point]:
                coordinates[rows, i] = parameter.encode_all([params[row][name] for row in rows])
        return coordinates

    # --- all of its points, and others ----------------------------------------------------------------------------

    @property
    def size(self) -> float:
        """The number of its points: infinity where a float has a range, and for more than 2**40."""
        if "size" not in self._memo:
            self._memo["size"] = inf if self._is_continuous or self._is_vast else self._lattice().size
        return float(self._memo["size"])

    def enumerated(self, limit: int) -> NDArray[np.float64] | None:
        """Return the coordinates of all its points, shape (size, dimension), if there are at most `limit`."""
        if self.size > limit:
            return None
        if "points" not in self._memo:
            lattice = self._lattice()
            self._memo["points"] = self.encode_all([lattice.point(i) for i in range(lattice.size)])
        points: NDArray[np.float64] = self._memo["points"]
        return points

    def keys(self, limit: int) -> Sequence[Point]:
        """Return the keys of all its points (`trial.point`) in the order of `enumerated`; none of more than `limit`."""
        if "keys" not in self._memo and (points := self.enumerated(limit)) is not None:
            self._memo["keys"] = [point(self.decode(each)) for each in points]
        keys: Sequence[Point] = self._memo.get("keys", ()) if self.size <= limit else ()
        return keys

    def another(self, params: Params, taken: Callable[[Params], bool], rng: np.random.Generator) -> Params | None:
        """Return a point near `params` that is not `taken`; None when there is none, or none can be found."""
        at = self.encode(params)
        if (points := self.enumerated(_FEW)) is not None:
            order = np.argsort(self.distances(at, points), kind="stable")
            return next((free for row in order if not taken(free := self.decode(points[row]))), None)
        for attempt in range(_ATTEMPTS):
            reach = 0.5 ** (6 - 6 * attempt / _ATTEMPTS)
            moved = np.where(rng.random(self.dimension) < reach, rng.random(self.dimension), at)
            free = self.decode(moved + rng.normal(0.0, reach / 4, self.dimension) * self._is_interval)
            if not taken(free):
                return free
        return None

    def complete(self, given: Mapping[str, Value], params: Params, rng: np.random.Generator) -> Params:
        """Return the point with the values in `given`, else with those of `params`; what neither has is drawn."""
        drawn = {
            name: each.decode(u)
            for (name, each), u in zip(self.parameters.items(), rng.random(self.dimension).tolist(), strict=True)
        }
        values = {**drawn, **params, **given}
        return self.validate({name: values[name] for name in self.active(values)})

    def distances(self, point: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return squared distances of coordinates (d,) to others (n, d); unequal choices are 1 apart."""
        apart = (points - point) ** 2
        summed: NDArray[np.float64] = np.where(self._is_interval, apart, apart > 0).sum(axis=1)
        return summed

    @property
    def may_repeat(self) -> bool:
        """Whether two points drawn at random may be equal: no parameter that is always active is continuous."""
        return not any(
            isinstance(each, Float) and each.low < each.high and not self.conditions[name]
            for name, each in self.parameters.items()
        )

    @property
    def _is_vast(self) -> bool:
        """Whether there are more points than anyone would count."""
        always = (each for name, each in self.parameters.items() if not self.conditions[name])
        return sum(log2(len(each.levels(None))) for each in always) > _VAST

    @property
    def _is_continuous(self) -> bool:
        return any(isinstance(each, Float) and each.low < each.high for each in self.parameters.values())

    @property
    def _is_interval(self) -> NDArray[np.bool_]:
        """Which of the coordinates have an order, shape (dimension,)."""
        return np.array([not isinstance(each, Choice) for each in self.parameters.values()])

    def _lattice(self) -> Lattice:
        return Lattice(self, {name: each.levels(None) for name, each in self.parameters.items()})

    # --- JSON -----------------------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the space as JSON values, in the shape of the `[space]` table in TOML."""
        return {name: parameter.to_dict() for name, parameter in self.parameters.items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Self:
        """Make the space from what `to_dict` returned, or a `[space]` table; raises SpaceError naming the field."""
        if not isinstance(data, Mapping):
            raise SpaceError(f"a space is a table of parameters, not {data!r}")
        parameters = {}
        for name, settings in data.items():
            try:
                parameters[name] = parameter_from_dict(settings)
            except SpaceError as error:
                raise SpaceError(f"parameter {name!r}: {error}") from None
        return cls(parameters)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Space) and list(self.parameters.items()) == list(other.parameters.items())

    def __hash__(self) -> int:
        return hash(json.dumps(self.to_dict()))

    def __repr__(self) -> str:
        return f"Space({dict(self.parameters)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self.parameters),)

    def _when(self, name: str) -> str:
        clauses = (f"{parent!r} is {' or '.join(map(repr, wanted))}" for parent, wanted in self.conditions[name])
        return f"(it is only when {' and '.join(clauses)})"


def _conditions(name: str, parameters: Mapping[str, Parameter]) -> Conditions:
    """Return the conditions of a parameter, its parents' values as the parents spell them; raises SpaceError."""
    conditions = []
    for parent, wanted in (parameters[name].when or {}).items():
        where = f"the condition of parameter {name!r}"
        if parent not in parameters:
            raise SpaceError(f"{where} names an unknown parameter {parent!r}.{suggestion(str(parent), parameters)}")
        domain = parameters[parent]
        if not isinstance(domain, Choice | Int):
            raise SpaceError(f"{where} looks at {parent!r}, which is continuous: use a Choice or an Int")
        try:
            conditions.append((parent, tuple(domain.validate(value) for value in alternatives(wanted))))
        except SpaceError as error:
            raise SpaceError(f"{where} on {parent!r} can never hold: {error}") from None
    return tuple(conditions)


def _parents_first(conditions: Mapping[str, Conditions]) -> Iterator[str]:
    """Yield the names, each after its parents, otherwise in order; raises SpaceError when conditions go round."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> Iterator[str]:
        if name in path:
            raise SpaceError(f"conditions go round in a circle: {' → '.join((*path[path.index(name) :], name))}")
        if name not in done:
            for parent, _ in conditions[name]:
                yield from visit(parent, (*path, name))
            done.add(name)
            yield name

    for name in conditions:
        yield from visit(name, ())
