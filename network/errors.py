"""The root of this package's errors, and the checks of single settings that raise it."""

from collections.abc import Collection
from difflib import get_close_matches
from math import isfinite
from numbers import Integral, Real


class NetworkError(ValueError):
    """A setting, an array or a state that a network cannot take. The message says what is wrong, where, what to do."""


def check_name(kind: str, name: object, known: Collection[str]) -> None:
    """Raise NetworkError, with the nearest name there is, unless `name` is one of `known`."""
    if isinstance(name, str) and name in known:
        return
    near = get_close_matches(str(name), known, n=1)
    advice = f"did you mean {near[0]!r}?" if near else "choose one of the following."
    raise NetworkError(f"Unknown {kind} {name!r}: {advice} Known: {', '.join(sorted(known))}.")


def check_whole(name: str, value: object, least: int) -> None:
    """Raise NetworkError unless `value` is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise NetworkError(f"{name} is {value!r}, but must be a whole number of at least {least}.")


def check_range(name: str, value: object, low: float, high: float, *, open_low: bool = False) -> None:
    """Raise NetworkError unless low <= value < high (with `open_low`: low < value < high) and value is finite."""
    if not isinstance(value, bool) and isinstance(value, Real) and isfinite(value):
        number = float(value)
        if low <= number < high and not (open_low and number == low):
            return
    lower = f"greater than {low:g}" if open_low else f"at least {low:g}"
    upper = f" and less than {high:g}" if isfinite(high) else " and finite"
    raise NetworkError(f"{name} is {value!r}, but must be a number {lower}{upper}.")
