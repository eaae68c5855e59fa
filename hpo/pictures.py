"""Learning curves as a picture in the terminal."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich.text import Text

WIDTHS: Final = (40, 100)
"""Columns: on fewer there is no picture, on more it grows no further."""
HEIGHTS: Final = (9, 18)
"""Rows, likewise."""

_COLOURS: Final = {
    "blue": "blue",
    "orange": "yellow",
    "green": "green",
    "red": "red",
    "magenta": "magenta",
    "cyan": "cyan",
}
"""The colours of the curves: plotext's names, and Rich's."""
_MOST_TICKS: Final = 8

Curve = Sequence[tuple[int, float]]
"""Points (epoch, value), by rising epoch."""


def draw_curves(curves: Mapping[int, Curve], *, title: str, columns: int, rows: int) -> Text | None:
    """Return the curves by trial as coloured text with a legend below; None where there is no room, or no curve.

    No more than six are drawn, the first ones.
    """
    drawn = {number: curve for number, curve in list(curves.items())[: len(_COLOURS)] if curve}
    if columns < WIDTHS[0] or rows < HEIGHTS[0] or not drawn:
        return None
    import plotext

    figure = plotext.figure  # the library has but this one
    figure.clear()
    figure.theme("colorless")
    figure.plot_size(min(columns, WIDTHS[1]), min(rows, HEIGHTS[1]) - 1)
    figure.title(title)
    figure.label("epoch")
    for curve, colour in zip(drawn.values(), _COLOURS, strict=False):
        epochs, values = zip(*curve, strict=True)
        marker = plotext.marker("braille" if len(curve) > 1 else "•", colour)
        figure.draw(figure.signal(list(epochs), list(values), marker=marker).lines())
    figure.ruler("x").ticks(_ticks(max(curve[-1][0] for curve in drawn.values())))
    picture = Text.from_ansi(str(figure.build()).rstrip("\n"), no_wrap=True)
    return picture.append("\n").append_text(_legend(drawn))


def _ticks(last: int) -> list[int]:
    """Return some epochs, evenly spaced from the first on."""
    return list(range(1, last + 1, -(-last // _MOST_TICKS)))


def _legend(curves: Mapping[int, Curve]) -> Text:
    entries = [Text(f"trial {number}", style) for number, style in zip(curves, _COLOURS.values(), strict=False)]
    return Text("  ").join([Text("  "), *entries])
