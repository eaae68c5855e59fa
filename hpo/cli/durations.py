"""Spans of time as people write them: 90, 90s, 10m, 2h, 1h30m."""

import re
from typing import Final

_SECONDS: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART: Final = r"(\d+(?:\.\d+)?)([smhd]?)"


def parse_duration(text: str) -> float:
    """Return the seconds that `text` means. Raises SettingError when it means none."""
    from hpo.errors import SettingError

    compact = text.replace(" ", "").lower()
    seconds = sum(float(number) * _SECONDS[unit or "s"] for number, unit in re.findall(_PART, compact))
    if not re.fullmatch(rf"(?:{_PART})+", compact) or seconds <= 0:
        raise SettingError(f"{text!r} is no span of time above 0: write 90s, 10m, 2h or 1h30m")
    return seconds
