"""Make README's picture, `docs/run.svg`, from a real run in a real terminal.

    pip install pyte && python docs/picture.py

It starts `hpo run` on a pseudo-terminal, lets an emulator draw what a person would see, and keeps the last screen.
"""

import os
import pty
import re
import struct
import tempfile
import termios
from contextlib import suppress
from fcntl import ioctl
from pathlib import Path

import pyte
from rich.console import Console
from rich.segment import Segment, Segments
from rich.style import Style

COMMAND = ["hpo", "run", "digits", "--seed", "0"]
WIDTH, HEIGHT = 106, 60


def run() -> pyte.Screen:
    """Run the command; return the screen at its end."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.ByteStream(screen)
    with tempfile.TemporaryDirectory() as folder:
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(folder)
            os.environ |= {"TERM": "xterm-256color", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
            os.execvp(COMMAND[0], COMMAND)  # noqa: S606 - that very program
        ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", HEIGHT, WIDTH, 0, 0))
        with suppress(OSError):  # the terminal is gone when the program is
            while data := os.read(terminal, 65536):
                stream.feed(data)
        _, status = os.waitpid(pid, 0)
    if status:
        raise SystemExit(f"{' '.join(COMMAND)} failed: is it installed, and on the PATH?")
    return screen


def segments(screen: pyte.Screen) -> list[Segment]:
    """Return what is on the screen, without the empty lines at its end, in its colours."""
    lines = max(number for number, line in enumerate(screen.display) if line.strip()) + 1
    parts = [Segment(f"$ {' '.join(COMMAND)}", Style(bold=True)), Segment.line()]
    for number in range(lines):
        for column in range(WIDTH):
            cell = screen.buffer[number][column]
            colour = {"default": None, "brown": "yellow"}.get(cell.fg, cell.fg)
            if colour and re.fullmatch("[0-9a-f]{6}", colour):
                colour = f"#{colour}"
            parts.append(Segment(cell.data, Style(color=colour, bold=cell.bold, italic=cell.italics)))
        parts.append(Segment.line())
    return parts


def main() -> None:
    """Write the picture."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=WIDTH, file=nowhere)
        console.print(Segments(segments(run())))
    picture = console.export_svg(title="hpo")
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)  # whatever monospaced font the reader has
    Path(__file__).with_name("run.svg").write_text(picture)


if __name__ == "__main__":
    main()
