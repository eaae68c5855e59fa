"""Growth: how the time of an epoch of ours follows the number of rows, and the width of the hidden layer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from training import ours
from training.cells import DenseCell, digits
from training.rounds import Contestant, Ratio, ratio, take_turns

ROWS_HIDDEN, ROWS_BATCH, WIDTH_BATCH = 64, 32, 128


@dataclass(frozen=True, slots=True)
class Growth:
    """From one size to another: how the time grew, and how the arithmetic did."""

    start: int
    stop: int
    time: Ratio
    arithmetic: float


def by_rows(copies: Sequence[int], rounds: int) -> list[Growth]:
    """Return the growth from the first number of copies of the training rows to each of the others."""
    cell = DenseCell((ROWS_HIDDEN,), ROWS_BATCH)
    contestants = [_named(str(count), ours.contestant(ours.dense(cell, digits(count), 1))) for count in copies]
    times = take_turns(contestants, rounds)
    first, *others = copies
    return [Growth(first, size, ratio(times[str(size)], times[str(first)]), size / first) for size in others]


def by_width(widths: Sequence[int], rounds: int) -> list[Growth]:
    """Return the growth from each width to the next."""
    data = digits()
    cells = [DenseCell((width,), WIDTH_BATCH) for width in widths]
    times = take_turns([_named(cell.name, ours.contestant(ours.dense(cell, data, 1))) for cell in cells], rounds)
    rows = len(data.x_train)
    return [
        Growth(
            small.hidden[0],
            large.hidden[0],
            ratio(times[large.name], times[small.name]),
            large.flops(rows) / small.flops(rows),
        )
        for small, large in pairwise(cells)
    ]


def _named(name: str, contestant: Contestant) -> Contestant:
    return Contestant(name, contestant.run, contestant.networks, contestant.epochs)
