"""Arithmetic by channel, the last axis of images. An image's pixels are taken side by side, so that loops are long.

Of an array (members, rows, height, width, channels) the rows are (members, rows, units), and the pixels (members,
rows * height * width, channels). In a row that is no image each unit is a channel. Values by channel are (members, 1,
channels); `row` is memory for one row of each member, (members, 1, units).
"""

import numpy as np

from network.arrays import Array, ones


def by_row(array: Array) -> Array:
    """Return an array's rows, in its memory."""
    return array.reshape(*array.shape[:2], -1)


def by_pixel(array: Array) -> Array:
    """Return an array's pixels, in its memory."""
    return array.reshape(len(array), -1, array.shape[-1])


def spread(values: Array, row: Array) -> Array:
    """Return the values by channel for each unit of a row, (members, 1, units)."""
    if row.shape == values.shape:
        return values
    np.copyto(row.reshape(len(row), -1, values.shape[-1]), values)
    return row


def sum_by_channel(rows: Array, row: Array, sums: Array) -> None:
    """Write the sums over all rows and pixels to `sums` by channel; products with ones, so that the order is fixed."""
    if row.shape == sums.shape:
        row = sums
    np.matmul(ones(rows.shape[1], rows.dtype)[None], rows, out=row)
    if row is not sums:
        pixels = row.reshape(len(row), -1, sums.shape[-1])
        np.matmul(ones(pixels.shape[1], rows.dtype)[None], pixels, out=sums)
