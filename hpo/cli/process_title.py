"""Passwords in a command line, taken out of what `ps` shows of this process to every user of the machine.

It loads next to nothing, so that it comes first: until then a password can be seen.
"""

import sys
from collections.abc import Sequence

from storage.passwords import masked


def hide_passwords(arguments: Sequence[str]) -> None:
    """Take the passwords out of this process's title, where there are any, and tell that they could be seen."""
    title = [masked(argument) if "://" in argument else argument for argument in arguments]
    if title == list(arguments):
        return
    from setproctitle import setproctitle

    setproctitle(" ".join(["hpo", *title]))
    sys.stderr.write(
        "warning: a password in a command line can be read by every user of this machine until hpo hides it, and is in "
        "the shell's history: give it in HPO_STORAGE, PGPASSWORD or ~/.pgpass\n"
    )
