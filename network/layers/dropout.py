"""Dropout: units left out at random."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from network.arrays import Array
from network.layers.base import Layer, Noise, Remembered, Room
from network.member import Member

LEVELS: Final = 1 << 16  # of a random number, and so of a rate


@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Each unit is left out with its member's probability `dropout` (Srivastava et al., JMLR 2014, section 4).

    Those that are kept are scaled by 1 / (1 - dropout) in training, so that a network that is used is left as it is. A
    rate is rounded to a multiple of 1/65536, and is at most 65535/65536; the scale is that of the rounded rate.
    """

    @property
    def noise(self) -> Noise:
        return Noise.BITS

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """What each unit was multiplied by."""
        return (Remembered((rows, *self.inputs)),)

    def settings(self, members: Sequence[Member], dtype: np.dtype[np.floating]) -> tuple[Array, ...]:
        """The least random number that keeps a unit, and the scale of what is kept."""
        thresholds = np.array([min(round(member.dropout * LEVELS), LEVELS - 1) for member in members])
        thresholds = thresholds.reshape(-1, 1, *(1 for _ in self.inputs))
        return thresholds.astype(Noise.BITS.value), (LEVELS / (LEVELS - thresholds)).astype(dtype)

    def forward(self, room: Room) -> None:
        """Set y = m x, where m is the scale or 0."""
        (thresholds, scales), (mask,) = room.settings, room.remembered
        np.greater_equal(room.noise, thresholds, out=mask)
        np.multiply(mask, scales, out=mask)
        np.multiply(room.x, mask, out=room.y)

    def infer(self, room: Room) -> None:
        """Set y = x."""
        np.copyto(room.y, room.x)

    def backward(self, room: Room) -> None:
        """Set dx = m dy."""
        if room.dx is not None:
            np.multiply(room.dy, room.remembered[0], out=room.dx)
