"""Passwords in a command line, taken out of what `ps` shows of this process to every user of the machine.

It loads next to nothing, so that it comes first: until then a password can be seen.
"""

import re
import sys
from collections.abc import Sequence
from typing import Final

_HIDDEN: Final = "***"
_IN_FRONT: Final = re.compile(r"(://[^:/]*:).*(?=@)", re.DOTALL)
"""user:password@ of a URL; to the last @, should somebody have written one in a password as it is."""

_AS_A_SETTING: Final = re.compile(r"([?&](?:ssl)?password=)[^&]*", re.DOTALL | re.IGNORECASE)


def masked(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with *** for each password of a URL in them."""
    return [_masked(argument) for argument in arguments]


def hide_passwords(arguments: Sequence[str]) -> None:
    """Take the passwords out of this process's title, where there are any, and tell that they could be seen."""
    title = masked(arguments)
    if title == list(arguments):
        return
    from setproctitle import setproctitle

    setproctitle(" ".join(["hpo", *title]))
    sys.stderr.write(
        "warning: a password in a command line can be read by every user of this machine until hpo hides it, and is in "
        "the shell's history: give it in HPO_STORAGE, PGPASSWORD or ~/.pgpass\n"
    )


def _masked(argument: str) -> str:
    if "://" not in argument:
        return argument
    return _AS_A_SETTING.sub(rf"\1{_HIDDEN}", _IN_FRONT.sub(rf"\1{_HIDDEN}", argument))
