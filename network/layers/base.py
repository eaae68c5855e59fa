"""The contract of a layer: what it computes, what it has to learn, and how errors flow back through it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from network.arrays import Array
from network.initializers import Initializer


@dataclass(frozen=True, slots=True)
class Parameter:
    """One array that a layer learns: its shape in one network, and whether weight decay acts on it."""

    shape: tuple[int, int]
    decays: bool


@dataclass(frozen=True, slots=True)
class Layer(ABC):
    """A function from x (members, rows, inputs) to y (members, rows, outputs): each member of a stack has its own rows.

    A layer is a description: parameters, their gradients and all intermediate results are handed to it. Parameters come
    in the order of `parameters`, as arrays (members, *shape). No result may depend on how many members there are.
    """

    inputs: int
    outputs: int

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns: nothing, unless it says so."""
        return ()

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """Return one network's initial parameters."""
        del initializer, rng
        return ()

    @abstractmethod
    def forward(self, parameters: tuple[Array, ...], x: Array, y: Array) -> None:
        """Write the layer's output for `x` to `y`."""

    @abstractmethod
    def backward(
        self,
        parameters: tuple[Array, ...],
        gradients: tuple[Array, ...],
        x: Array,
        y: Array,
        *,
        dy: Array,
        dx: Array | None,
    ) -> None:
        """Write the loss's gradients with respect to the parameters to `gradients`, and to the input to `dx`.

        `x` and `y` are those of the forward pass, `dy` is the gradient with respect to `y`; `dx` is None when nobody
        needs it.
        """
