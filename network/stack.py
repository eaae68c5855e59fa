"""A stack of networks: all parameters in one flat buffer, and the passes of a minibatch forward and backward."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from network.activations import ACTIVATIONS
from network.architecture import Architecture
from network.arrays import Array, aligned_zeros, without
from network.initializers import INITIALIZERS
from network.layers import Dense, Elementwise, Layer
from network.randomness import Purpose, generator

Views = Sequence[tuple[Array, ...]]
"""For each layer its parameters (or their gradients), each (members, *shape): views of a flat buffer."""


def layers_of(architecture: Architecture) -> tuple[Layer, ...]:
    """Return the layers of a network, from its inputs to its outputs."""
    activation = ACTIVATIONS[architecture.activation]
    widths = (architecture.inputs, *architecture.hidden, architecture.outputs)
    layers: list[Layer] = []
    for inputs, outputs in pairwise(widths):
        layers += [Dense(inputs, outputs), Elementwise(outputs, outputs, activation)]
    return tuple(layers[:-1])  # the loss has its own link from outputs to predictions


def shapes_of(layers: Sequence[Layer]) -> list[tuple[int, int]]:
    """Return the shapes of one network's parameters in the order of the flat buffer."""
    return [parameter.shape for layer in layers for parameter in layer.parameters]


def views_of(layers: Sequence[Layer], flat: Array) -> Views:
    """Return the layers' parameters as views of `flat`, (members, P)."""
    views, start = [], 0
    for layer in layers:
        arrays = []
        for parameter in layer.parameters:
            stop = start + prod(parameter.shape)
            arrays.append(flat[:, start:stop].reshape(len(flat), *parameter.shape))
            start = stop
        views.append(tuple(arrays))
    return views


def decays_of(layers: Sequence[Layer], dtype: np.dtype[Any]) -> Array:
    """Return 1 for each of a network's P parameters that weight decay acts on, and 0 for the others."""
    parameters = [parameter for layer in layers for parameter in layer.parameters]
    return np.repeat(
        np.array([parameter.decays for parameter in parameters], dtype),
        [prod(parameter.shape) for parameter in parameters],
    )


@dataclass(frozen=True, slots=True)
class Workspace:
    """What the layers write in one pass: their outputs, and the loss's gradients with respect to these."""

    outputs: Sequence[Array]
    gradients: Sequence[Array]

    @classmethod
    def allocate(cls, layers: Sequence[Layer], members: int, rows: int, dtype: np.dtype[Any]) -> "Workspace":
        """Return a workspace for minibatches of up to `rows` rows."""
        shapes = [(rows, layer.outputs) for layer in layers]
        return cls(
            outputs=[aligned_zeros(members, shape, dtype) for shape in shapes],
            gradients=[aligned_zeros(members, shape, dtype) for shape in shapes],
        )

    def head(self, rows: int) -> "Workspace":
        """Return the part of this workspace for a minibatch of `rows` rows."""
        return Workspace([array[:, :rows] for array in self.outputs], [array[:, :rows] for array in self.gradients])


def forward(layers: Sequence[Layer], parameters: Views, x: Array, workspace: Workspace) -> Array:
    """Return the networks' outputs (members, rows, outputs) for `x` (members, rows, inputs), in the workspace."""
    for layer, own, y in zip(layers, parameters, workspace.outputs, strict=True):
        layer.forward(own, x, y)
        x = y
    return x


def backward(layers: Sequence[Layer], parameters: Views, gradients: Views, x: Array, workspace: Workspace) -> None:
    """Write the loss's gradients with respect to all parameters to `gradients`.

    After `forward` of the same `x`, and after the loss has written to the last of the workspace's gradients.
    """
    outputs, errors = workspace.outputs, workspace.gradients
    for index in reversed(range(1, len(layers))):
        layers[index].backward(
            parameters[index],
            gradients[index],
            outputs[index - 1],
            outputs[index],
            dy=errors[index],
            dx=errors[index - 1],
        )
    layers[0].backward(parameters[0], gradients[0], x, outputs[0], dy=errors[0], dx=None)


class Stack:
    """Networks of one architecture, one for each of `seeds`; `parameters` and `gradients` are flat, (members, P)."""

    def __init__(self, architecture: Architecture, seeds: Sequence[int]) -> None:
        self.layers = layers_of(architecture)
        self._dtype = architecture.float_type
        size = sum(prod(shape) for shape in shapes_of(self.layers))
        self._bind(aligned_zeros(len(seeds), (size,), self._dtype))
        for row, seed in zip(self.parameters, seeds, strict=True):
            rng = generator(seed, Purpose.INITIAL_PARAMETERS)
            arrays = [
                array for layer in self.layers for array in layer.initial(INITIALIZERS[architecture.initializer], rng)
            ]
            row[...] = np.concatenate(arrays, axis=None)

    def forward(self, x: Array) -> Array:
        """Return the outputs (members, rows, outputs) for a minibatch `x` (members, rows, inputs), until the next."""
        return forward(self.layers, self._parameter_views, x, self._workspace(x.shape[1]))

    def output_gradients(self, rows: int) -> Array:
        """Return where the loss of a minibatch has to write its gradient with respect to the outputs."""
        return self._workspace(rows).gradients[-1]

    def backward(self, x: Array) -> None:
        """Write the gradients of a minibatch's loss to `gradients`, after `forward` and the loss."""
        backward(self.layers, self._parameter_views, self._gradient_views, x, self._workspace(x.shape[1]))

    def member(self, index: int, flat: Array) -> Views:
        """Return the parameters of one member, a stack of one, as views of `flat` (members, P)."""
        return views_of(self.layers, flat[index : index + 1])

    def drop(self, index: int) -> None:
        """Forget member `index`."""
        self._bind(without(self.parameters, index))

    def _bind(self, parameters: Array) -> None:
        self.parameters = parameters
        self.gradients = aligned_zeros(len(parameters), parameters.shape[1:], self._dtype)
        self._parameter_views = views_of(self.layers, self.parameters)
        self._gradient_views = views_of(self.layers, self.gradients)
        self._workspaces: dict[int, Workspace] = {}

    def _workspace(self, rows: int) -> Workspace:
        """Return the workspace for minibatches of `rows` rows: a full batch, or the rest at an epoch's end."""
        if rows not in self._workspaces:
            self._workspaces[rows] = Workspace.allocate(self.layers, len(self.parameters), rows, self._dtype)
        return self._workspaces[rows]
