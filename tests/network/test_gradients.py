"""Backpropagation against central differences, through whole networks of every kind."""

import numpy as np
import pytest
from networks import FACTORS, Case, pairs

from network.arrays import Scratch, aligned_zeros
from network.layout import Layout
from network.member import Member
from network.noise import NoiseStream
from network.stack import Stack
from network.topology import layers_of, loss_of

SETTINGS = ("shape", "activation", "loss", "normalization", "dropout", "weighted")
CASES = [Case.of(**levels, dtype="float64") for levels in pairs({name: FACTORS[name] for name in SETTINGS})]
RATES = (0.3, 0.0, 0.6)
STEP = 1e-6


class Batch:
    """A minibatch of three networks, with random parameters, that can be taken again and again with the same noise."""

    def __init__(self, case, rows):
        architecture, rng = case.architecture, np.random.default_rng(rows)
        self._loss, layout = loss_of(architecture), Layout.of(layers_of(architecture))
        self.parameters, self.gradients = (aligned_zeros(3, (layout.size,), "float64") for _ in range(2))
        self.parameters[:, : layout.used] = rng.normal(size=(3, layout.used))
        members = [Member(seed, dropout=rate) for seed, rate in enumerate(RATES)]
        statistics = aligned_zeros(3, (layout.gathered,), "float64")
        self._passage = Stack(layout, members, self.parameters, self.gradients, statistics, Scratch()).passage(rows)
        self._noise = [
            NoiseStream(layer.noise, number, layer.outputs, rows, np.dtype("float64"))
            for number, layer in enumerate(layout.layers)
            if layer.noise
        ]
        self._x = rng.normal(size=(3, rows, architecture.inputs))
        y = [case.targets(rng, rows) for _ in members]
        self._targets = np.stack([self._loss.targets("y", one, architecture.outputs, np.dtype("float64")) for one in y])
        self._weights = rng.uniform(0, 3, (3, rows)) if case.weighted else None

    def losses(self):
        """Return the loss of each member, and leave its errors behind."""
        for stream in self._noise:
            stream.begin([0, 1, 2], [0, 0, 0], Scratch())
        self._passage.forward(self._x, self._noise)
        losses = np.empty(self._x.shape[:2])
        self._loss.gradient(self._passage.outputs, self._targets, self._passage.errors, losses, self._weights)
        return losses.mean(axis=1)

    def backward(self):
        """Return the gradients, after `losses`."""
        self._passage.backward()
        return self.gradients.copy()


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("rows", [1, 5])
def test_backpropagation_agrees_with_central_differences(case, rows):
    """For every parameter of three networks at once, in float64, with the noise of dropout and activations held fixed."""
    batch = Batch(case, rows)
    batch.losses()
    gradients = batch.backward()
    for place in sampled(gradients.shape[1]):
        kept = batch.parameters[:, place].copy()
        batch.parameters[:, place] = kept + STEP
        up = batch.losses()
        batch.parameters[:, place] = kept - STEP
        down = batch.losses()
        batch.parameters[:, place] = kept
        np.testing.assert_allclose(gradients[:, place], (up - down) / (2 * STEP), rtol=1e-4, atol=1e-6, err_msg=place)


def sampled(size):
    """Return places among `size` parameters: every one, or of many a random sample."""
    return range(size) if size <= 64 else np.random.default_rng(0).choice(size, 64, replace=False)
