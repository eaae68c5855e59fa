"""The contract of a layer: what it computes, what it has to learn, and how errors flow back through it.

A layer is a description. All arrays that it reads and writes are in its room, which is furnished for it: once for every
size of a minibatch, so that a pass allocates nothing.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from network.arrays import Array, Shape
from network.initializers import Initializer
from network.member import Member


@dataclass(frozen=True, slots=True)
class Parameter:
    """One array that a layer learns: its shape in one network, and whether it is a weight, on which penalties act.

    What is no weight (a bias, a scale) has the shape (1, n).
    """

    shape: tuple[int, int]
    decays: bool


@dataclass(frozen=True, slots=True)
class Statistic:
    """One array of the shape (1, size) that a layer gathers in training and needs later; it starts at `initial`."""

    size: int
    initial: float


@dataclass(frozen=True, slots=True)
class Remembered:
    """An array (members, *shape) that a layer wants for its own use; without a `dtype` it is one of the network's."""

    shape: Shape
    dtype: str | None = None


class Noise(Enum):
    """What random numbers a layer needs in training, one for each element of its output."""

    BITS = "uint16"
    """Whole numbers from 0 to 65535, uniform."""
    NORMAL = "normal"
    """Standard normal numbers of the network's dtype."""


@dataclass(slots=True)
class Room:
    """All that a layer may touch. Arrays have a leading axis of members; x, y, dy, dx and noise then one of rows.

    `dy` is the loss's gradient with respect to `y`, `dx` is for that with respect to `x`, and None when nobody needs
    it. `remembered` are what the layer asked for, `settings` the members' own. Without `gradients` the room is for
    inference, where `x` may have one member that stands for all.
    """

    parameters: tuple[Array, ...]
    gradients: tuple[Array, ...]
    statistics: tuple[Array, ...]
    settings: tuple[Array, ...]
    remembered: tuple[Array, ...]
    x: Array
    y: Array
    dy: Array
    dx: Array | None
    noise: Array


@dataclass(frozen=True, slots=True)
class Layer(ABC):
    """A function from x (members, rows, *inputs) to y (members, rows, *outputs); each member has its own rows.

    No result may depend on how many members there are: sums are matrix products, or reductions of one member's
    contiguous part.
    """

    inputs: Shape

    @property
    def outputs(self) -> Shape:
        """The shape of one row's output."""
        return self.inputs

    @property
    def overwrites(self) -> bool:
        """Whether `y` may be the array `x`, and `dx` the array `dy`: each element is read before it is written."""
        return False

    @property
    def reads_output(self) -> bool:
        """Whether `backward` reads `y`, so that the next layer must not overwrite it."""
        return False

    @property
    def read_by_loss(self) -> bool:
        """Whether `y` and `dy` are laid out for a loss: output by output, in memory, rather than row by row."""
        return False

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What the layer learns."""
        return ()

    @property
    def statistics(self) -> tuple[Statistic, ...]:
        """What it gathers beside."""
        return ()

    @property
    def noise(self) -> Noise | None:
        """The random numbers it needs in training."""
        return None

    def remembered(self, rows: int) -> tuple[Remembered, ...]:
        """Return what it needs between the passes, or during one, over `rows` rows."""
        del rows
        return ()

    def settings(self, members: Sequence[Member], dtype: np.dtype[np.floating]) -> tuple[Array, ...]:
        """Return what the members differ in, ready to be broadcast over `x`."""
        del members, dtype
        return ()

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> tuple[Array, ...]:
        """Return one network's initial parameters, of the shapes of `parameters`."""
        del initializer, rng
        return ()

    @abstractmethod
    def forward(self, room: Room) -> None:
        """Write the output for `x` to `y`, in training."""

    def infer(self, room: Room) -> None:
        """Write the output for `x` to `y`, of a network that is used."""
        self.forward(room)

    @abstractmethod
    def backward(self, room: Room) -> None:
        """Write `gradients`, and `dx` unless it is None. After `forward`, in the same room.

        Nobody needs `y` any more afterwards: it may be used for what lies between.
        """
