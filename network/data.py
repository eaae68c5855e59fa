"""The data that networks train on: its checks, and its rows in minibatches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from network.architecture import Architecture
from network.arrays import ALIGNMENT, Array, Scratch
from network.errors import NetworkError
from network.randomness import Purpose, generator
from network.topology import loss_of


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Inputs (n, inputs) and targets as the loss wants them: classes (n,), values (n, outputs).

    Without validation data no metrics are known, and none of the epochs is the best. `weights` (n,) say how much each
    training row counts, only in proportion to the others; `validation_weights` likewise. The arrays are read and never
    modified.
    """

    x_train: Array
    y_train: Array
    x_validation: Array | None = None
    y_validation: Array | None = None
    weights: Array | None = None
    validation_weights: Array | None = None

    def __post_init__(self) -> None:
        if (self.x_validation is None) != (self.y_validation is None):
            given, missing = ("y", "x") if self.x_validation is None else ("x", "y")
            raise NetworkError(f"There is {given}_validation, but no {missing}_validation: give both or neither.")
        if self.validation_weights is not None and self.x_validation is None:
            raise NetworkError("There are validation_weights, but no validation data: give x_validation, y_validation.")


@dataclass(frozen=True, slots=True)
class Rows:
    """Checked data in the architecture's dtype.

    `x` (n, inputs); `targets` (outputs, n), as what is computed from outputs runs along rows; `weights` (n,) of mean 1.
    """

    x: Array
    targets: Array
    weights: Array | None

    def __len__(self) -> int:
        return len(self.x)


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


def checked_rows(
    names: tuple[str, str, str], x: Array, y: Array, weights: Array | None, architecture: Architecture
) -> Rows:
    """Return checked data; raise NetworkError, calling x, y and weights by these `names`, when they do not fit."""
    x_name, y_name, weights_name = names
    inputs = checked_inputs(x_name, x, architecture)
    targets = loss_of(architecture).targets(y_name, np.asarray(y), architecture.outputs, architecture.float_type)
    if len(inputs) != len(targets):
        raise NetworkError(
            f"{x_name} has {len(inputs)} rows and {y_name} {len(targets)}: give one target for each row of inputs."
        )
    counted = _checked_weights(weights_name, weights, len(inputs), architecture)
    return Rows(inputs, np.ascontiguousarray(targets.T), counted)


def _checked_weights(name: str, weights: Array | None, rows: int, architecture: Architecture) -> Array | None:
    """Return weights of mean 1."""
    if weights is None:
        return None
    weights = np.asarray(weights)
    if weights.shape != (rows,) or weights.dtype.kind not in "biuf":
        raise NetworkError(
            f"{name} has shape {weights.shape} and dtype {weights.dtype}, but must hold one number for each of the "
            f"{rows} rows: shape ({rows},)."
        )
    weights = weights.astype(np.float64)
    total = weights.sum()
    if not (np.isfinite(total) and (weights >= 0).all() and total > 0):
        raise NetworkError(
            f"{name} must be finite numbers of at least 0, and not all 0: each says how much its row counts."
        )
    return np.ascontiguousarray(weights / (total / rows), architecture.float_type)


@dataclass(frozen=True, slots=True)
class Batch:
    """A minibatch for each member: x (members, rows, inputs), targets (members, rows, outputs), weights.

    It begins at row `start` of the epoch. The arrays are valid until the next batch.
    """

    start: int
    x: Array
    targets: Array
    weights: Array | None


class Batches:
    """Minibatches for a stack, each member's in its own order; the last of an epoch holds the rows that are left."""

    def __init__(self, rows: Rows, batch_size: int, members: int, scratch: Scratch) -> None:
        self._rows = rows
        full, rest = divmod(len(rows), min(batch_size, len(rows)))
        self.sizes = [min(batch_size, len(rows))] * full + [rest] * bool(rest)
        """The rows in each step of an epoch."""
        self._desks = {size: Desk.for_batches_of(size, rows, members, scratch) for size in set(self.sizes)}

    def epoch(self, seeds: Sequence[int], epochs: Sequence[int]) -> Iterator[Batch]:
        """Yield the batches of members with these seeds, each after so many epochs."""
        orders, start = self._orders(seeds, epochs), 0
        for size in self.sizes:
            yield self._gather(orders, start, self._desks[size])
            start += size

    def _orders(self, seeds: Sequence[int], epochs: Sequence[int]) -> Array:
        """Return for each member a permutation of the rows, followed by some that are there to be looked at only."""
        count = len(self._rows)
        orders = np.zeros((len(seeds), count + ALIGNMENT), np.intp)
        orders[:, :count] = np.arange(count)
        for order, seed, epoch in zip(orders, seeds, epochs, strict=True):
            generator(seed, Purpose.DATA_ORDER, epoch).shuffle(order[:count])
        return orders

    def _gather(self, orders: Array, start: int, desk: "Desk") -> Batch:
        """Return the next rows of each member's order.

        With mode="clip" NumPy writes straight to `out`; an order never leaves the range.
        """
        np.copyto(desk.rows, orders[:, start : start + desk.rows.shape[1]])
        self._rows.x.take(desk.rows, axis=0, out=desk.x, mode="clip")
        self._rows.targets.take(desk.rows, axis=1, out=desk.targets, mode="clip")
        if self._rows.weights is None:
            return Batch(start, desk.inputs, desk.wanted, None)
        return Batch(start, desk.inputs, desk.wanted, self._rows.weights[desk.rows[:, : desk.inputs.shape[1]]])


@dataclass(frozen=True, slots=True)
class Desk:
    """Where minibatches of one size are laid out, and the parts of it that a batch shows.

    All members' rows are taken in one call, a few more than wanted, so that each member's begin on an aligned address
    without a gap: `rows` (members, taken), `x` (members, taken, inputs), `targets` (outputs, members, taken).
    """

    rows: Array
    x: Array
    targets: Array
    inputs: Array
    wanted: Array

    @classmethod
    def for_batches_of(cls, size: int, rows: Rows, members: int, scratch: Scratch) -> "Desk":
        """Return a desk for `size` of these rows for each member."""
        taken, dtype = size, rows.x.dtype
        while taken * rows.x.shape[1] * dtype.itemsize % ALIGNMENT:
            taken += 1
        x = scratch.array("batch", members, (taken, rows.x.shape[1]), dtype)
        targets = scratch.array("batch targets", 1, (len(rows.targets), members, taken), dtype)[0]
        numbers = np.zeros((members, taken), np.intp)
        return cls(numbers, x, targets, x[:, :size], targets.transpose(1, 2, 0)[:, :size])
