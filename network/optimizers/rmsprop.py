"""Steps divided by the root of a mean of squares that forgets."""

from collections.abc import Sequence

import numpy as np

from network.arrays import Array
from network.optimizers.base import Optimizer


class RMSProp(Optimizer):
    """RMSProp (Hinton, Neural Networks for Machine Learning, 2012, lecture 6e).

    s ← ρ s + (1 - ρ) g², θ ← θ - η g / (√s + ε). The slot is S = s / (1 - ρ): the factor moves into two coefficients.
    """

    slots = ("squares",)
    settings = ("rho",)
    work = 2
    epsilon = 1e-8

    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        rho = np.broadcast_to(self._columns["rho"], steps.shape)
        root = np.sqrt(1 - rho)  # √s = root · √S
        # η g / (√s + ε) = (η / root) g / (√S + ε / root)
        return rho, rates / root, self.epsilon / root

    def _update(self, coefficients: Sequence[Array]) -> None:
        rho, rate, epsilon = coefficients
        gradients, (update,), (squares,) = self._gradients, self._spare, self._slots
        np.multiply(squares, rho, out=squares)
        np.square(gradients, out=update)
        np.add(squares, update, out=squares)
        np.sqrt(squares, out=update)
        np.add(update, epsilon, out=update)
        np.divide(gradients, update, out=update)
        np.multiply(update, rate, out=update)
        np.subtract(self._parameters, update, out=self._parameters)
