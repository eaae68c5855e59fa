"""Memory for stacks: arrays with a leading axis of members, laid out so that no member can tell that it has company."""

from functools import cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

ALIGNMENT = 64  # bytes: one cache line, and the widest vector register


def aligned_zeros(members: int, shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """Return zeros (members, *shape), each member's part contiguous and starting on an ALIGNMENT boundary.

    Some BLAS take another path, with other rounding, for operands of another alignment. Here it is the same for a
    member of a stack and for a network alone, and in every process.
    """
    dtype = np.dtype(dtype)
    size = prod(shape)
    padded = -(-size * dtype.itemsize // ALIGNMENT) * ALIGNMENT
    memory = np.zeros(members * padded + ALIGNMENT, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNMENT
    rows = memory[start : start + members * padded].view(dtype).reshape(members, padded // dtype.itemsize)
    return rows[:, :size].reshape(members, *shape)


def without(array: Array, index: int) -> Array:
    """Return a copy of `array`, made by `aligned_zeros`, that lacks member `index`."""
    rest = aligned_zeros(len(array) - 1, array.shape[1:], array.dtype)
    rest[:index] = array[:index]
    rest[index:] = array[index + 1 :]
    return rest


@cache
def ones(size: int, dtype: np.dtype[Any]) -> Array:
    """Return `size` ones, read-only: a product with them is a sum whose order depends on nothing but `size`."""
    array: Array = aligned_zeros(1, (size,), dtype)[0]
    array[...] = 1
    array.flags.writeable = False
    return array
