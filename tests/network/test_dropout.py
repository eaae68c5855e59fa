"""Dropout leaves out what it promises to, and no more."""

from math import nextafter

import numpy as np
import pytest

from network.arrays import Scratch
from network.layers import Dropout
from network.member import Member
from network.noise import NoiseStream

RATES = [0.0, 0.1, 0.5, 0.9]
LAYER, ROWS = Dropout((250,)), 400


def of_ones(furnished, rates, noise, dtype="float64"):
    """Return what is left of rows of ones, one member a rate."""
    layer = Dropout(noise.shape[2:])
    room = furnished(layer, noise.shape[1], [0] * len(rates), dtype)
    room.settings = layer.settings([Member(0, dropout=rate) for rate in rates], np.dtype(dtype))
    room.x[...], room.noise = 1, noise
    layer.forward(room)
    return room.y


@pytest.fixture
def outputs(furnished):
    """Of members that differ in rate and in seed, with noise as a training draws it."""
    stream = NoiseStream(LAYER.noise, 3, LAYER.outputs, ROWS, np.dtype("float64"))
    stream.begin(range(len(RATES)), [0] * len(RATES), Scratch())
    return of_ones(furnished, RATES, stream.step(ROWS))


def test_each_member_has_its_own_rate(outputs):
    """The share left out of 100,000 units lies within five standard errors of the rate; at 0 nothing is."""
    for rate, y in zip(RATES, outputs, strict=True):
        assert abs((y == 0).mean() - rate) <= 5 * (rate * (1 - rate) / y.size) ** 0.5


def test_the_mean_is_kept(outputs):
    """The mean of what was 1 lies within five standard errors of 1."""
    for rate, y in zip(RATES, outputs, strict=True):
        assert abs(y.mean() - 1) <= 5 * (rate / (1 - rate) / y.size) ** 0.5


def test_units_are_left_out_independently(outputs):
    """Neighbours, the units of two rows and those of two members go together as often as chance has it."""
    gone = outputs == 0
    for left, right in [(gone[2, :, 1:], gone[2, :, :-1]), (gone[2, 1:], gone[2, :-1]), (gone[2], gone[1])]:
        expected = left.mean() * right.mean()
        assert abs((left & right).mean() - expected) <= 5 * (expected * (1 - expected) / left.size) ** 0.5


@pytest.mark.parametrize("rate", [0.0, 1e-9, 0.1, 1 / 3, 0.5, 0.999, 0.99999, nextafter(1, 0)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mean_over_all_noise_is_kept(furnished, rate, dtype):
    """Every random number once: the share that is kept is the rate's to 1/65536, and its scale the inverse exactly."""
    noise = np.arange(1 << 16, dtype="uint16").reshape(1, 256, 256)
    y = of_ones(furnished, [rate], noise, dtype)
    assert abs((y > 0).mean() - (1 - rate)) <= 2**-16
    assert y.mean(dtype="float64") == pytest.approx(1, rel=float(np.finfo(dtype).eps))


def test_a_rate_of_zero_changes_nothing(furnished):
    """Not even a bit, in training, beside a member that leaves units out."""
    room = furnished(LAYER, ROWS, [0, 1], "float32")
    LAYER.forward(room)
    LAYER.backward(room)
    np.testing.assert_array_equal(room.y[0], room.x[0])
    np.testing.assert_array_equal(room.dx[0], room.dy[0])
    assert (room.y[1] == 0).any()


def test_a_network_in_use_leaves_nothing_out(furnished):
    """Inference is the identity, bit for bit, whatever the rate."""
    room = furnished(LAYER, ROWS, range(5), "float32")
    LAYER.infer(room)
    np.testing.assert_array_equal(room.y, room.x)
