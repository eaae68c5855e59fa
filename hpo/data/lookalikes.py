"""Texts that would be numbers, but for how some of them are written."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from hpo.data.messages import counted

_WRITTEN: Final = re.compile(
    r"[€$£¥]?\s*[+-]?[€$£¥]?\s*"
    r"([0-9]{1,3}([.,'’\s][0-9]{3})+|[0-9]+)([.,][0-9]+)?([eE][+-]?[0-9]+)?"
    r"\s*([%‰€$£¥]|EUR|USD|GBP|CHF)?\s*"
)
"""A number with a sign of percent or currency, a decimal comma, or its thousands apart."""
_LONGEST: Final = 40


def almost_numbers(thing: str, texts: Sequence[str], taken_as: str) -> str:
    """Return what to tell of texts most of which are numbers, however written; "" of any others."""
    times = Counter(texts)
    odd = Counter({text: number for text, number in times.items() if not _is_number(text)})
    written = Counter({text: number for text, number in odd.items() if _is_written_number(text)})
    other = odd - written
    if not odd or 2 * other.total() >= len(texts):
        return ""
    but = [
        f"{what} in {counted(found.total(), 'row')} (such as '{next(iter(found))[:_LONGEST]}')"
        for what, found in (("signs or commas", written), ("other text", other))
        if found
    ]
    return (
        f"{thing} holds numbers, but with {' and '.join(but)}: taken as {taken_as}. If numbers are meant, write them "
        "like 1234.5, and empty the other cells."
    )


def _is_written_number(text: str) -> bool:
    return len(text) <= _LONGEST and _WRITTEN.fullmatch(text) is not None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
