"""The data that networks train on: its checks, and its rows in minibatches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from network.architecture import Architecture
from network.arrays import Array, aligned_zeros
from network.errors import NetworkError
from network.losses import LOSSES

CHUNK_BYTES = 1 << 20  # of one member's rows gathered at a time: little beside memory, much beside a call's overhead


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Inputs (n, inputs) and targets: classes (n,) for cross-entropy, values (n, outputs) for squared error.

    The arrays are read and never modified.
    """

    x_train: Array
    y_train: Array
    x_validation: Array
    y_validation: Array


def checked_inputs(name: str, x: Array, architecture: Architecture) -> Array:
    """Return `x` in the architecture's dtype; raise NetworkError, calling it `name`, when a network cannot take it."""
    x = np.asarray(x)
    if x.ndim != 2 or x.shape[1] != architecture.inputs or x.dtype.kind not in "biuf":  # noqa: PLR2004 - a matrix
        raise NetworkError(
            f"{name} has shape {x.shape} and dtype {x.dtype}, but the network needs numbers of shape "
            f"(n, {architecture.inputs}): encode what is not a number, and give one column for each input."
        )
    if not len(x):
        raise NetworkError(f"{name} has no rows: give at least one.")
    with np.errstate(over="ignore"):
        x = np.ascontiguousarray(x, architecture.float_type)
    if not np.isfinite(x).all():
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise NetworkError(
            f"{name} holds NaN, infinity or a number too large for {architecture.dtype}, first in row {row}, column "
            f"{column}: impute or drop it."
        )
    return x


def checked_pair(part: str, x: Array, y: Array, architecture: Architecture) -> tuple[Array, Array]:
    """Return inputs and targets in the architecture's dtype, targets of shape (n, outputs); raise NetworkError."""
    names = (f"x_{part}", f"y_{part}") if part else ("x", "y")
    inputs = checked_inputs(names[0], x, architecture)
    y = np.asarray(y)
    targets = LOSSES[architecture.loss].targets(names[1], y, architecture.outputs, architecture.float_type)
    if len(inputs) != len(targets):
        raise NetworkError(
            f"{names[0]} has {len(inputs)} rows and {names[1]} {len(targets)}: give one target for each row of inputs."
        )
    return inputs, targets


class Batches:
    """Minibatches for a stack, each member's in its own order; the last of an epoch holds the rows that are left."""

    def __init__(self, x: Array, targets: Array, batch_size: int, members: int) -> None:
        self._x, self._targets = x, targets
        self.batch_size = min(batch_size, len(x))
        self.steps = -(-len(x) // self.batch_size)
        # The size of a chunk must not depend on the number of members: it decides where in memory a batch begins.
        batches = max(1, CHUNK_BYTES // (self.batch_size * x.itemsize * (x.shape[1] + targets.shape[1])))
        rows = min(batches * self.batch_size, len(x))
        self._x_chunk = aligned_zeros(members, (rows, x.shape[1]), x.dtype)
        self._targets_chunk = aligned_zeros(members, (rows, targets.shape[1]), x.dtype)

    def epoch(self, orders: Sequence[Array]) -> Iterator[tuple[Array, Array]]:
        """Yield each batch's inputs and targets (members, rows, …), valid until the next one; an order permutes n."""
        rows, size = len(self._x), self._x_chunk.shape[1]
        for start in range(0, rows, size):
            count = min(size, rows - start)
            self._gather([order[start : start + count] for order in orders], count)
            for first in range(0, count, self.batch_size):
                batch = slice(first, min(first + self.batch_size, count))
                yield self._x_chunk[:, batch], self._targets_chunk[:, batch]

    def _gather(self, orders: Sequence[Array], count: int) -> None:
        for member, order in enumerate(orders):
            # With mode="clip" NumPy writes straight to `out`; an order never leaves the range.
            np.take(self._x, order, axis=0, out=self._x_chunk[member, :count], mode="clip")
            np.take(self._targets, order, axis=0, out=self._targets_chunk[member, :count], mode="clip")
