"""The dense (fully connected) layer."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Array, Shape, ones
from network.initializers import Initializer
from network.layers.base import Layer, Parameter, Room


@dataclass(frozen=True, slots=True)
class Dense(Layer):
    """Each output is a weighted sum of all inputs: weights W (inputs, outputs) and biases b (1, outputs).

    Every sum is a matrix product: matmul hands each member's matrices to BLAS on their own.
    """

    width: int

    @property
    def outputs(self) -> Shape:
        return (self.width,)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        (inputs,) = self.inputs
        return Parameter((inputs, self.width), decays=True), Parameter((1, self.width), decays=False)

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """W as the initializer draws it, b = 0."""
        (inputs,) = self.inputs
        return initializer.draw(rng, (inputs, self.width), inputs, self.width), np.zeros((1, self.width))

    def forward(self, room: Room) -> None:
        """Set y = x W + b."""
        weights, biases = room.parameters
        np.matmul(room.x, weights, out=room.y)
        np.add(room.y, biases, out=room.y)

    def backward(self, room: Room) -> None:
        """Set dW = xᵀ dy, db = 1ᵀ dy, dx = dy Wᵀ."""
        x, dy = room.x, room.dy
        weights_gradient, biases_gradient = room.gradients
        np.matmul(x.mT, dy, out=weights_gradient)
        np.matmul(ones(x.shape[1], x.dtype)[None], dy, out=biases_gradient)
        if room.dx is not None:
            np.matmul(dy, room.parameters[0].mT, out=room.dx)
