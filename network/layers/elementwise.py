"""The layer that applies an activation function."""

from dataclasses import dataclass

from network.activations import Activation
from network.arrays import Array
from network.layers.base import Layer


@dataclass(frozen=True, slots=True)
class Elementwise(Layer):
    """The same function f for every element: as many outputs as inputs."""

    activation: Activation

    def forward(self, parameters: tuple[Array, ...], x: Array, y: Array) -> None:
        """Set y = f(x)."""
        del parameters
        self.activation.forward(x, y)

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
        """Set dx = f'(x) dy."""
        del parameters, gradients
        if dx is not None:
            self.activation.backward(x, y, dy, dx)
