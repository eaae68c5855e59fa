"""Layers that PyTorch has too compute what it computes, forward and backward, in float64."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from network.layers import (
    AveragePool,
    BatchNormalization,
    Convolution2D,
    Dense,
    Flatten,
    LayerNormalization,
    MaxPool,
)

ROWS = [1, 5]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small arrays: a second thread would but wait."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def channels_first(images):
    return images.movedim(-1, 1)


def convolution(layer, x, weights, biases):
    kernel = weights.reshape(layer.kernel, layer.kernel, layer.inputs[2], layer.filters).permute(3, 2, 0, 1)
    y = functional.conv2d(channels_first(x), kernel.contiguous(), biases[0], stride=layer.stride, padding=layer.padding)
    return y.movedim(1, -1)


def batch_normalization(layer, x, scales, shifts):
    mean, variance = torch.zeros(layer.inputs[-1]).double(), torch.ones(layer.inputs[-1]).double()
    y = functional.batch_norm(channels_first(x), mean, variance, scales[0], shifts[0], training=True)
    return y.movedim(1, -1)


def layer_normalization(layer, x, scales, shifts):
    return functional.layer_norm(x, layer.inputs) * scales[0] + shifts[0]


ORACLES = {
    Dense: lambda layer, x, weights, biases: functional.linear(x, weights.T, biases[0]),
    Convolution2D: convolution,
    BatchNormalization: batch_normalization,
    LayerNormalization: layer_normalization,
    MaxPool: lambda layer, x: functional.max_pool2d(channels_first(x), layer.size).movedim(1, -1),
    AveragePool: lambda layer, x: functional.avg_pool2d(channels_first(x), layer.size).movedim(1, -1),
    Flatten: lambda layer, x: x.flatten(1),
}
LAYERS = [
    Dense((5,), 3),
    *(
        Convolution2D((5, 8, channels), filters, kernel, stride, padding)
        for channels, filters in [(1, 2), (3, 1), (2, 4)]
        for kernel in (1, 2, 3)
        for stride in (1, 2, 3)
        for padding in (0, 1, 2)
    ),
    Convolution2D((4, 7, 2), 3, 4, 1, 3),
    BatchNormalization((6,)),
    BatchNormalization((4, 3, 2)),
    LayerNormalization((6,)),
    LayerNormalization((4, 3, 2)),
    *(pool((6, 7, 3), size) for pool in (MaxPool, AveragePool) for size in (1, 2, 3, 4)),
    Flatten((3, 4, 2)),
]


def assert_agrees(furnished, layer, room):
    """Compare each member of a room with the oracle, outputs and gradients."""
    layer.forward(room)
    outputs = room.y.copy()
    layer.backward(room)
    for member in range(len(room.x)):
        arrays = [torch.tensor(array[member], requires_grad=True) for array in (room.x, *room.parameters)]
        expected = ORACLES[type(layer)](layer, *arrays)
        np.testing.assert_allclose(outputs[member], expected.detach(), rtol=1e-9, atol=1e-10)
        gradients = torch.autograd.grad(expected, arrays, torch.tensor(room.dy[member]))
        for found, gradient in zip((room.dx, *room.gradients), gradients, strict=True):
            np.testing.assert_allclose(found[member], gradient, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
@pytest.mark.parametrize("rows", ROWS)
def test_layers_agree_with_pytorch(furnished, layer, rows):
    """Outputs, and gradients of the inputs and of the parameters, of both members of a stack."""
    if isinstance(layer, BatchNormalization) and rows == 1 and len(layer.inputs) == 1:
        rows = 3  # PyTorch refuses to normalise one value
    assert_agrees(furnished, layer, furnished(layer, rows, range(2)))


@pytest.mark.parametrize("rows", [4, 10])
def test_a_minibatch_taken_in_parts_agrees_with_pytorch(furnished, rows):
    """Where patches are too many to be made at once, nothing but the order of sums changes."""
    layer = Convolution2D((64, 80, 8), 3, 3, 1, 1)
    assert_agrees(furnished, layer, furnished(layer, rows, range(2)))
    assert layer._rows_in_part(rows) < rows


def test_members_are_alone_in_a_minibatch_taken_in_parts(furnished):
    """The law of stacks holds there too, and that of one x that stands for all, bit for bit."""
    layer, rows = Convolution2D((64, 80, 8), 3, 3, 1, 1), 4
    stack = furnished(layer, rows, range(3), "float32")
    layer.forward(stack)
    layer.backward(stack)
    alone = furnished(layer, rows, [2], "float32")
    layer.forward(alone)
    layer.backward(alone)
    for array, own in zip((stack.y, stack.dx, *stack.gradients), (alone.y, alone.dx, *alone.gradients), strict=True):
        np.testing.assert_array_equal(array[2], own[0])
    stack.x = alone.x
    layer.infer(stack)
    np.testing.assert_array_equal(stack.y[2], alone.y[0])


@pytest.mark.parametrize("inputs", [(5,), (3, 4, 2)])
@pytest.mark.parametrize("rows", [2, 9])
def test_running_moments_are_pytorchs(furnished, inputs, rows):
    """After several minibatches, and with them the outputs of a network in use."""
    layer, rng = BatchNormalization(inputs), np.random.default_rng(5)
    room = furnished(layer, rows, range(2))
    statistics = [torch.tensor(array[1, 0]) for array in room.statistics]
    scales, shifts = (torch.tensor(array[1, 0]) for array in room.parameters)
    for _ in range(4):
        room.x[...] = rng.normal(3, 2, room.x.shape)
        layer.forward(room)
        functional.batch_norm(channels_first(torch.tensor(room.x[1])), *statistics, scales, shifts, training=True)
    for found, expected in zip(room.statistics, statistics, strict=True):
        np.testing.assert_allclose(found[1, 0], expected, rtol=1e-12)
    layer.infer(room)
    expected = functional.batch_norm(channels_first(torch.tensor(room.x[1])), *statistics, scales, shifts)
    np.testing.assert_allclose(room.y[1], expected.movedim(1, -1), rtol=1e-10, atol=1e-10)


def test_one_row_has_no_variance(furnished):
    """A minibatch of one: y = β, no gradient for x, and the running moments stay as they are."""
    layer = BatchNormalization((4,))
    room = furnished(layer, 1, range(2))
    before = [statistic.copy() for statistic in room.statistics]
    layer.forward(room)
    np.testing.assert_array_equal(room.y, room.parameters[1])
    np.testing.assert_array_equal(room.statistics, before)
    layer.backward(room)
    np.testing.assert_allclose(room.dx, 0, atol=1e-12)


@pytest.mark.parametrize("size", [2, 3])
def test_the_first_of_equal_pixels_gets_the_gradient(furnished, size):
    """Of few values many are equal, as after ReLU; PyTorch takes the first too."""
    layer = MaxPool((6, 7, 2), size)
    room = furnished(layer, 5, range(2))
    room.x[...] = np.random.default_rng(0).integers(0, 2, room.x.shape)
    assert_agrees(furnished, layer, room)
