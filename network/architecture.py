"""What the members of a stack share."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from network.activations import ACTIVATIONS
from network.errors import NetworkError, check_name, check_whole
from network.initializers import INITIALIZERS
from network.losses import LOSSES
from network.optimizers import OPTIMIZERS

DTYPES: Final = ("float32", "float64")


@dataclass(frozen=True, slots=True)
class Architecture:
    """The shape of a network and the kinds of its parts; networks of equal architectures can train as one stack.

    `hidden` holds the widths of the hidden layers, from the inputs on; () is a linear model. Names are keys of
    ACTIVATIONS, LOSSES, INITIALIZERS and OPTIMIZERS. Raises NetworkError on an unknown name or an impossible size.
    """

    inputs: int
    outputs: int
    hidden: tuple[int, ...] = (64,)
    activation: str = "relu"
    loss: str = "cross_entropy"
    initializer: str = "he"
    optimizer: str = "adam"
    batch_size: int = 32
    dtype: str = "float32"

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
