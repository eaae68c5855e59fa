"""The command `hpo`, which is `python -m hpo` as well: its passwords are hidden before anything else is loaded."""

import gc
import signal
import sys
from typing import Final, NoReturn

from hpo.cli.process_title import hide_passwords

_YOUNG: Final = 50_000
"""Objects made until garbage is looked for: loading a command makes many, and none of them is garbage."""


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    hide_passwords(sys.argv[1:])
    gc.set_threshold(_YOUNG)
    from hpo.cli.main import main as run

    try:
        run()
    finally:  # all is said: whoever presses Ctrl-C once more while processes leave is rid of them without a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    main()
