"""The layer that applies an activation function."""

from dataclasses import dataclass

from network.activations import Activation
from network.layers.base import Layer, Room


@dataclass(frozen=True, slots=True)
class Elementwise(Layer):
    """An activation f of every element."""

    activation: Activation

    @property
    def overwrites(self) -> bool:
        return not self.activation.reads_input

    @property
    def reads_output(self) -> bool:
        return True

    def forward(self, room: Room) -> None:
        """Set y = f(x)."""
        self.activation.forward(room.x, room.y)

    def backward(self, room: Room) -> None:
        """Set dx = f'(x) dy."""
        if room.dx is not None:
            self.activation.backward(room.x, room.y, room.dy, room.dx)
