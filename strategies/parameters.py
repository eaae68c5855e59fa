"""The kinds of hyperparameter: numbers on a scale, real or whole, and choices."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from math import floor, inf, isfinite, log, nan
from numbers import Integral, Real
from typing import Any, ClassVar, Final, Self, final

import numpy as np
from numpy.typing import NDArray

from strategies.domain import Domain, When, plain
from strategies.errors import SpaceError
from strategies.trial import Value

_REACH: Final = 2**40  # up to here every integer keeps a coordinate of its own, on either scale


@dataclass(frozen=True, eq=False, repr=False)
class Interval(Domain):
    """Numbers from `low` to `high`, both included, on a linear or a logarithmic scale."""

    low: float
    high: float
    _: KW_ONLY
    log: bool = False
    points: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._put(low=self._number(self.low, "low"), high=self._number(self.high, "high"))
        if self.low > self.high:
            raise SpaceError(f"low = {self.low} is above high = {self.high}: swap them")
        if type(self.log) is not bool:
            raise SpaceError(f"log must be true or false, not {self.log!r}")
        if self.log and self.low <= 0:
            raise SpaceError(f"a log scale needs bounds above 0, but low = {self.low}: raise it, or drop log")
        if self.points is not None and (type(self.points) is not int or self.points < 1):
            raise SpaceError(f"points must be an integer of at least 1, not {self.points!r}")

    @abstractmethod
    def _number(self, value: object, what: str) -> float:
        """Return `value` as a plain number of this domain's type; raises SpaceError, calling it `what`."""

    @property
    @abstractmethod
    def _edges(self) -> tuple[float, float]:
        """What the coordinates 0 and 1 stand for."""

    def validate(self, value: object) -> Value:
        """Return `value` as a plain number; raises SpaceError when it is none or out of bounds."""
        number = self._number(value, "the value")
        if not self.low <= number <= self.high:
            raise SpaceError(f"{number!r} is not between {self.low} and {self.high}")
        return number

    def encode(self, value: Any) -> float:
        """Return how far along the scale `value` is; the middle when there is but one value."""
        low, high, x = (log(v) if self.log else v for v in (*self._edges, value))
        return min(max((x - low) / (high - low), 0.0), 1.0) if low < high else 0.5

    def encode_all(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return how far along the scale the values are."""
        scale = np.log if self.log else np.asarray
        low, high = scale(np.array(self._edges, dtype=float))
        if low == high:
            return np.full(len(values), 0.5)
        unit: NDArray[np.float64] = (scale(np.array(values, dtype=float)) - low) / (high - low)
        return unit.clip(0.0, 1.0)

    def _between(self, low: float, high: float, u: float) -> float:
        # weighted means, unlike low + u (high - low), are exact at both ends
        return low ** (1 - u) * high**u if self.log else low * (1 - u) + high * u


@final
@dataclass(frozen=True, eq=False, repr=False)
class Float(Interval):
    """A real number from `low` to `high`, both included. `points` is its resolution in a grid."""

    kind: ClassVar[str] = "float"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isfinite(self.high - self.low):
            raise SpaceError(f"the range from {self.low} to {self.high} is too wide for floating point: narrow it")

    def _number(self, value: object, what: str) -> float:
        try:
            number = float(value) if type(value) is not bool and isinstance(value, Real) else nan
        except OverflowError:
            number = inf
        if not isfinite(number):
            raise SpaceError(f"{what} must be a finite number, not {value!r}")
        return number

    @property
    def _edges(self) -> tuple[float, float]:
        return self.low, self.high

    def decode(self, u: float) -> float:
        """Return the number at `u`: `low` at 0, `high` at 1."""
        return min(max(self._between(self.low, self.high, u), self.low), self.high)

    def levels(self, points: int | None) -> Sequence[float]:
        """Return `points` numbers evenly spaced on the scale, both ends included; one point is the middle.

        Raises SpaceError when `points` is None and the range is no single number.
        """
        if self.low == self.high:
            return (self.low,)
        if points is None:
            raise SpaceError("a float has infinitely many values")
        steps = [0.5] if points == 1 else [i / (points - 1) for i in range(points)]
        return tuple(dict.fromkeys(map(self.decode, steps)))


@final
@dataclass(frozen=True, eq=False, repr=False)
class Int(Interval):
    """An integer from `low` to `high`, both included. `points` is its resolution in a grid (default: every one)."""

    kind: ClassVar[str] = "int"
    low: int
    high: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if max(-self.low, self.high) > _REACH:
            raise SpaceError(f"an integer parameter lies within ±2**40, not from {self.low} to {self.high}")

    def _number(self, value: object, what: str) -> int:
        if type(value) is bool or not isinstance(value, Integral):
            raise SpaceError(f"{what} must be an integer, not {value!r}")
        return int(value)

    @property
    def _edges(self) -> tuple[float, float]:
        return self.low - 0.5, self.high + 0.5

    def decode(self, u: float) -> int:
        """Return the integer whose bin [i - 1/2, i + 1/2) holds the point at `u` of the scale."""
        return self._rounded(self._between(*self._edges, u))

    def levels(self, points: int | None) -> Sequence[int]:
        """Return `points` integers (all, if there are fewer) as evenly spaced as can be, both ends included."""
        every = range(self.low, self.high + 1)
        if points is None or points >= len(every):
            return every
        if points == 1:
            return (self._rounded(self._between(self.low, self.high, 0.5)),)
        chosen = [self.low]
        for i in range(1, points):
            ideal = self._rounded(self._between(self.low, self.high, i / (points - 1)))
            still_to_come = points - 1 - i
            chosen.append(min(max(ideal, chosen[-1] + 1), self.high - still_to_come))
        return tuple(chosen)

    def _rounded(self, x: float) -> int:
        return min(max(floor(x + 0.5), self.low), self.high)


@final
@dataclass(frozen=True, eq=False, repr=False, init=False)
class Choice(Domain):
    """One of some values, in no order: text, numbers, true, false or None; no two equal (to Python, 1 == 1.0 == True).

    In a grid all of them appear.
    """

    kind: ClassVar[str] = "choice"
    values: tuple[Value, ...]

    def __init__(self, *values: Value, when: When | None = None) -> None:
        self._put(values=tuple(map(plain, values)), when=when)
        super().__post_init__()
        if not self.values:
            raise SpaceError("a choice needs at least one value")
        for i, value in enumerate(self.values):
            if value in self.values[:i]:
                twin = self.values[self.values.index(value)]
                raise SpaceError(f"the values {twin!r} and {value!r} of a choice are equal: drop one, or use text")

    def validate(self, value: object) -> Value:
        """Return the very value of the choice; raises SpaceError when it is none of them (True is not 1)."""
        given = plain(value)
        for known in self.values:
            if type(known) is type(given) and known == given:
                return known
        raise SpaceError(f"{value!r} is none of {', '.join(map(repr, self.values))}")

    def encode(self, value: Any) -> float:
        """Return the middle of the value's share of the unit interval."""
        return (self.values.index(value) + 0.5) / len(self.values)

    def encode_all(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the middles of the values' shares of the unit interval."""
        middles = {value: (i + 0.5) / len(self.values) for i, value in enumerate(self.values)}
        return np.array([middles[value] for value in values], dtype=float)

    def decode(self, u: float) -> Value:
        """Return the value whose share of the unit interval holds `u`."""
        return self.values[min(int(u * len(self.values)), len(self.values) - 1)]

    def levels(self, points: int | None) -> Sequence[Value]:  # noqa: ARG002 - every value counts, whatever the resolution
        """Return the values."""
        return self.values

    @classmethod
    def _made(cls, **settings: Any) -> Self:
        if not isinstance(settings["values"], list | tuple):
            raise SpaceError(f"values must be a list, not {settings['values']!r}")
        return cls(*settings["values"], when=settings.get("when"))

    def __repr__(self) -> str:
        when = self.to_dict().get("when")
        return f"Choice({', '.join(map(repr, self.values))}{f', when={when!r}' if when else ''})"


Parameter = Float | Int | Choice
_KINDS: Final[Mapping[str, type[Parameter]]] = {each.kind: each for each in (Float, Int, Choice)}


def parameter_from_dict(data: Mapping[str, Any]) -> Parameter:
    """Make a parameter from what `to_dict` returned, or from a table in TOML; raises SpaceError naming the field."""
    if not isinstance(data, Mapping):
        raise SpaceError(f'a parameter is a table like {{type = "float", low = 0, high = 1}}, not {data!r}')
    kind = data.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise SpaceError(f"type must be one of {', '.join(map(repr, _KINDS))}, not {kind!r}")
    return _KINDS[kind].from_dict(data)
