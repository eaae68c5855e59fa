"""Layer normalization."""

from dataclasses import dataclass
from math import prod

import numpy as np

from network.arrays import Array, ones
from network.initializers import Initializer
from network.layers.base import Layer, Parameter, Remembered, Room
from network.layers.channels import by_row, spread, sum_by_channel


@dataclass(frozen=True, slots=True)
class LayerNormalization(Layer):
    """Each row, over all of its H units, with mean 0 and variance 1; then scaled by γ and shifted by β.

    Ba, Kiros and Hinton (2016), equations 3 and 4. The units of an image are all its pixels' channels, while γ and β
    are one for each channel, so that they do not depend on the place in the image.
    """

    epsilon: float = 1e-5

    @property
    def overwrites(self) -> bool:
        return True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        channels = self.inputs[-1]
        return Parameter((1, channels), decays=False), Parameter((1, channels), decays=False)

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """γ = 1, β = 0."""
        del initializer, rng
        return np.ones((1, self.inputs[-1])), np.zeros((1, self.inputs[-1]))

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """x̂; of each row 1/σ and places for two means; a row."""
        units, each = prod(self.inputs), Remembered((rows, 1))
        return Remembered((rows, units)), each, each, each, Remembered((1, units))

    def forward(self, room: Room) -> None:
        """Set x̂ = (x - μ) / √(σ² + ε), y = γ x̂ + β."""
        scales, shifts = room.parameters
        *by_member, row = room.remembered
        x, y = by_row(room.x), by_row(room.y)
        normalized, inverse, mean, _ = (array[: len(x)] for array in by_member)  # one x may stand for all
        units = x.shape[2]
        np.matmul(x, ones(units, x.dtype)[:, None], out=mean)
        np.multiply(mean, 1 / units, out=mean)
        np.subtract(x, mean, out=normalized)
        np.vecdot(normalized, normalized, out=inverse[..., 0])
        np.multiply(inverse, 1 / units, out=inverse)
        np.add(inverse, self.epsilon, out=inverse)
        np.sqrt(inverse, out=inverse)
        np.reciprocal(inverse, out=inverse)
        np.multiply(normalized, inverse, out=normalized)
        np.multiply(normalized, spread(scales, row), out=y)
        np.add(y, spread(shifts, row), out=y)

    def backward(self, room: Room) -> None:
        """Set dγ = Σ dy x̂, dβ = Σ dy over rows (and pixels); dx = (γ dy - mean(γ dy) - x̂ mean(γ dy x̂)) / σ.

        These means are a row's. `y`, which nobody reads any more, holds the products.
        """
        scales_gradient, shifts_gradient = room.gradients
        normalized, inverse, mean, slope, row = room.remembered
        dy, products = by_row(room.dy), by_row(room.y)
        sum_by_channel(dy, row, shifts_gradient)
        np.multiply(dy, normalized, out=products)
        sum_by_channel(products, row, scales_gradient)
        if room.dx is None:
            return
        dx, scales = by_row(room.dx), spread(room.parameters[0], row)
        for factors, means in ((dy, mean), (products, slope)):
            np.matmul(factors, scales.mT, out=means)
            np.multiply(means, 1 / dy.shape[2], out=means)
        np.multiply(normalized, slope, out=products)
        np.multiply(dy, scales, out=dx)
        np.subtract(dx, products, out=dx)
        np.subtract(dx, mean, out=dx)
        np.multiply(dx, inverse, out=dx)
