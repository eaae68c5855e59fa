"""Adaptive gradients: steps divided by all that was before."""

from collections.abc import Sequence

import numpy as np

from network.arrays import Array
from network.optimizers.base import Optimizer


class AdaGrad(Optimizer):
    """AdaGrad (Duchi, Hazan and Singer, JMLR 12, 2011, figure 1, diagonal): s ← s + g², θ ← θ - η g / (√s + ε)."""

    slots = ("squares",)
    work = 2
    epsilon = 1e-10

    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        return rates, np.broadcast_to(self.epsilon, steps.shape)

    def _update(self, coefficients: Sequence[Array]) -> None:
        rate, epsilon = coefficients
        gradients, (update,), (squares,) = self._gradients, self._spare, self._slots
        np.square(gradients, out=update)
        np.add(squares, update, out=squares)
        np.sqrt(squares, out=update)
        np.add(update, epsilon, out=update)
        np.divide(gradients, update, out=update)
        np.multiply(update, rate, out=update)
        np.subtract(self._parameters, update, out=self._parameters)
