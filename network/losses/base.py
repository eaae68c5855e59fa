"""The contract of a loss.

Outputs are those of the last dense layer. The loss of a batch or of a data set is the mean of its rows' losses.

No bit of a member's results depends on how many members there are. Sums over outputs are matrix products, for which
each member's part of an array has to lie as `aligned_zeros` has it, in either order of rows and outputs; sums over rows
are reductions of one member's contiguous numbers.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Literal

import numpy as np

from network.arrays import Array, aligned_zeros, ones
from network.errors import check_name

Direction = Literal["minimize", "maximize"]

BLOCK_VALUES: Final = 1 << 15
"""How many outputs the metrics look at in the same calls, unless one member has more: few enough for the cache."""


@dataclass(frozen=True)
class Loss(ABC):
    """A loss, and the metrics that go with it.

    Arrays of shape (members, rows, outputs) may have any order in memory; fastest is the one in which the rows of an
    output are contiguous. In `gradient` NumPy may warn of an overflow that the result does not show: the caller
    silences it.
    """

    directions: ClassVar[Mapping[str, Direction]]
    """The metrics by name, and which way each is better. "loss" is the loss itself."""

    usual: ClassVar[tuple[str, ...]]
    """The metrics that are cheap enough for every epoch."""

    names_of_loss: ClassVar[frozenset[str]] = frozenset({"loss"})
    """The metrics that are the loss itself."""

    @abstractmethod
    def targets(self, name: str, y: Array, outputs: int, dtype: np.dtype[Any]) -> Array:
        """Return `y` as the array (n, outputs) that the outputs are compared with.

        Raises NetworkError, calling the array `name`, when `y` is no target of this loss.
        """

    def undecided(self, outputs: int) -> float | None:  # noqa: ARG002 - numbers are never undecided
        """Return the target, for each output, of a row of which nothing is known; None where there is none."""
        return None

    @abstractmethod
    def predictions(self, outputs: Array) -> Array:
        """Return what `outputs` (…, n, outputs) mean to a user, as a new array of the same shape."""

    def gradient(
        self, outputs: Array, targets: Array, gradient: Array, losses: Array, weights: Array | None = None
    ) -> None:
        """Write the gradient of a batch's loss to `gradient` and each row's loss to `losses`.

        `outputs` (overwritten), `targets` and `gradient` have the shape (members, rows, outputs), `losses` and
        `weights` (members, rows). A weight multiplies its row's loss; the batch's loss is the mean of the products.
        """
        factor = self._gradient(outputs, targets, gradient, losses) / outputs.shape[-2]
        if weights is None:
            gradient *= factor
        else:
            losses *= weights
            gradient *= (weights * factor)[..., None]

    def metrics(
        self, outputs: Array, targets: Array, names: Collection[str], weights: Array | None = None
    ) -> dict[str, Array]:
        """Return the metrics called `names`, each (members,) in float64, of rows that all members see.

        `outputs` (members, n, outputs) and `targets` (n, outputs) stay as they are. `weights` (n,), finite, at least 0
        and not all 0, say how much each row counts. The loss of a member whose outputs are not finite is not finite.
        Raises NetworkError on an unknown name.
        """
        for name in names:
            check_name("metric", name, self.directions)
        if weights is not None:
            counted = weights > 0
            outputs, targets, weights = outputs[:, counted], targets[counted], weights[counted].astype(np.float64)
            weights /= weights.sum()
        if not targets.T.flags.c_contiguous:
            targets = _rows_contiguous(targets[None])[0]
        members = max(1, BLOCK_VALUES // max(1, targets.size))
        with np.errstate(all="ignore"):
            blocks = [
                self._block_metrics(outputs[start : start + members], targets, names, weights)
                for start in range(0, len(outputs), members)
            ]
        if len(blocks) == 1:
            return blocks[0]
        return {name: np.concatenate([block[name] for block in blocks]) for name in names}

    @abstractmethod
    def _gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> float:
        """Write each row's loss and, but for the factor that is returned, its gradient. `outputs` may be overwritten.

        Targets may be mixtures of those that `targets` returns, and the same for all members.
        """

    @abstractmethod
    def _metric(self, name: str, outputs: Array, targets: Array, weights: Array | None) -> Array:
        """Return one metric (members,) other than the loss. Weights sum to 1; an output's rows are contiguous."""

    def _block_metrics(
        self, outputs: Array, targets: Array, names: Collection[str], weights: Array | None
    ) -> dict[str, Array]:
        members, rows, width = outputs.shape
        losses = aligned_zeros(members, (rows,), outputs.dtype)
        three = aligned_zeros(3 * members, (width, rows), outputs.dtype).mT
        given, overwritten, gradient = three[:members], three[members : 2 * members], three[2 * members :]
        given[...] = outputs
        overwritten[...] = given
        self._gradient(overwritten, targets, gradient, losses)
        loss = mean(losses, weights)
        return {
            name: loss if name in self.names_of_loss else self._metric(name, given, targets, weights) for name in names
        }


def mean(values: Array, weights: Array | None = None) -> Array:
    """Return the means (…) of `values` (…, n) over the last axis, in float64; `weights` (n,) sum to 1."""
    values = values.astype(np.float64, order="C", copy=False)
    total: Array = np.add.reduce(values if weights is None else values * weights, axis=-1)
    return total / values.shape[-1] if weights is None else total


def sum_over_outputs(values: Array, sums: Array) -> None:
    """Write the sums of `values` (members, rows, outputs) over the outputs to `sums` (members, rows)."""
    np.matmul(ones(values.shape[-1], values.dtype)[None], values.mT, out=sums[:, None])


def mean_over_outputs(values: Array, means: Array) -> None:
    """Write the means of `values` (members, rows, outputs) over the outputs to `means` (members, rows)."""
    np.matmul(_shares(values.shape[-1], values.dtype)[None], values.mT, out=means[:, None])


@cache
def _shares(size: int, dtype: np.dtype[Any]) -> Array:
    """Return `size` times 1 / `size`, read-only."""
    shares: Array = aligned_zeros(1, (size,), dtype)[0]
    shares[...] = 1 / size
    shares.flags.writeable = False
    return shares


def _rows_contiguous(array: Array) -> Array:
    """Return a copy of `array` (members, n, outputs), each member's aligned, an output's rows contiguous."""
    copy: Array = aligned_zeros(len(array), (array.shape[2], array.shape[1]), array.dtype).mT
    copy[...] = array
    return copy
