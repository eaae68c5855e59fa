"""What is said to the person whose data it is: the error, the remarks, and names in both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from strategies.errors import HpoError

_LISTED: Final = 30


class DataError(HpoError, ValueError):
    """Data that cannot be read, or from which nothing can be learned."""


@dataclass(frozen=True, slots=True)
class Remarks:
    """What was noticed while the data were prepared, in order: notes are neutral, warnings ask to be looked at."""

    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def quoted(names: Sequence[str]) -> str:
    """Return the names in quotes, separated by commas; of a long list the first, and how many follow."""
    shown = ", ".join(f"'{name}'" for name in names[:_LISTED])
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"


def named(thing: str, names: Sequence[str]) -> str:
    """Return "target 'a'", "targets 'a', 'b'"."""
    return f"{thing if len(names) == 1 else f'{thing}s'} {quoted(names)}"


def counted(number: int, thing: str) -> str:
    """Return "1 row", "2 rows"."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
