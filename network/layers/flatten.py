"""From images to rows of units."""

from dataclasses import dataclass
from math import prod

import numpy as np

from network.arrays import Shape
from network.layers.base import Layer, Room


@dataclass(frozen=True, slots=True)
class Flatten(Layer):
    """The same numbers without the axes of an image. Where `y` is the memory of `x`, copying it is free in NumPy."""

    @property
    def outputs(self) -> Shape:
        return (prod(self.inputs),)

    @property
    def overwrites(self) -> bool:
        return True

    def forward(self, room: Room) -> None:
        """Set y = x."""
        np.copyto(room.y, room.x.reshape(*room.x.shape[:2], -1))

    def backward(self, room: Room) -> None:
        """Set dx = dy."""
        if room.dx is not None:
            np.copyto(room.dx.reshape(room.dy.shape), room.dy)
