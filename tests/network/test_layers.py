"""Laws of every layer, and of chains of them."""

from dataclasses import replace
from math import prod

import numpy as np
import pytest

from network import layers
from network.activations import ACTIVATIONS
from network.arrays import Scratch, aligned_zeros
from network.initializers import INITIALIZERS
from network.layers import (
    AveragePool,
    BatchNormalization,
    Convolution2D,
    Dense,
    Dropout,
    Elementwise,
    Flatten,
    Layer,
    LayerNormalization,
    MaxPool,
    Noisy,
)
from network.layout import Layout
from network.member import Member
from network.stack import Stack

EXAMPLES = {
    Dense: [Dense((4,), 3), Dense((1,), 1)],
    Elementwise: [Elementwise((5,), ACTIVATIONS["tanh"]), Elementwise((3, 2, 2), ACTIVATIONS["relu"])],
    Noisy: [Noisy((5,), ACTIVATIONS["noisy_relu"])],
    Dropout: [Dropout((7,)), Dropout((3, 2, 4))],
    BatchNormalization: [BatchNormalization((6,)), BatchNormalization((1,)), BatchNormalization((3, 4, 2))],
    LayerNormalization: [LayerNormalization((6,)), LayerNormalization((1,)), LayerNormalization((3, 4, 2))],
    Convolution2D: [
        Convolution2D((5, 4, 2), filters=3, kernel=3, stride=1, padding=1),
        Convolution2D((5, 6, 1), filters=2, kernel=2, stride=2, padding=0),
        Convolution2D((4, 3, 1), filters=1, kernel=3, stride=2, padding=2),
        Convolution2D((3, 4, 3), filters=2, kernel=1, stride=1, padding=0),
        Convolution2D((5, 4, 2), filters=2, kernel=1, stride=2, padding=1),
        Convolution2D((3, 3, 2), filters=4, kernel=3, stride=1, padding=0),
    ],
    MaxPool: [MaxPool((4, 6, 2), 2), MaxPool((5, 7, 1), 2), MaxPool((3, 4, 3), 3), MaxPool((2, 3, 2), 1)],
    AveragePool: [AveragePool((4, 6, 2), 2), AveragePool((5, 7, 1), 2), AveragePool((3, 4, 3), 3)],
    Flatten: [Flatten((3, 2, 4)), Flatten((1, 1, 5))],
}
ALL = [layer for examples in EXAMPLES.values() for layer in examples]
ROWS = [1, 4]

every_layer = pytest.mark.parametrize("layer", ALL, ids=str)
every_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
any_rows = pytest.mark.parametrize("rows", ROWS)


def test_every_exported_layer_has_an_example():
    """What is exported is tested."""
    exported = {kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, Layer)}
    assert exported - {Layer} == set(EXAMPLES)


def member_of(room, index):
    """Return all numbers of one member that a layer has written."""
    return [array[index] for array in (room.y, room.dx, *room.gradients, *room.statistics)]


def assert_same(found, expected):
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_array_equal(left, right)


@every_layer
@any_rows
def test_gradients_agree_with_central_differences(furnished, layer, rows):
    """For each parameter and each input of three members at once, in training, with fixed noise."""
    room, step = furnished(layer, rows, seeds=[0, 1, 2]), 1e-6

    def losses():
        layer.forward(room)
        return (room.y * room.dy).reshape(3, -1).sum(axis=1)

    losses()
    layer.backward(room)
    for array, gradient in zip((room.x, *room.parameters), (room.dx, *room.gradients), strict=True):
        analytic = gradient.copy()
        for place in np.ndindex(array.shape[1:]):
            kept = array[:, *place].copy()
            array[:, *place] = kept + step
            up = losses()
            array[:, *place] = kept - step
            down = losses()
            array[:, *place] = kept
            np.testing.assert_allclose(analytic[:, *place], (up - down) / (2 * step), rtol=1e-5, atol=1e-7)


@every_layer
@every_dtype
@pytest.mark.parametrize("rows", [1, 5, 33])
@pytest.mark.parametrize("members", [3, 5])
def test_a_member_of_a_stack_has_the_numbers_of_a_network_alone(furnished, layer, dtype, rows, members):
    """Outputs, gradients, statistics, and outputs in use, bit for bit; so its noise is its own as well."""
    stack = furnished(layer, rows, range(members), dtype)
    layer.forward(stack)
    layer.backward(stack)
    used = replace(stack, y=np.full_like(stack.y, np.nan))
    layer.infer(used)
    for seed in range(members):
        alone = furnished(layer, rows, [seed], dtype)
        layer.forward(alone)
        layer.backward(alone)
        assert_same(member_of(stack, seed), member_of(alone, 0))
        layer.infer(alone)
        assert_same([used.y[seed]], [alone.y[0]])


@every_layer
@every_dtype
@any_rows
def test_one_x_stands_for_all_members(furnished, layer, dtype, rows):
    """Inference on it is inference on copies of it, bit for bit."""
    one, copies = (furnished(layer, rows, range(3), dtype) for _ in range(2))
    copies.x[...] = copies.x[:1]
    one.x = aligned_zeros(1, one.x.shape[1:], dtype)
    one.x[...] = copies.x[:1]
    layer.infer(one)
    layer.infer(copies)
    assert_same([one.y], [copies.y])


@every_layer
@any_rows
def test_what_is_read_is_left_alone(furnished, layer, rows):
    """No pass changes its inputs, the parameters, the noise or the incoming errors; inference no statistics."""
    room = furnished(layer, rows, range(2))
    untouched = furnished(layer, rows, range(2))
    layer.infer(room)
    assert_same(room.statistics, untouched.statistics)
    layer.forward(room)
    layer.backward(room)
    read = [
        (room.x, *room.parameters, room.noise, room.dy),
        (untouched.x, *untouched.parameters, untouched.noise, untouched.dy),
    ]
    assert_same(*read)


