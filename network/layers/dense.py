"""The dense (fully connected) layer."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from network.arrays import Array, Shape, ones
from network.initializers import Initializer
from network.layers.base import Layer, Parameter, Remembered, Room

WIDE: Final = 256
"""From so many inputs on, and from LARGE multiplications on, BLAS is slow with matrices that lie output by output."""
LARGE: Final = 300_000


@dataclass(frozen=True, slots=True)
class Dense(Layer):
    """Each output is a weighted sum of all inputs: weights W (inputs, outputs) and biases b (1, outputs).

    Every sum is a matrix product: matmul hands each member's matrices to BLAS on their own. The `last` layer of a
    network is read by the loss.
    """

    width: int
    last: bool = False

    @property
    def outputs(self) -> Shape:
        return (self.width,)

    @property
    def read_by_loss(self) -> bool:
        return self.last

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        (inputs,) = self.inputs
        return Parameter((inputs, self.width), decays=True), Parameter((1, self.width), decays=False)

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """Where y and dy lie row by row, if it pays to have them so as well."""
        (inputs,) = self.inputs
        apart = self.last and inputs >= WIDE and rows * inputs * self.width >= LARGE
        return (Remembered((rows, self.width)),) if apart else ()

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """W as the initializer draws it, b = 0."""
        (inputs,) = self.inputs
        return initializer.draw(rng, (inputs, self.width), inputs, self.width), np.zeros((1, self.width))

    def forward(self, room: Room) -> None:
        """Set y = x W + b."""
        weights, biases = room.parameters
        product = room.remembered[0] if room.remembered else room.y
        np.matmul(room.x, weights, out=product)
        np.add(product, biases, out=room.y)

    def backward(self, room: Room) -> None:
        """Set dW = xᵀ dy, db = 1ᵀ dy, dx = dy Wᵀ."""
        x, dy = room.x, room.dy
        if room.remembered:
            (dy,) = room.remembered
            np.copyto(dy, room.dy)
        weights_gradient, biases_gradient = room.gradients
        np.matmul(x.mT, dy, out=weights_gradient)
        np.matmul(ones(x.shape[1], x.dtype)[None], dy, out=biases_gradient)
        if room.dx is not None:
            np.matmul(dy, room.parameters[0].mT, out=room.dx)
