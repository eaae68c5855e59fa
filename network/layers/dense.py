"""The dense (fully connected) layer."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Array, ones
from network.initializers import Initializer
from network.layers.base import Layer, Parameter


@dataclass(frozen=True, slots=True)
class Dense(Layer):
    """Each output is a weighted sum of all inputs: weights W (inputs, outputs) and biases b (1, outputs).

    Every sum is a matrix product: matmul hands each member's matrices to BLAS on their own, whereas the order in which
    `np.sum` adds up is NumPy's to choose by the shape of the whole stack.
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """W and b; weight decay acts on W alone."""
        return (
            Parameter((self.inputs, self.outputs), decays=True),
            Parameter((1, self.outputs), decays=False),
        )

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """W as the initializer draws it, b = 0."""
        return initializer.draw(rng, self.inputs, self.outputs), np.zeros((1, self.outputs))

    def forward(self, parameters: tuple[Array, ...], x: Array, y: Array) -> None:
        """Set y = x W + b."""
        weights, biases = parameters
        np.matmul(x, weights, out=y)
        y += biases

    def backward(
        self,
        parameters: tuple[Array, ...],
        gradients: tuple[Array, ...],
        x: Array,
        y: Array,
        *,
        dy: Array,
        dx: Array | None,
    ) -> None:
        """Set dW = xᵀ dy, db = 1ᵀ dy, dx = dy Wᵀ."""
        del y
        weights_gradient, biases_gradient = gradients
        np.matmul(x.mT, dy, out=weights_gradient)
        np.matmul(ones(x.shape[1], x.dtype)[None], dy, out=biases_gradient)
        if dx is not None:
            np.matmul(dy, parameters[0].mT, out=dx)
