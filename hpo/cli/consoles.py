"""Where output goes: answers to stdout; progress, remarks and errors to stderr."""

import sys
from typing import Final, TextIO

from rich.console import Console

_UNBOUNDED: Final = 10_000  # columns of what is no terminal: nothing is folded or cut


def answers() -> Console:
    """Return the console on stdout."""
    return _console(sys.stdout)


def person() -> Console:
    """Return the console on stderr, read by a person even where stdout is piped."""
    return _console(sys.stderr)


def _console(stream: TextIO) -> Console:
    terminal = stream.isatty()
    return Console(
        file=stream,
        width=None if terminal else _UNBOUNDED,
        force_terminal=None if terminal else False,  # no control characters in a pipe, whatever FORCE_COLOR says
        markup=False,
        highlight=False,
        emoji=False,
    )


def printable(text: str) -> str:
    """Return `text` with its control characters spelled out, but for line ends and tabs."""
    return "".join(c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text)
