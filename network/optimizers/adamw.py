"""Adaptive moments, and weights that decay beside them."""

from collections.abc import Sequence

import numpy as np

from network.arrays import Array
from network.optimizers.adam import adaptive, descend
from network.optimizers.base import Optimizer


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019, algorithm 2).

    Before Adam's step, weights shrink by the factor 1 - η λ; biases do not. The paper's λ is this one times the initial
    learning rate.
    """

    slots = ("first_moment", "second_moment")
    settings = ("beta1", "beta2", "weight_decay")

    def _coefficients_of(self, rates: Array, steps: Array) -> tuple[Array, ...]:
        kept = 1 - rates * self._columns["weight_decay"]
        return kept, *adaptive(rates, steps, self._columns["beta1"], self._columns["beta2"])

    def _update(self, coefficients: Sequence[Array]) -> None:
        kept, *adaptive_coefficients = coefficients
        np.multiply(self._weights, kept, out=self._weights)
        descend(self._parameters, self._gradients, self._slots, adaptive_coefficients)
