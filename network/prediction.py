"""A trained network put to use: predictions and metrics on any data."""

from collections.abc import Sequence

import numpy as np

from network.architecture import Architecture
from network.arrays import Array, aligned_zeros
from network.data import checked_inputs, checked_pair
from network.errors import NetworkError
from network.losses import LOSSES
from network.stack import Views, Workspace, forward, layers_of, views_of

BLOCK_ROWS = 4096  # rows in one forward pass: what bounds its memory


class Forward:
    """The forward pass of one network over many rows, block by block, in memory allocated once."""

    def __init__(self, architecture: Architecture, rows: int) -> None:
        self._rows, dtype = min(rows, BLOCK_ROWS), architecture.float_type
        self._outputs = architecture.outputs
        self._layers = layers_of(architecture)
        self._x = aligned_zeros(1, (self._rows, architecture.inputs), dtype)
        self._workspace = Workspace.allocate(self._layers, 1, self._rows, dtype)

    def outputs(self, parameters: Views, x: Array) -> Array:
        """Return the outputs (n, outputs) of a network, a stack of one, for `x` (n, inputs)."""
        outputs = np.empty((len(x), self._outputs), x.dtype)
        for start in range(0, len(x), self._rows):
            block = x[start : start + self._rows]
            inputs = self._x[:, : len(block)]
            inputs[0] = block
            outputs[start : start + len(block)] = forward(
                self._layers, parameters, inputs, self._workspace.head(len(block))
            )[0]
        return outputs


def predict(architecture: Architecture, parameters: Sequence[tuple[Array, Array]], x: Array) -> Array:
    """Return class probabilities (n, classes) for cross-entropy, values (n, outputs) for squared error.

    `parameters` are those of `Training.parameters`. Raises NetworkError when they or `x` do not fit the architecture.
    """
    x = checked_inputs("x", x, architecture)
    outputs = Forward(architecture, len(x)).outputs(_views(architecture, parameters), x)
    return LOSSES[architecture.loss].predictions(outputs)


def evaluate(
    architecture: Architecture, parameters: Sequence[tuple[Array, Array]], x: Array, y: Array
) -> dict[str, float]:
    """Return the loss and the metrics that go with it; on validation data those of training, bit for bit.

    Raises NetworkError when the parameters, `x` or `y` do not fit the architecture.
    """
    x, targets = checked_pair("", x, y, architecture)
    outputs = Forward(architecture, len(x)).outputs(_views(architecture, parameters), x)
    return LOSSES[architecture.loss].metrics(outputs, targets)


def _views(architecture: Architecture, parameters: Sequence[tuple[Array, Array]]) -> Views:
    """Return the parameters as a stack of one, in memory laid out as in training."""
    layers = layers_of(architecture)
    expected = [(layer.inputs, layer.outputs) for layer in layers if layer.parameters]
    found = [(np.shape(weights), np.shape(biases)) for weights, biases in parameters]
    if found != [((inputs, outputs), (outputs,)) for inputs, outputs in expected]:
        raise NetworkError(
            f"The parameters have the shapes {found}, but the architecture's dense layers need weights {expected} and "
            "as many biases as columns: use the architecture that they were trained with."
        )
    flat = aligned_zeros(1, (sum((inputs + 1) * outputs for inputs, outputs in expected),), architecture.float_type)
    flat[0] = np.concatenate([np.ravel(array) for pair in parameters for array in pair])
    return views_of(layers, flat)
