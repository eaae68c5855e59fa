"""Gradient descent, with momentum."""

from collections.abc import Sequence

import numpy as np

from network.arrays import Array
from network.optimizers.base import Optimizer


class SGD(Optimizer):
    """Gradient descent with momentum (Polyak 1964): v ← μ v + g, θ ← θ - η v. With μ = 0: plain gradient descent."""

    slots = ("velocity",)
    settings = ("momentum",)

    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        return rates, np.broadcast_to(self._columns["momentum"], steps.shape)

    def _update(self, coefficients: Sequence[Array]) -> None:
        rate, momentum = coefficients
        gradients, (velocity,) = self._gradients, self._slots
        np.multiply(velocity, momentum, out=velocity)
        np.add(velocity, gradients, out=velocity)
        np.multiply(velocity, rate, out=gradients)
        np.subtract(self._parameters, gradients, out=self._parameters)
