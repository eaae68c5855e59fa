"""Convolutions of images."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import as_strided

from network.arrays import Array, Shape
from network.initializers import Initializer
from network.layers.base import Layer, Parameter, Remembered, Room
from network.layers.channels import by_pixel, by_row, spread, sum_by_channel

PART: Final = 1 << 20  # numbers in the patches made at a time: they do not leave a cache before they are multiplied


@dataclass(frozen=True, slots=True)
class Convolution2D(Layer):
    """Each output pixel is a weighted sum of a patch of kernel × kernel pixels; patches are `stride` pixels apart.

    Images are (height, width, channels), framed by `padding` zeros on each side. Weights W are (kernel * kernel *
    channels, filters), with a patch's pixels row by row; biases b (1, filters). With a minibatch's patches as the rows
    of a matrix P, the convolution is a matrix product (Chellapilla, Puri and Simard, IWFHR 2006, section 3). Where P is
    large, a part of it is made at a time, and once more on the way back.
    """

    filters: int
    kernel: int
    stride: int
    padding: int

    @property
    def outputs(self) -> Shape:
        height, width = ((side + 2 * self.padding - self.kernel) // self.stride + 1 for side in self.inputs[:2])
        return height, width, self.filters

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return Parameter((self._patch, self.filters), decays=True), Parameter((1, self.filters), decays=False)

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """W as the initializer draws it, b = 0."""
        weights = initializer.draw(rng, (self._patch, self.filters), self._patch, self.kernel**2 * self.filters)
        return weights, np.zeros((1, self.filters))

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """The framed images of a part, their patches, and a row."""
        height, width, channels = self.inputs
        part = 0 if self._pointwise else self._rows_in_part(rows)
        framed = (part if self.padding else 0, height + 2 * self.padding, width + 2 * self.padding, channels)
        patches = (part * self._positions, self._patch)
        return Remembered(framed), Remembered(patches), Remembered((1, self._positions * self.filters))

    def forward(self, room: Room) -> None:
        """Set y = P W + b."""
        weights, biases = room.parameters
        biases = spread(biases, room.remembered[2])
        for members, rows in self._parts(*room.x.shape[:2]):
            every = members if len(room.x) == len(room.y) else slice(None)  # one x may stand for all
            y = room.y[every, rows]
            np.matmul(self._patches(room, members, rows), weights[every], out=by_pixel(y))
            np.add(by_row(y), biases[every], out=by_row(y))

    def backward(self, room: Room) -> None:
        """Set dW = Pᵀ dy, db = Σ dy over rows and pixels, and dx to the sum of dy Wᵀ over the patches with a pixel."""
        weights_gradient, biases_gradient = room.gradients
        sum_by_channel(by_row(room.dy), room.remembered[2], biases_gradient)
        count = room.x.shape[1]
        at_hand = not self._pointwise and self._rows_in_part(count) == count
        for members, rows in self._parts(*room.x.shape[:2]):
            patches = self._memory(room, members, rows) if at_hand else self._patches(room, members, rows)
            dy = by_pixel(room.dy[members, rows])
            if rows.start == 0:
                np.matmul(patches.mT, dy, out=weights_gradient[members])
            else:
                weights_gradient[members] += np.matmul(patches.mT, dy)
            self._send_back(room, members, rows)

    @property
    def _patch(self) -> int:
        """How many numbers a patch has."""
        return self.kernel**2 * self.inputs[2]

    @property
    def _positions(self) -> int:
        """How many patches an image has."""
        height, width, _ = self.outputs
        return height * width

    @property
    def _pointwise(self) -> bool:
        """Whether the patches are the pixels themselves."""
        return self.kernel == self.stride == 1 and self.padding == 0

    def _rows_in_part(self, rows: int) -> int:
        return max(1, min(rows, PART // (self._positions * self._patch)))

    def _parts(self, members: int, rows: int) -> Iterator[tuple[slice, slice]]:
        """Cut a minibatch in parts of some rows of one member, or of all rows of some."""
        few = self._rows_in_part(rows)
        together = max(1, PART // (few * self._positions * self._patch))
        for member, row in product(range(0, members, together), range(0, rows, few)):
            yield slice(member, min(member + together, members)), slice(row, min(row + few, rows))

    def _patches(self, room: Room, members: slice, rows: slice) -> Array:
        """Return P for a part, (members, rows * positions, patch)."""
        images = room.x[members, rows]
        if self._pointwise:
            return by_pixel(images)
        if self.padding:
            images = self._framed(images, room.remembered[0][members, : images.shape[1]])
        height, width, _ = self.outputs
        # Neighbours in a row of an image are neighbours in memory: one axis for a row of a patch and its channels.
        member, row, down, right, channel = images.strides
        windows = as_strided(
            images,
            (*images.shape[:2], height, width, self.kernel, self.kernel * self.inputs[2]),
            (member, row, self.stride * down, self.stride * right, down, channel),
        )
        patches = self._memory(room, members, rows)
        target = patches.reshape(windows.shape)
        if self.inputs[2] == 1:
            for top, left in product(range(self.kernel), repeat=2):
                np.copyto(target[..., top, left], windows[..., top, left])
        else:
            np.copyto(target, windows)
        return patches

    def _memory(self, room: Room, members: slice, rows: slice) -> Array:
        """Return the memory of P for a part, column by column if a row of an image is longer than one of a patch."""
        patches = room.remembered[1][members, : (rows.stop - rows.start) * self._positions]
        return patches.reshape(len(patches), self._patch, -1).mT if self.inputs[2] == 1 else patches

    def _framed(self, images: Array, frame: Array) -> Array:
        """Return the images with zeros around them, in the memory `frame`."""
        frame[...] = 0
        np.copyto(self._inside(frame), images)
        return frame

    def _inside(self, frame: Array) -> Array:
        height, width, _ = self.inputs
        return frame[:, :, self.padding : self.padding + height, self.padding : self.padding + width]

    def _send_back(self, room: Room, members: slice, rows: slice) -> None:
        """Write a part's dx, in the memory of its patches and framed images."""
        if room.dx is None:
            return
        weights, dy, dx = room.parameters[0][members], room.dy[members, rows], room.dx[members, rows]
        if self._pointwise:
            np.matmul(by_pixel(dy), weights.mT, out=by_pixel(dx))
            return
        size, (height, width, _), channels = self.kernel, self.outputs, self.inputs[2]
        by_place = weights.reshape(len(weights), size**2, channels, self.filters).mT
        # The pixels at one place of all patches: an array of images, to be added where those pixels came from.
        patches = room.remembered[1][members, : dx.shape[1] * self._positions]
        pixels = patches.reshape(len(weights), size**2, -1, channels)
        np.matmul(by_pixel(dy)[:, None], by_place, out=pixels)
        pixels = pixels.reshape(len(weights), size, size, -1, height, width, channels)
        target = room.remembered[0][members, : dx.shape[1]] if self.padding else dx
        target[...] = 0
        down, right = self.stride * height, self.stride * width
        for top, left in product(range(size), repeat=2):
            origin = target[:, :, top : top + down : self.stride, left : left + right : self.stride]
            np.add(origin, pixels[:, top, left], out=origin)
        if self.padding:
            np.copyto(dx, self._inside(target))
