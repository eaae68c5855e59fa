"""What tests of layers share: a room to work in."""

import numpy as np
import pytest

from network.arrays import aligned_zeros
from network.layers import Noise, Room
from network.member import Member

RATES = [0.0, 0.5, 0.2, 0.9, 0.7]


@pytest.fixture(scope="session", name="furnished")
def furnished_fixture():
    return furnished


def furnished(layer, rows, seeds, dtype="float64"):
    """Return a room whose contents follow, member by member, from the seeds; what a layer is to write holds NaN."""
    rngs = [np.random.default_rng(seed) for seed in seeds]

    def place(shape, kind=dtype):
        array = aligned_zeros(len(seeds), shape, kind)
        array[...] = np.nan if np.issubdtype(array.dtype, np.floating) else 1
        return array

    def drawn(shape, draw):
        array = place(shape)
        for part, rng in zip(array, rngs, strict=True):
            part[...] = draw(rng, shape)
        return array

    def normal(rng, shape):
        return rng.normal(size=shape)

    def positive(rng, shape):
        return rng.uniform(0.5, 2, shape)

    noise = np.empty(0)
    if layer.noise is Noise.NORMAL:
        noise = drawn((rows, *layer.outputs), normal)
    elif layer.noise is Noise.BITS:
        noise = drawn((rows, *layer.outputs), lambda rng, shape: rng.integers(1 << 16, size=shape)).astype("uint16")
    return Room(
        parameters=tuple(drawn(parameter.shape, normal) for parameter in layer.parameters),
        gradients=tuple(place(parameter.shape) for parameter in layer.parameters),
        statistics=tuple(drawn((1, statistic.size), positive) for statistic in layer.statistics),
        settings=layer.settings([Member(seed, dropout=RATES[seed]) for seed in seeds], np.dtype(dtype)),
        remembered=tuple(place(wish.shape, wish.dtype or dtype) for wish in layer.remembered(rows)),
        x=drawn((rows, *layer.inputs), normal),
        y=place((rows, *layer.outputs)),
        dy=drawn((rows, *layer.outputs), normal),
        dx=place((rows, *layer.inputs)),
        noise=noise,
    )
