"""Quantiles of values that are in order already, to the same bits as NumPy's of the same values in any order."""

from collections.abc import Sequence
from math import floor


def middle(values: Sequence[float], without: int | None = None) -> float:
    """Return the median of rising values, but for the one at place `without`; raises IndexError where none is left."""
    n = len(values) - (without is not None)
    low, high = (values[place + (without is not None and place >= without)] for place in ((n - 1) // 2, n // 2))
    return (low + high) / 2 if n % 2 == 0 else low


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of rising values lies, between neighbours on a line."""
    along = share * (len(values) - 1)
    place = floor(along)
    part = along - place
    low, high = values[place], values[min(place + 1, len(values) - 1)]
    return low + (high - low) * part if part < 0.5 else high - (high - low) * (1 - part)  # noqa: PLR2004 - from the nearer
