"""Text: the nearest known name, for messages about an unknown one; and what every database can keep."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

_UNSTORABLE: Final = re.compile("[\0\ud800-\udfff]")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of `known` that `name` was probably meant to be, whatever its case; None when none is near."""
    by_folded = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[near[0]] if near else None


def is_storable(text: str) -> bool:
    """Tell whether every database can keep `text`: it has no NUL, and no half of a surrogate pair."""
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """Return the text with a question mark in a diamond for each sign that not every database can keep."""
    return _UNSTORABLE.sub("\ufffd", text)


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" with the nearest of `known`, or nothing when none is near."""
    near = nearest(name, known)
    return f" Did you mean {near!r}?" if near is not None else ""
