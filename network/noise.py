"""The random numbers that layers need in training: drawn for several steps at once, as many as do not fill a cache."""

from collections.abc import Sequence
from math import prod
from typing import Any, Final

import numpy as np

from network.arrays import Array, Scratch, Shape
from network.layers import Noise
from network.randomness import Purpose, generator

BLOCK_BYTES: Final = 1 << 14  # of one member's numbers drawn at a time: little beside a cache, much beside a call


class NoiseStream:
    """The random numbers of one layer of a stack, of the shape (members, rows, *shape) in each step of an epoch.

    A member's numbers follow from its seed, the layer and the epoch.
    """

    def __init__(self, kind: Noise, layer: int, shape: Shape, rows: int, dtype: np.dtype[Any]) -> None:
        self._kind, self._layer, self._shape = kind, layer, shape
        self._dtype = np.dtype(kind.value) if kind is Noise.BITS else dtype
        self._size = -(-rows * prod(shape) // 4) * 4  # four numbers of 16 bits in each one that is drawn
        self._steps = max(1, BLOCK_BYTES // (self._size * self._dtype.itemsize))
        self._generators: Sequence[np.random.Generator] = ()
        self._block, self._next = np.empty((0, 0)), 0

    def begin(self, seeds: Sequence[int], epochs: Sequence[int], scratch: Scratch) -> None:
        """Start an epoch of members with these seeds, each after so many epochs."""
        self._generators = [
            generator(seed, Purpose.NOISE, epoch, self._layer) for seed, epoch in zip(seeds, epochs, strict=True)
        ]
        block = (self._steps * self._size,)
        self._block = scratch.array(f"noise {self._layer}", len(seeds), block, self._dtype)
        self._next = self._steps

    def step(self, rows: int) -> Array:
        """Return the numbers of the next step, valid until the one after."""
        if self._next == self._steps:
            for row, rng in zip(self._block, self._generators, strict=True):
                self._draw(rng, row)
            self._next = 0
        start = self._next * self._size
        self._next += 1
        step = self._block[:, start : start + rows * prod(self._shape)]
        return step.reshape(len(step), rows, *self._shape)

    def _draw(self, rng: np.random.Generator, out: Array) -> None:
        if self._kind is Noise.BITS:
            out[...] = rng.bit_generator.random_raw(len(out) // 4).view(out.dtype)
        else:
            rng.standard_normal(dtype=out.dtype.type, out=out)
