"""What the kinds of hyperparameter have in common: a condition, a coordinate in [0, 1], and JSON both ways."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from math import isfinite
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from strategies.errors import SpaceError
from strategies.spelling import is_storable, suggestion
from strategies.trial import Value

When = Mapping[str, Value | Sequence[Value]]
"""A condition: every parameter it names must be active and hold the value, or one of the values, beside its name."""


@dataclass(frozen=True, eq=False, repr=False)
class Domain(ABC):
    """What a hyperparameter may be. Two are equal when their JSON is.

    `decode` maps every coordinate to a value and preserves mass: a uniform coordinate gives a value uniform on the
    parameter's scale. `encode` is its inverse.
    """

    kind: ClassVar[str]
    """The `type` in JSON and TOML."""

    when: When | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if self.when is None:
            return
        if not isinstance(self.when, Mapping) or not self.when:
            raise SpaceError(f'`when` maps parameters to values, like {{"optimizer": "sgd"}}; it is {self.when!r}')
        when = {parent: tuple(map(plain, alternatives(wanted))) for parent, wanted in self.when.items()}
        if empty := [parent for parent, wanted in when.items() if not wanted]:
            raise SpaceError(f"`when` allows no value of {empty[0]!r}, so that the parameter could never be active")
        self._put(when=MappingProxyType(when))

    @abstractmethod
    def validate(self, value: object) -> Value:
        """Return `value` as a plain Python value; raises SpaceError when it does not lie in the domain."""

    @abstractmethod
    def encode(self, value: Any) -> float:
        """Return the coordinate of a value of the domain."""

    @abstractmethod
    def encode_all(self, values: Sequence[Any]) -> NDArray[np.float64]:
        """Return the coordinates of many values of the domain, shape (n,), each to within rounding."""

    @abstractmethod
    def decode(self, u: float) -> Value:
        """Return the value at coordinate `u` in [0, 1]."""

    @abstractmethod
    def levels(self, points: int | None) -> Sequence[Value]:
        """Return the distinct values that stand for the domain in a grid, in order; None: every value there is."""

    def to_dict(self) -> dict[str, Any]:
        """Return the domain as JSON values; a setting at its default is left out."""
        written: dict[str, Any] = {"type": self.kind}
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name != "when" and value != each.default:
                written[each.name] = list(value) if isinstance(value, tuple) else value
        if self.when is not None:
            wanted = {parent: list(alternatives(values)) for parent, values in self.when.items()}
            written["when"] = {parent: values[0] if len(values) == 1 else values for parent, values in wanted.items()}
        return written

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make the domain from what `to_dict` returned; raises SpaceError naming the field that is wrong."""
        settings = {name: value for name, value in data.items() if name != "type"}
        known = {each.name: each for each in fields(cls)}
        for name in settings:
            if name not in known:
                has = ", ".join(known)
                raise SpaceError(f"a {cls.kind} has no field {name!r}.{suggestion(str(name), known)} It has {has}")
        if missing := [name for name, each in known.items() if each.default is MISSING and name not in settings]:
            raise SpaceError(f"the field {missing[0]!r} is missing")
        return cls._made(**settings)

    @classmethod
    def _made(cls, **settings: Any) -> Self:
        return cls(**settings)

    def __repr__(self) -> str:
        settings = (f"{name}={value!r}" for name, value in self.to_dict().items() if name != "type")
        return f"{type(self).__name__}({', '.join(settings)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Domain) and self._json() == other._json()

    def __hash__(self) -> int:
        return hash(self._json())

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self).from_dict, (self.to_dict(),)

    def _json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True)  # to Python 1 == 1.0 == True, to JSON they differ

    def _put(self, **settings: object) -> None:
        for name, value in settings.items():
            object.__setattr__(self, name, value)


def alternatives(wanted: Any) -> tuple[Value, ...]:
    """Return the values that a condition allows: a list of them may be written, or a single one."""
    return tuple(wanted) if isinstance(wanted, list | tuple) else (wanted,)


def plain(value: object) -> Value:
    """Return the value that JSON knows, a NumPy scalar as Python's; raises SpaceError when there is none."""
    item: Any = value.item() if isinstance(value, np.generic) else value
    if item is not None and type(item) not in (bool, int, float, str):
        raise SpaceError(f"{item!r} is neither text, a number, true, false nor None: name it with text instead")
    if isinstance(item, float) and not isfinite(item):
        raise SpaceError(f"{item!r} is not a finite number, which is all that JSON knows: name it with text instead")
    if type(item) is int and not -(2**63) <= item < 2**63:
        raise SpaceError(f"{item!r} takes more than the 64 bits that a database keeps: name it with text instead")
    if isinstance(item, str) and not is_storable(item):
        raise SpaceError(f"{item!r} has a NUL or half a character, which not every database keeps: leave it out")
    known: Value = item
    return known
