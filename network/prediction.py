"""A trained network put to use: predictions and metrics on any data."""

from collections.abc import Collection

import numpy as np

from network.architecture import Architecture
from network.arrays import Array, Scratch, aligned_zeros
from network.data import checked_inputs, checked_rows
from network.errors import NetworkError, check_name
from network.inference import Inference
from network.layout import Layout, Weights
from network.member import Member
from network.stack import Stack
from network.topology import layers_of, loss_of


def predict(architecture: Architecture, weights: Weights, x: Array) -> Array:
    """Return what the network says of each row (n, outputs): probabilities of classes or labels, or values.

    `weights` are those of `Training.weights`. Raises NetworkError when they or `x` do not fit the architecture.
    """
    return loss_of(architecture).predictions(outputs(architecture, weights, x))


def outputs(architecture: Architecture, weights: Weights, x: Array) -> Array:
    """Return the last layer's outputs (n, outputs): logits of classes or labels, or values. Raises NetworkError."""
    outputs: Array = _outputs(architecture, weights, checked_inputs("x", x, architecture))[0]
    return outputs


def evaluate(
    architecture: Architecture,
    weights: Weights,
    x: Array,
    y: Array,
    *,
    sample_weights: Array | None = None,
    metrics: Collection[str] | None = None,
) -> dict[str, float]:
    """Return the loss and the metrics that go with it; on validation data those of training, bit for bit.

    `metrics` names those wanted; unset, they are the loss's usual ones. Raises NetworkError when the weights, `x` or
    `y` do not fit the architecture, and on an unknown metric.
    """
    loss = loss_of(architecture)
    names = tuple(loss.usual if metrics is None else metrics)
    for name in names:
        check_name(f"metric of {architecture.loss}", name, loss.directions)
    rows = checked_rows(("x", "y", "sample_weights"), x, y, sample_weights, architecture)
    found = loss.metrics(_outputs(architecture, weights, rows.x), rows.targets.T, names, rows.weights)
    return {name: float(values[0]) for name, values in found.items()}


def _outputs(architecture: Architecture, weights: Weights, x: Array) -> Array:
    """Return the outputs (1, n, outputs) of a stack of one, in memory laid out as in training."""
    layout, dtype = Layout.of(layers_of(architecture)), architecture.float_type
    _check_weights(layout, weights)
    parameters = aligned_zeros(1, (layout.size,), dtype)
    statistics = aligned_zeros(1, (layout.gathered,), dtype)
    parameters[0], statistics[0] = layout.flattened(weights)
    stack = Stack(layout, [Member(seed=0)], parameters, parameters, statistics, Scratch())
    with np.errstate(all="ignore"):
        return Inference(stack, len(x)).outputs(x)


def _check_weights(layout: Layout, weights: Weights) -> None:
    blank = layout.arrays(np.empty(layout.size), np.empty(layout.gathered))
    expected = [[array.shape for array in own] for own in blank]
    found = [[np.shape(array) for array in own] for own in weights]
    if found != expected:
        raise NetworkError(
            f"The weights have the shapes {found}, but the architecture's layers need {expected}: use the architecture "
            "that they were trained with."
        )
