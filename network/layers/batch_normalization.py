"""Batch normalization."""

from dataclasses import dataclass
from math import prod

import numpy as np

from network.arrays import Array
from network.initializers import Initializer
from network.layers.base import Layer, Parameter, Remembered, Room, Statistic
from network.layers.channels import by_row, spread, sum_by_channel


@dataclass(frozen=True, slots=True)
class BatchNormalization(Layer):
    """Each channel, over the m rows and pixels of a minibatch, with mean 0 and variance 1; then scaled and shifted.

    Ioffe and Szegedy (ICML 2015), algorithm 1. A channel is a unit, or the last axis of an image. A network that is
    used has the running mean and (unbiased) variance of training, which move by `momentum` in each step, in the place
    of the minibatch's. The parameters are the scales γ and the shifts β.
    """

    momentum: float = 0.1
    epsilon: float = 1e-5

    @property
    def overwrites(self) -> bool:
        return True

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        channels = self.inputs[-1]
        return Parameter((1, channels), decays=False), Parameter((1, channels), decays=False)

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        return Statistic(self.inputs[-1], initial=0.0), Statistic(self.inputs[-1], initial=1.0)

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """γ = 1, β = 0."""
        del initializer, rng
        return np.ones((1, self.inputs[-1])), np.zeros((1, self.inputs[-1]))

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """Centred x; by channel 1/σ, γ/σ and a place for means; a row."""
        channel, units = Remembered((1, self.inputs[-1])), prod(self.inputs)
        return Remembered((rows, units)), channel, channel, channel, Remembered((1, units))

    def forward(self, room: Room) -> None:
        """Set x̂ = (x - μ) / √(σ² + ε), y = γ x̂ + β."""
        scales, shifts = room.parameters
        centred, inverse, factors, mean, row = room.remembered
        x, y = by_row(room.x), by_row(room.y)
        count = self._count(room)
        sum_by_channel(x, row, mean)
        np.multiply(mean, 1 / count, out=mean)
        np.subtract(x, spread(mean, row), out=centred)
        np.square(centred, out=y)
        sum_by_channel(y, row, inverse)
        np.multiply(inverse, 1 / count, out=inverse)
        if count > 1:  # a single row tells nothing of the spread
            self._gather(room, mean, inverse, count)
        self._invert(inverse)
        np.multiply(scales, inverse, out=factors)
        np.multiply(centred, spread(factors, row), out=y)
        np.add(y, spread(shifts, row), out=y)

    def infer(self, room: Room) -> None:
        """Set y = γ (x - μ) / √(σ² + ε) + β with the running μ and σ² (algorithm 2, step 11)."""
        scales, shifts = room.parameters
        running_mean, running_variance = room.statistics
        _, inverse, factors, mean, row = room.remembered
        np.copyto(inverse, running_variance)
        self._invert(inverse)
        np.multiply(scales, inverse, out=factors)
        np.multiply(running_mean, factors, out=mean)
        np.subtract(shifts, mean, out=mean)
        y = by_row(room.y)
        np.multiply(by_row(room.x), spread(factors, row), out=y)
        np.add(y, spread(mean, row), out=y)

    def backward(self, room: Room) -> None:
        """Set dγ = Σ dy x̂, dβ = Σ dy, dx = γ/σ (dy - dβ/m - x̂ dγ/m): section 3's equations, in one.

        `y`, which nobody reads any more, holds the products.
        """
        scales_gradient, shifts_gradient = room.gradients
        centred, inverse, factors, mean, row = room.remembered
        dy, products, count = by_row(room.dy), by_row(room.y), self._count(room)
        sum_by_channel(dy, row, shifts_gradient)
        np.multiply(dy, centred, out=products)
        sum_by_channel(products, row, scales_gradient)
        np.multiply(scales_gradient, inverse, out=scales_gradient)
        if room.dx is None:
            return
        dx = by_row(room.dx)
        np.multiply(scales_gradient, inverse, out=mean)
        np.multiply(mean, 1 / count, out=mean)
        np.multiply(centred, spread(mean, row), out=products)
        np.subtract(dy, products, out=dx)
        np.multiply(shifts_gradient, 1 / count, out=mean)
        np.subtract(dx, spread(mean, row), out=dx)
        np.multiply(dx, spread(factors, row), out=dx)

    def _count(self, room: Room) -> int:
        """Return m."""
        rows: int = room.x.shape[1]
        return rows * prod(self.inputs[:-1])

    def _invert(self, variance: Array) -> None:
        """Replace σ² by 1 / √(σ² + ε)."""
        np.add(variance, self.epsilon, out=variance)
        np.sqrt(variance, out=variance)
        np.reciprocal(variance, out=variance)

    def _gather(self, room: Room, mean: Array, variance: Array, count: int) -> None:
        """Move the running moments towards those of a minibatch of several values."""
        unbiased = count / (count - 1)
        for running, moment, correction in zip(room.statistics, (mean, variance), (1.0, unbiased), strict=True):
            np.multiply(running, 1 - self.momentum, out=running)
            np.multiply(moment, self.momentum * correction, out=room.remembered[2])
            np.add(running, room.remembered[2], out=running)
