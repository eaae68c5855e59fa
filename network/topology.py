"""The layers of a network, from its architecture."""

from math import prod

from network.activations import ACTIVATIONS, NoisyReLU
from network.architecture import Architecture, Convolution
from network.arrays import Shape
from network.errors import NetworkError
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
from network.losses import LOSSES, Huber, Loss


def loss_of(architecture: Architecture) -> Loss:
    """Return the loss of a network."""
    return Huber(architecture.huber_delta) if architecture.loss == "huber" else LOSSES[architecture.loss]


def layers_of(architecture: Architecture) -> tuple[Layer, ...]:
    """Return the layers of a network, from its inputs to its outputs.

    Raises NetworkError when an image is used up before the last convolution.
    """
    layers: list[Layer] = []
    shape: Shape = architecture.image if architecture.convolutions and architecture.image else (architecture.inputs,)
    for number, stage in enumerate(architecture.convolutions):
        layers += _convolution(stage, number, shape, architecture)
        shape = layers[-1].outputs
    if architecture.convolutions:
        layers.append(Flatten(shape))
        shape = (prod(shape),)
    for width in architecture.hidden:
        layers.append(Dense(shape, width))
        layers += _behind(layers[-1], architecture)
        shape = (width,)
        if architecture.dropout:
            layers.append(Dropout(shape))
    # The loss has its own link from outputs to predictions.
    return (*layers, Dense(shape, architecture.outputs, last=True))


def _convolution(stage: Convolution, number: int, shape: Shape, architecture: Architecture) -> list[Layer]:
    height, width, _ = shape
    smallest = min(height, width) + 2 * stage.padding
    if stage.kernel > smallest:
        raise NetworkError(
            f"convolutions[{number}] has a kernel of {stage.kernel} pixels, but its image has {height} × {width} and "
            f"{stage.padding} of padding: use fewer stages, smaller kernels or less pooling."
        )
    layers: list[Layer] = [Convolution2D(shape, stage.filters, stage.kernel, stage.stride, stage.padding)]
    layers += _behind(layers[-1], architecture)
    if stage.pool > 1:
        height, width, _ = layers[-1].outputs
        if stage.pool > min(height, width):
            raise NetworkError(
                f"convolutions[{number}] pools {stage.pool} × {stage.pool} pixels of an image of {height} × {width}: "
                "use fewer stages or less pooling."
            )
        pool = MaxPool if stage.pooling == "max" else AveragePool
        layers.append(pool(layers[-1].outputs, stage.pool))
    return layers


def _behind(layer: Layer, architecture: Architecture) -> list[Layer]:
    """Return normalization and activation of a layer's outputs."""
    activation, shape = ACTIVATIONS[architecture.activation], layer.outputs
    normalizations: dict[str, list[Layer]] = {
        "none": [],
        "batch": [BatchNormalization(shape)],
        "layer": [LayerNormalization(shape)],
    }
    active = Noisy(shape, activation) if isinstance(activation, NoisyReLU) else Elementwise(shape, activation)
    return [*normalizations[architecture.normalization], active]
