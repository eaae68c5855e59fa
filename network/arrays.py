"""Memory for stacks: arrays with a leading axis of members, laid out so that no member can tell that it has company."""

from functools import cache
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Shape = tuple[int, ...]

ALIGNMENT = 64  # bytes: one cache line, and the widest vector register


def aligned_zeros(members: int, shape: Shape, dtype: npt.DTypeLike) -> Array:
    """Return zeros (members, *shape), each member's part contiguous and starting on an ALIGNMENT boundary.

    Some BLAS take another path, with other rounding, for operands of another alignment. Here it is the same for a
    member of a stack and for a network alone, and in every process.
    """
    return _laid_out(np.zeros(_bytes(members, shape, dtype), np.uint8), members, shape, dtype)


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


class Scratch:
    """Memory that whoever computes next may have, by the name of its use: its contents do not outlive a step."""

    def __init__(self) -> None:
        self._memory: dict[str, Array] = {}

    def array(self, use: str, members: int, shape: Shape, dtype: npt.DTypeLike) -> Array:
        """Return an array laid out as by `aligned_zeros`, in the memory kept for `use`, with whatever is left there."""
        size = _bytes(members, shape, dtype)
        if use not in self._memory or len(self._memory[use]) < size:
            self._memory[use] = np.zeros(size, np.uint8)
        return _laid_out(self._memory[use], members, shape, dtype)


def _bytes(members: int, shape: Shape, dtype: npt.DTypeLike) -> int:
    return members * _padded(shape, np.dtype(dtype)) + ALIGNMENT


def _padded(shape: Shape, dtype: np.dtype[Any]) -> int:
    """Return the bytes from one member's part to the next."""
    return -(-prod(shape) * dtype.itemsize // ALIGNMENT) * ALIGNMENT


def _laid_out(memory: Array, members: int, shape: Shape, dtype: npt.DTypeLike) -> Array:
    dtype = np.dtype(dtype)
    address = memory.__array_interface__["data"][0]  # thrice as fast as memory.ctypes.data
    padded, start = _padded(shape, dtype), -address % ALIGNMENT
    rows = memory[start : start + members * padded].view(dtype).reshape(members, padded // dtype.itemsize)
    return rows[:, : prod(shape)].reshape(members, *shape)
