"""Checks of a strategy's settings, for the `__post_init__` of its frozen dataclass."""

from math import isfinite

from strategies.errors import StrategyError


def require_integer(settings: object, field: str, *, at_least: int) -> None:
    """Raise StrategyError unless the field holds an integer of at least `at_least`."""
    value = getattr(settings, field)
    if type(value) is not int or value < at_least:
        raise StrategyError(
            f"{type(settings).__name__}: {field} must be an integer of at least {at_least}, not {value!r}."
        )


def require_number(settings: object, field: str, *, at_least: float) -> None:
    """Raise StrategyError unless the field holds a finite number of at least `at_least`."""
    value = getattr(settings, field)
    if type(value) not in (int, float) or not isfinite(value) or value < at_least:
        raise StrategyError(
            f"{type(settings).__name__}: {field} must be a finite number of at least {at_least}, not {value!r}."
        )