@every_layer
@any_rows
def test_every_number_is_written(furnished, layer, rows):
    """Nothing depends on what memory held before: not the outputs, not the gradients."""
    room = furnished(layer, rows, range(2))
    layer.forward(room)
    layer.backward(room)
    assert all(np.isfinite(array).all() for array in (room.y, room.dx, *room.gradients, *room.statistics))
    room.y[...] = np.nan
    layer.infer(room)
    assert np.isfinite(room.y).all()


@every_layer
@any_rows
def test_without_dx_the_gradients_are_the_same(furnished, layer, rows):
    """The first layer of a network learns what it would learn elsewhere."""
    first, elsewhere = (furnished(layer, rows, range(2)) for _ in range(2))
    first.dx = None
    for room in (first, elsewhere):
        layer.forward(room)
        layer.backward(room)
    assert_same(first.gradients, elsewhere.gradients)


@pytest.mark.parametrize("layer", [layer for layer in ALL if layer.overwrites], ids=str)
@every_dtype
@any_rows
def test_a_layer_that_overwrites_computes_the_same_in_place(furnished, layer, dtype, rows):
    """With y in the memory of x, and dx in that of dy, in training and in use."""
    apart, inside = (furnished(layer, rows, range(3), dtype) for _ in range(2))
    layer.infer(apart)
    used = inside.x.copy()
    layer.infer(replace(inside, x=used, y=used.reshape(inside.y.shape)))
    assert_same([used.reshape(apart.y.shape)], [apart.y])
    layer.forward(apart)
    inside.y = inside.x.reshape(inside.y.shape)
    inside.dx = inside.dy.reshape(inside.x.shape)
    layer.forward(inside)
    assert_same([inside.y], [apart.y])
    layer.backward(apart)
    layer.backward(inside)
    assert_same(member_of(inside, 1)[1:], member_of(apart, 1)[1:])


@every_layer
def test_initial_parameters_have_their_shapes(layer):
    """And a layer's rooms are of the shapes it announces, so that a layout can place them."""
    initial = layer.initial(INITIALIZERS["he_normal"], np.random.default_rng(0))
    assert [array.shape for array in initial] == [parameter.shape for parameter in layer.parameters]
    assert all(parameter.decays or parameter.shape[0] == 1 for parameter in layer.parameters)


CHAINS = {
    "convolutions": (
        Convolution2D((6, 5, 2), 3, 3, 1, 1),
        BatchNormalization((6, 5, 3)),
        Elementwise((6, 5, 3), ACTIVATIONS["relu"]),
        MaxPool((6, 5, 3), 2),
        Convolution2D((3, 2, 3), 2, 2, 1, 1),
        LayerNormalization((4, 3, 2)),
        Elementwise((4, 3, 2), ACTIVATIONS["tanh"]),
        AveragePool((4, 3, 2), 2),
        Flatten((2, 1, 2)),
        Dense((4,), 2),
    ),
    "no pooling": (
        Convolution2D((3, 4, 1), 2, 3, 1, 0),
        Elementwise((1, 2, 2), ACTIVATIONS["tanh"]),
        Flatten((1, 2, 2)),
        BatchNormalization((4,)),
        Dense((4,), 2),
    ),
    "dense": (
        Dense((4,), 5),
        BatchNormalization((5,)),
        Elementwise((5,), ACTIVATIONS["relu"]),
        Dropout((5,)),
        Dense((5,), 4),
        LayerNormalization((4,)),
        Elementwise((4,), ACTIVATIONS["sigmoid"]),
        Dropout((4,)),
        Dense((4,), 3),
    ),
    "flat first": (Flatten((2, 2, 1)), Dense((4,), 2)),
}


class Fixed:
    """Noise that is the same in each pass."""

    def __init__(self, layer, rows):
        self._bits = np.random.default_rng(3).integers(1 << 16, size=(2, rows, *layer.outputs)).astype("uint16")

    def step(self, rows):
        return self._bits[:, :rows]


@pytest.mark.parametrize("chain", CHAINS)
@any_rows
def test_gradients_of_chains_agree_with_central_differences(chain, rows):
    """Layers that share memory, as a stack lays it out, do not disturb each other on the way back."""
    layout = Layout.of(CHAINS[chain])
    members = [Member(seed, dropout=0.3) for seed in range(2)]
    parameters, gradients = (aligned_zeros(2, (layout.size,), "float64") for _ in range(2))
    statistics = aligned_zeros(2, (layout.gathered,), "float64")
    passage = Stack(layout, members, parameters, gradients, statistics, Scratch()).passage(rows)
    rng, step = np.random.default_rng(0), 1e-6
    parameters[...] = rng.normal(size=parameters.shape)
    x = rng.normal(size=(2, rows, prod(layout.layers[0].inputs)))
    dy = rng.normal(size=passage.outputs.shape)
    noise = [Fixed(layer, rows) for layer in layout.layers if layer.noise]

    def losses():
        passage.forward(x, noise)
        return (passage.outputs * dy).sum(axis=(1, 2))

    losses()
    passage.errors[...] = dy
    passage.backward()
    for place in range(layout.size):
        kept = parameters[:, place].copy()
        parameters[:, place] = kept + step
        up = losses()
        parameters[:, place] = kept - step
        down = losses()
        parameters[:, place] = kept
        np.testing.assert_allclose(gradients[:, place], (up - down) / (2 * step), rtol=1e-4, atol=1e-7)
