"""The contract of an optimizer: how parameters follow their gradients."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from network.arrays import Array, aligned_zeros
from network.member import Member


class Optimizer(ABC):
    """The optimizer of a stack. All arrays are flat: an update is a handful of array operations whatever the depth.

    `parameters` (members, P) are changed in place. `work` (n, members, P) begins with the gradients and may be
    overwritten; what an update keeps is in `state` (slots, members, P). Of the parameters, the first `weights` are
    those that decay acts on. Members have their own settings, and their own counts of steps.
    """

    slots: ClassVar[tuple[str, ...]]
    """What is kept for each parameter from one step to the next; it starts at 0."""
    settings: ClassVar[tuple[str, ...]] = ()
    """The fields of a member that the optimizer reads, beside its learning rate."""
    work: ClassVar[int] = 1
    """How many arrays of the gradients' size an update needs, the gradients included."""

    def __init__(self, members: Sequence[Member], parameters: Array, work: Array, weights: int) -> None:
        count, size = parameters.shape
        slots = len(self.slots)
        self.state: Array = aligned_zeros(slots * count, (size,), parameters.dtype).reshape(slots, count, size)
        self._parameters, self._weights = parameters, parameters[:, :weights]
        self._gradients, *self._spare = work
        self._slots = tuple(self.state)
        self._columns = {name: np.array([[getattr(m, name)] for m in members], np.float64) for name in self.settings}
        self._coefficients: Sequence[Sequence[Array]] = ()

    @final
    def begin(self, rates: Array, done: Sequence[int]) -> None:
        """Get ready for an epoch with these learning rates (members, steps), in float64, after `done` steps."""
        steps = np.add.outer(np.array(done, np.float64), np.arange(1.0, rates.shape[1] + 1))
        by_step = [self._by_step(coefficient) for coefficient in self._coefficients_of(rates, steps)]
        self._coefficients = list(zip(*by_step, strict=True))

    @final
    def step(self, index: int) -> None:
        """Make step `index` of the epoch."""
        self._update(self._coefficients[index])

    def _by_step(self, coefficient: Array) -> list[Array]:
        """Return a coefficient (members, steps) for each step: (members, 1), or () where all members have the same.

        NumPy multiplies by an array without axes in half the time of a small array with some.
        """
        rows = coefficient.astype(self._parameters.dtype)
        if (rows == rows[0]).all():
            return [rows[0, step, ...] for step in range(rows.shape[1])]
        return list(rows.T[..., None].copy())

    @abstractmethod
    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        """Return what an update multiplies with, each (members, steps); `steps` counts from 1 for each member.

        In float64, and elementwise: so the numbers of a member are the same in every stack.
        """

    @abstractmethod
    def _update(self, coefficients: Sequence[Array]) -> None:
        """Change the parameters; the coefficients, (members, 1) or (), multiply each member's row by its own number."""
