"""Nesterov's accelerated gradient."""

from collections.abc import Sequence

import numpy as np

from network.arrays import Array
from network.optimizers.base import Optimizer


class Nesterov(Optimizer):
    """Nesterov's momentum (Sutskever, Martens, Dahl and Hinton, ICML 2013, equations 3 and 4).

    Parameters are kept where the paper takes the gradient, ahead by the velocity: v ← μ v + g, θ ← θ - η (g + μ v)
    (Bengio, Boulanger-Lewandowski and Pascanu, ICASSP 2013, section 3.5). The slot is μ v, which both lines need.
    """

    slots = ("velocity",)
    settings = ("momentum",)

    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        return rates, np.broadcast_to(self._columns["momentum"], steps.shape)

    def _update(self, coefficients: Sequence[Array]) -> None:
        rate, momentum = coefficients
        gradients, (velocity,) = self._gradients, self._slots
        np.add(velocity, gradients, out=velocity)
        np.multiply(velocity, momentum, out=velocity)
        np.add(gradients, velocity, out=gradients)
        np.multiply(gradients, rate, out=gradients)
        np.subtract(self._parameters, gradients, out=self._parameters)
