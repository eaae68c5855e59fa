"""Classes of models within a space: the values of one parameter, by size where it has one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from strategies.errors import StrategyError
from strategies.models.model_selection import coarse_grid
from strategies.parameters import Choice, Int
from strategies.spelling import suggestion

if TYPE_CHECKING:
    from strategies.space import Space
    from strategies.trial import Value

_SIZES: Final = ("hidden", "units", "width", "neurons", "layers", "depth", "channels", "filters")


def sizes(space: "Space", name: str) -> Sequence[float]:
    """Return the sizes among which the parameter chooses, rising; none if it has no sizes, or is not always active."""
    parameter = space.parameters[name]
    if space.conditions[name]:
        return ()
    if isinstance(parameter, Int) and parameter.low >= 1:
        return range(parameter.low, parameter.high + 1)
    if isinstance(parameter, Choice):
        numbers = sorted(v for v in parameter.values if isinstance(v, int | float) and type(v) is not bool and v > 0)
        return numbers if len(numbers) == len(parameter.values) else ()
    return ()


def size_parameter(space: "Space") -> str | None:
    """Return the parameter that says how large a model is: by its name, else the integer of the widest range."""
    able = {name: found for name in space.parameters if len(found := sizes(space, name)) > 1}
    named = [name for name in able if any(word in name.lower() for word in _SIZES)]
    ranges = {name: found[-1] / found[0] for name, found in able.items() if isinstance(space.parameters[name], Int)}
    return named[0] if named else max(ranges, key=ranges.__getitem__, default=None)


def spaced(space: "Space", name: str, factor: float) -> list[float]:
    """Return sizes of the parameter from the least to the greatest, each at most `factor` times the one before."""
    every = sizes(space, name)
    return [every[i] for i in coarse_grid(every, factor - 1)]


def choice_parameter(space: "Space") -> str | None:
    """Return the first parameter that always chooses among several values."""
    parameters = space.parameters.items()
    chooses = (name for name, each in parameters if isinstance(each, Choice) and len(each.values) > 1)
    return next((name for name in chooses if not space.conditions[name]), None)


def choices(space: "Space", name: str, factor: float) -> "Sequence[Value]":
    """Return the values of a choice, or spaced sizes; none if it is neither, or is not always active."""
    parameter = space.parameters[name]
    if isinstance(parameter, Choice) and not space.conditions[name]:
        return parameter.values
    return spaced(space, name, factor) if sizes(space, name) else ()


def check_known(space: "Space", name: str, scheduler: str) -> None:
    """Raise StrategyError when the space has no parameter of that name."""
    if name not in space.parameters:
        has = ", ".join(space.parameters)
        near = suggestion(name, space.parameters)
        raise StrategyError(f"{scheduler}: the space has no parameter {name!r}.{near} It has {has}.")
