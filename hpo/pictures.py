"""Learning curves as a picture in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text

WIDTHS: Final = (40, 100)
"""Columns: on fewer there is no picture, on more it grows no further."""
HEIGHTS: Final = (8, 18)
"""Rows, likewise."""

_COLOURS: Final = ("blue", "orange", "green", "red", "magenta", "cyan", "yellow", "gray")


def draw_curves(
    curves: Mapping[int, Sequence[tuple[int, float]]], *, title: str, rising: bool, columns: int, rows: int
) -> Text | None:
    """Return the curves by trial, each of points (epoch, value), as coloured text; None where there is no room.

    `rising` tells that good curves rise, and so where the legend is least in the way.
    """
    if columns < WIDTHS[0] or rows < HEIGHTS[0] or not any(curves.values()):
        return None
    import plotext

    width, height = min(columns, WIDTHS[1]), min(rows, HEIGHTS[1])
    figure = plotext.figure
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(width, height)
    figure.title(title)
    figure.label("epoch")
    for (number, points), colour in zip(curves.items(), _COLOURS, strict=False):
        epochs, values = zip(*points, strict=True)
        marker = plotext.marker("braille", colour) if len(epochs) > 1 else plotext.marker("•", colour)
        figure.draw(figure.signal(list(epochs), list(values), marker=marker).lines().label(f"trial {number}"))
    last = max(points[-1][0] for points in curves.values())
    figure.ruler("x").ticks(_ticks(last))
    figure.legend(x=width, y=0 if rising else height, ha="right", va="bottom" if rising else "top")
    return Text.from_ansi(str(figure.build()).rstrip("\n"), no_wrap=True)


def _ticks(last: int) -> list[int]:
    """Return at most ten epochs, evenly spaced from the first on."""
    step = -(-last // 10)
    return list(range(1, last + 1, step))
