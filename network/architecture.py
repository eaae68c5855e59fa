"""What the members of a stack share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf, prod
from typing import Any, Final

import numpy as np

from network.activations import ACTIVATIONS
from network.errors import NetworkError, check_name, check_range, check_whole
from network.initializers import INITIALIZERS
from network.losses import LOSSES
from network.optimizers import OPTIMIZERS

DTYPES: Final = ("float32", "float64")
NORMALIZATIONS: Final = ("none", "batch", "layer")
POOLINGS: Final = ("max", "average")


@dataclass(frozen=True, slots=True)
class Convolution:
    """One stage of a convolutional network: `filters` of kernel × kernel pixels, `stride` pixels apart, then pooling.

    The image is framed by `padding` zeros on each side. `pool` 2 halves height and width by the maximum, or the
    average, of 2 × 2 pixels; 1 is no pooling. Raises NetworkError on an impossible size.
    """

    filters: int
    kernel: int = 3
    stride: int = 1
    padding: int = 1
    pool: int = 1
    pooling: str = "max"

    def __post_init__(self) -> None:
        for name, least in (("filters", 1), ("kernel", 1), ("stride", 1), ("padding", 0), ("pool", 1)):
            check_whole(name, getattr(self, name), least)
        check_name("pooling", self.pooling, POOLINGS)


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a network and the kinds of its parts; networks of equal architectures can train as one stack.

    `hidden` holds the widths of the hidden layers, from the inputs on; () is a linear model. Behind each hidden layer
    come `normalization` ("none", "batch", "layer"), the activation and, if asked for, dropout at each member's own
    rate. An `image` (height, width, channels) is what a row of inputs holds, pixel by pixel; `convolutions` see it
    before the hidden layers do. Names are keys of ACTIVATIONS, LOSSES, INITIALIZERS and OPTIMIZERS; `huber_delta`
    belongs to the loss "huber". Raises NetworkError on an unknown name or an impossible size.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    loss: str = "cross_entropy"
    initializer: str = "he_normal"
    optimizer: str = "adam"
    batch_size: int = 32
    dtype: str = "float32"
    normalization: str = "none"
    dropout: bool = False
    image: tuple[int, int, int] | None = None
    convolutions: tuple[Convolution, ...] = ()
    huber_delta: float = 1.0

    def __post_init__(self) -> None:
        check_whole("inputs", self.inputs, 1)
        check_whole("outputs", self.outputs, 1)
        object.__setattr__(self, "hidden", _widths(self.hidden))  # a list, as JSON has it, would not hash
        check_name("activation", self.activation, ACTIVATIONS)
        check_name("loss", self.loss, LOSSES)
        check_name("initializer", self.initializer, INITIALIZERS)
        check_name("optimizer", self.optimizer, OPTIMIZERS)
        check_whole("batch_size", self.batch_size, 1)
        check_name("dtype", self.dtype, DTYPES)
        check_name("normalization", self.normalization, NORMALIZATIONS)
        check_range("huber_delta", self.huber_delta, 0, inf, open_low=True)
        if not isinstance(self.dropout, bool | np.bool_):
            raise NetworkError(f"dropout is {self.dropout!r}, but must be True or False: each member has its own rate.")
        object.__setattr__(self, "dropout", bool(self.dropout))
        object.__setattr__(self, "image", _image(self.image, self.inputs))
        object.__setattr__(self, "convolutions", _convolutions(self.convolutions))
        if self.convolutions and self.image is None:
            raise NetworkError("convolutions need an image: give its height, width and channels, as in (28, 28, 1).")

    @property
    def float_type(self) -> np.dtype[Any]:
        """The type of every parameter and of all arithmetic in training."""
        return np.dtype(self.dtype)


def _widths(hidden: object) -> tuple[int, ...]:
    if isinstance(hidden, str) or not isinstance(hidden, Iterable):
        raise NetworkError(f"hidden is {hidden!r}, but must hold the widths of the hidden layers: (64,), (32, 16), ().")
    widths = tuple(hidden)
    for layer, width in enumerate(widths):
        check_whole(f"hidden[{layer}]", width, 1)
    return widths


def _image(image: object, inputs: int) -> tuple[int, int, int] | None:
    if image is None:
        return None
    sides = tuple(image) if isinstance(image, Iterable) and not isinstance(image, str) else ()
    if len(sides) != 3:  # noqa: PLR2004 - three axes
        raise NetworkError(f"image is {image!r}, but must be height, width and channels, as in (28, 28, 1).")
    for name, size in zip(("height", "width", "channels"), sides, strict=True):
        check_whole(f"the image's {name}", size, 1)
    if prod(sides) != inputs:
        raise NetworkError(f"An image {sides} has {prod(sides)} values, but the network has {inputs} inputs.")
    return sides


def _convolutions(convolutions: object) -> tuple[Convolution, ...]:
    """Return the stages; as JSON has them, each is a mapping."""
    if isinstance(convolutions, str) or not isinstance(convolutions, Iterable):
        raise NetworkError(
            f"convolutions is {convolutions!r}, but must hold stages: (Convolution(8), Convolution(16))."
        )
    stages = []
    for stage in convolutions:
        try:
            stages.append(Convolution(**stage) if isinstance(stage, Mapping) else stage)
        except TypeError as error:
            raise NetworkError(f"{stage!r} is no Convolution: {error}.") from error
        if not isinstance(stages[-1], Convolution):
            raise NetworkError(f"{stage!r} is no Convolution.")
    return tuple(stages)
