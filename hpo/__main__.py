"""The command `hpo`, which is `python -m hpo` as well: its passwords are hidden before anything else is loaded."""

import sys
from typing import NoReturn

from hpo.cli.process_title import hide_passwords


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    hide_passwords(sys.argv[1:])
    from hpo.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
