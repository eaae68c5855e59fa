"""Pooling: images made smaller, one number for each window of pixels."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Array, Shape
from network.layers.base import Layer, Remembered, Room


@dataclass(frozen=True, slots=True)
class _Pool(Layer):
    """Windows of size × size pixels, side by side; pixels at the right and the bottom that fill none are left out."""

    size: int

    @property
    def outputs(self) -> Shape:
        height, width, channels = self.inputs
        return height // self.size, width // self.size, channels

    def _pixels(self, images: Array) -> list[Array]:
        """Return every window's first pixel, then every window's second one and so on, row by row; each like `y`."""
        height, width = (self.size * side for side in self.outputs[:2])
        return [
            images[:, :, top : height : self.size, left : width : self.size]
            for top in range(self.size)
            for left in range(self.size)
        ]

    def _clear_rest(self, dx: Array) -> None:
        """Set dx = 0 where pixels fill no window."""
        height, width = (self.size * side for side in self.outputs[:2])
        dx[:, :, height:] = 0
        dx[:, :, :, width:] = 0


@dataclass(frozen=True, slots=True)
class MaxPool(_Pool):
    """The largest of a window's pixels; of equal ones the first, row by row, gets the gradient."""

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """For each pixel of a window, whether it is the one."""
        return (Remembered((rows, *self.outputs), "bool"),) * self.size**2

    def forward(self, room: Room) -> None:
        """Set y = max x, and mark where it was found."""
        self.infer(room)
        *others, left = room.remembered  # the last pixel is the one if no other is
        left[...] = True
        for pixel, chosen in zip(self._pixels(room.x), others, strict=False):
            np.equal(pixel, room.y, out=chosen)
            np.logical_and(chosen, left, out=chosen)
            np.greater(left, chosen, out=left)

    def infer(self, room: Room) -> None:
        """Set y = max x."""
        first, *others = self._pixels(room.x)
        np.copyto(room.y, first)
        for pixel in others:
            np.maximum(room.y, pixel, out=room.y)

    def backward(self, room: Room) -> None:
        """Set dx = dy at the pixel chosen from each window, else 0."""
        if room.dx is None:
            return
        self._clear_rest(room.dx)
        for pixel, chosen in zip(self._pixels(room.dx), room.remembered, strict=True):
            np.multiply(room.dy, chosen, out=pixel)


@dataclass(frozen=True, slots=True)
class AveragePool(_Pool):
    """The mean of a window's pixels."""

    def forward(self, room: Room) -> None:
        """Set y = Σ x / size²."""
        first, *others = self._pixels(room.x)
        np.copyto(room.y, first)
        for pixel in others:
            np.add(room.y, pixel, out=room.y)
        np.multiply(room.y, 1 / self.size**2, out=room.y)

    def backward(self, room: Room) -> None:
        """Set dx = dy / size²."""
        if room.dx is None:
            return
        self._clear_rest(room.dx)
        for pixel in self._pixels(room.dx):
            np.multiply(room.dy, 1 / self.size**2, out=pixel)
