"""Adaptive moments."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from network.arrays import Array
from network.optimizers.base import Optimizer

EPSILON: Final = 1e-8


class Adam(Optimizer):
    """Adam (Kingma and Ba, ICLR 2015, algorithm 1).

    The slots are the paper's moments without their factors, M = m / (1 - β₁) and V = v / (1 - β₂): the factors and both
    bias corrections move into two coefficients of a step.
    """

    slots = ("first_moment", "second_moment")
    settings = ("beta1", "beta2")

    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        return adaptive(rates, steps, self._columns["beta1"], self._columns["beta2"])

    def _update(self, coefficients: Sequence[Array]) -> None:
        descend(self._parameters, self._gradients, self._slots, coefficients)


def adaptive(rates: Array, steps: Array, beta1: Array, beta2: Array) -> tuple[Array, ...]:
    """Return what `descend` multiplies with, from arrays (members, steps) and columns (members, 1)."""
    first = (1 - beta1) / (1 - beta1**steps)  # m̂ = first · M
    second = np.sqrt((1 - beta2) / (1 - beta2**steps))  # √v̂ = second · √V
    # η m̂ / (√v̂ + ε) = (η first / second) M / (√V + ε / second)
    rate, epsilon = rates * first / second, EPSILON / second
    return np.broadcast_to(beta1, steps.shape), np.broadcast_to(beta2, steps.shape), rate, epsilon


def descend(parameters: Array, gradients: Array, moments: Sequence[Array], coefficients: Sequence[Array]) -> None:
    """Move the moments and the parameters; overwrite the gradients."""
    (first, second), (beta1, beta2, rate, epsilon) = moments, coefficients
    np.multiply(first, beta1, out=first)
    np.add(first, gradients, out=first)
    np.multiply(second, beta2, out=second)
    np.square(gradients, out=gradients)
    np.add(second, gradients, out=second)
    np.sqrt(second, out=gradients)
    np.add(gradients, epsilon, out=gradients)
    np.divide(first, gradients, out=gradients)
    np.multiply(gradients, rate, out=gradients)
    np.subtract(parameters, gradients, out=parameters)
