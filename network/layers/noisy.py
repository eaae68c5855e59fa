"""The layer that applies an activation function with noise in it."""

from dataclasses import dataclass

from network.activations import NoisyReLU
from network.layers.base import Layer, Noise, Room


@dataclass(frozen=True, slots=True)
class Noisy(Layer):
    """An activation of every element, with a random number of its own in training."""

    activation: NoisyReLU

    @property
    def reads_output(self) -> bool:
        return True

    @property
    def noise(self) -> Noise:
        return Noise.NORMAL

    def forward(self, room: Room) -> None:
        """Set y = f(x, noise)."""
        self.activation.noisy_forward(room.x, room.noise, room.y)

    def infer(self, room: Room) -> None:
        """Set y = f(x)."""
        self.activation.forward(room.x, room.y)

    def backward(self, room: Room) -> None:
        """Set dx = ∂f/∂x dy."""
        if room.dx is not None:
            self.activation.noisy_backward(room.x, room.noise, room.y, room.dy, room.dx)
