"""A stack of networks: the passes of a minibatch, forward and backward, through rooms furnished once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from math import prod

import numpy as np

from network.arrays import Array, Scratch
from network.layers import Layer, Room
from network.layout import FILL, Layout, views
from network.member import Member
from network.noise import NoiseStream

_NOTHING = np.empty(0)


class Passage:
    """The way of minibatches of one size through the layers of a stack, and back."""

    def __init__(self, layers: Sequence[Layer], rooms: Sequence[Room]) -> None:
        self._first, self._inputs = rooms[0], layers[0].inputs
        self._forward = [(layer.forward, room) for layer, room in zip(layers, rooms, strict=True)]
        self._infer = [(layer.infer, room) for layer, room in zip(layers, rooms, strict=True)]
        self._backward = [(layer.backward, room) for layer, room in reversed(list(zip(layers, rooms, strict=True)))]
        self._noisy = [room for layer, room in zip(layers, rooms, strict=True) if layer.noise]
        self.outputs, self.errors = rooms[-1].y, rooms[-1].dy
        """What the last layer puts out, (members, rows, outputs), and where a loss writes its gradient."""

    def forward(self, x: Array, noise: Sequence[NoiseStream] = ()) -> None:
        """Compute the outputs for `x` (members, rows, inputs), in training."""
        for room, stream in zip(self._noisy, noise, strict=True):
            room.noise = stream.step(x.shape[1])
        self._enter(x)
        for layer, room in self._forward:
            layer(room)

    def infer(self, x: Array) -> None:
        """Compute the outputs for `x` (members or 1, rows, inputs) of networks that are used."""
        self._enter(x)
        for layer, room in self._infer:
            layer(room)

    def backward(self) -> None:
        """Compute the stack's gradients from the errors; after `forward`."""
        for layer, room in self._backward:
            layer(room)

    def _enter(self, x: Array) -> None:
        self._first.x = x if len(self._inputs) == 1 else x.reshape(*x.shape[:2], *self._inputs)


@dataclass(frozen=True, slots=True)
class Stack:
    """Networks of one layout, one for each of `members`.

    `parameters` and `gradients` are flat, (members, P), `statistics` (members, S). `scratch` holds everything between
    the passes, and may be shared by stacks that take turns.
    """

    layout: Layout
    members: Sequence[Member]
    parameters: Array
    gradients: Array
    statistics: Array
    scratch: Scratch

    def passage(self, rows: int, *, back: bool = True) -> Passage:
        """Return the way of `rows` rows through the layers, and `back` through them."""
        layers = self.layout.layers
        rooms: list[Room] = []
        places = cycle(("errors", "errors handed on"))  # in turns: those that come to a layer, those that it hands on
        for index, layer in enumerate(layers):
            count, before = len(self.members), rooms[-1] if rooms else None
            if before is not None and layer.overwrites and not layers[index - 1].reads_output:
                shape = (count, rows, *layer.outputs)
                y, dy = before.y.reshape(shape), before.dy.reshape(shape)
            else:
                y = self._signal(f"outputs {index}", index, rows)
                dy = self._signal(next(places), index, rows) if back else y
            rooms.append(self._room(index, rows, before, y, dy))
        return Passage(layers, rooms)

    def _room(self, index: int, rows: int, before: Room | None, y: Array, dy: Array) -> Room:
        layer, count, dtype = self.layout.layers[index], len(self.members), self.parameters.dtype
        return Room(
            parameters=views(self.layout.parameters[index], self.parameters),
            gradients=views(self.layout.parameters[index], self.gradients),
            statistics=views(self.layout.statistics[index], self.statistics),
            settings=layer.settings(self.members, dtype),
            remembered=tuple(
                self.scratch.array(f"remembered {index} {number}", count, wish.shape, wish.dtype or dtype)
                for number, wish in enumerate(layer.remembered(rows))
            ),
            x=_NOTHING if before is None else before.y,
            y=y,
            dy=dy,
            dx=None if before is None else before.dy,
            noise=_NOTHING,
        )

    def _signal(self, use: str, index: int, rows: int) -> Array:
        """Return memory for a layer's outputs, (members, rows, *outputs).

        For a loss the outputs come first, and one output of all members lies in one piece, but for what aligns each
        member's rows: so it reduces over outputs by a few long loops.
        """
        layer, count, dtype = self.layout.layers[index], len(self.members), self.parameters.dtype
        outputs = layer.outputs
        if not layer.read_by_loss:
            return self.scratch.array(use, count, (rows, *outputs), dtype)
        filled = -(-rows // FILL) * FILL
        by_output = self.scratch.array(use, 1, (prod(outputs), count, filled), dtype)[0]
        signal: Array = by_output[..., :rows].transpose(1, 2, 0)
        return signal
