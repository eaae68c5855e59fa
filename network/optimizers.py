"""Optimizers: how parameters follow their gradients.

All arrays are flat, (members, P) for the P parameters of a network: an update is a handful of array operations
whatever the depth. Each member has its own settings, and its own count of the steps it has made.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from network.arrays import Array, aligned_zeros, without
from network.member import Member


class Optimizer(ABC):
    """The state of a stack's optimizer: for every parameter one number in each of its `slots`.

    `decays` (P) is 1 where L2 acts on a parameter, and 0 elsewhere.
    """

    slots: ClassVar[tuple[str, ...]]

    def __init__(self, members: Sequence[Member], decays: Array) -> None:
        self.state: dict[str, Array] = {
            slot: aligned_zeros(len(members), decays.shape, decays.dtype) for slot in self.slots
        }
        self._decay = aligned_zeros(len(members), decays.shape, decays.dtype)
        self._scratch = aligned_zeros(len(members), decays.shape, decays.dtype)
        self._coefficients: Sequence[Sequence[Array]] = ()
        for row, member in zip(self._decay, members, strict=True):
            np.multiply(decays, member.l2, out=row)

    def begin(self, members: Sequence[Member], done: Sequence[int], steps: int) -> None:
        """Get ready for `steps` steps; each member has `done` so many before."""
        coefficients = [
            self._schedule(member, np.arange(before + 1, before + steps + 1, dtype=np.float64))
            for member, before in zip(members, done, strict=True)
        ]
        # (members, coefficients, steps) -> for each step, each coefficient as a column that broadcasts over parameters
        by_step = np.array(coefficients, self._decay.dtype).transpose(2, 1, 0)[..., None]
        self._coefficients = [tuple(step) for step in np.ascontiguousarray(by_step)]

    def step(self, index: int, parameters: Array, gradients: Array) -> None:
        """Make step `index` of those that `begin` announced. Changes `parameters` in place, overwrites `gradients`."""
        np.multiply(self._decay, parameters, out=self._scratch)
        gradients += self._scratch
        self._update(parameters, gradients, self._coefficients[index])

    def drop(self, index: int) -> None:
        """Forget member `index`."""
        self.state = {slot: without(array, index) for slot, array in self.state.items()}
        self._decay = without(self._decay, index)
        self._scratch = without(self._scratch, index)

    @staticmethod
    @abstractmethod
    def _schedule(member: Member, steps: Array) -> tuple[Array, ...]:
        """Return the member's coefficients in each of the `steps`, which count from 1: arrays of the shape of `steps`.

        In float64, and for one member at a time: so they are the same in every stack.
        """

    @abstractmethod
    def _update(self, parameters: Array, gradients: Array, coefficients: Sequence[Array]) -> None:
        """Change `parameters` in place; `gradients` may be overwritten; each coefficient has the shape (members, 1)."""


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak 1964): v ← μ v + g, θ ← θ - η v. With μ = 0: plain gradient descent."""

    slots = ("velocity",)

    @staticmethod
    def _schedule(member: Member, steps: Array) -> tuple[Array, ...]:
        return np.full_like(steps, member.learning_rate), np.full_like(steps, member.momentum)

    def _update(self, parameters: Array, gradients: Array, coefficients: Sequence[Array]) -> None:
        learning_rate, momentum = coefficients
        velocity = self.state["velocity"]
        velocity *= momentum
        velocity += gradients
        np.multiply(velocity, learning_rate, out=gradients)
        parameters -= gradients


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1).

    The slots are the paper's moments without their factors, M = m / (1 - β₁) and V = v / (1 - β₂): the factors and both
    bias corrections move into two coefficients of a step, which saves two passes over the parameters.
    """

    slots = ("first_moment", "second_moment")
    epsilon: ClassVar[float] = 1e-8

    @staticmethod
    def _schedule(member: Member, steps: Array) -> tuple[Array, ...]:
        first = (1 - member.beta1) / (1 - member.beta1**steps)  # m̂ = first · M
        second = np.sqrt((1 - member.beta2) / (1 - member.beta2**steps))  # √v̂ = second · √V
        # η m̂ / (√v̂ + ε) = (η first / second) M / (√V + ε / second)
        return (
            member.learning_rate * first / second,
            Adam.epsilon / second,
            np.full_like(steps, member.beta1),
            np.full_like(steps, member.beta2),
        )

    def _update(self, parameters: Array, gradients: Array, coefficients: Sequence[Array]) -> None:
        rate, epsilon, beta1, beta2 = coefficients
        first, second = self.state["first_moment"], self.state["second_moment"]
        first *= beta1
        first += gradients
        second *= beta2
        np.square(gradients, out=gradients)
        second += gradients
        np.sqrt(second, out=gradients)
        gradients += epsilon
        np.divide(first, gradients, out=gradients)
        gradients *= rate
        parameters -= gradients


OPTIMIZERS: Final[Mapping[str, type[Optimizer]]] = MappingProxyType({"adam": Adam, "sgd": SGD})
