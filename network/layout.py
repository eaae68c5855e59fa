"""Where the parameters of a network lie in one flat row: all weights first, then everything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import prod
from typing import Final

import numpy as np

from network.arrays import Array, Shape
from network.initializers import Initializer
from network.layers import Layer

Weights = Sequence[tuple[Array, ...]]
"""For each layer that has any: its parameters, then its statistics; weights as matrices, everything else as vectors."""

FILL: Final = 16  # values: ALIGNMENT in float32

Place = tuple[int, Shape]
"""Where an array begins in a flat row, and its shape."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where each layer's parameters, and its statistics, begin, and their shapes.

    `used` parameters in all, the first `weights` of which are those that penalties act on; `gathered` statistics. Up to
    15 zeros at the end fill the last cache line, to a row of `size`: so the rows of a stack follow each other without a
    gap.
    """

    layers: tuple[Layer, ...]
    parameters: tuple[tuple[Place, ...], ...]
    statistics: tuple[tuple[Place, ...], ...]
    size: int
    used: int
    weights: int
    gathered: int

    @classmethod
    def of(cls, layers: tuple[Layer, ...]) -> "Layout":
        """Return the layout of a network of these layers."""
        learned = [parameter for layer in layers for parameter in layer.parameters]
        in_order = sorted(range(len(learned)), key=lambda index: not learned[index].decays)  # stable: by layer
        ends = list(accumulate(prod(learned[index].shape) for index in in_order))
        starts = dict(zip(in_order, [0, *ends], strict=False))
        learning = iter([(starts[index], parameter.shape) for index, parameter in enumerate(learned)])
        sizes = [statistic.size for layer in layers for statistic in layer.statistics]
        gathering = iter([(end - size, (1, size)) for end, size in zip(accumulate(sizes), sizes, strict=True)])
        return cls(
            layers,
            parameters=tuple(tuple(next(learning) for _ in layer.parameters) for layer in layers),
            statistics=tuple(tuple(next(gathering) for _ in layer.statistics) for layer in layers),
            size=-(-ends[-1] // FILL) * FILL,
            used=ends[-1],
            weights=sum(prod(parameter.shape) for parameter in learned if parameter.decays),
            gathered=sum(sizes),
        )

    @property
    def shapes(self) -> list[list[int]]:
        """The shapes of all parameters and of all statistics, layer by layer: what a saved state is of."""
        return [list(shape) for places in (self.parameters, self.statistics) for own in places for _, shape in own]

    def initial(self, initializer: Initializer, rng: np.random.Generator) -> Array:
        """Return one network's initial parameters (size,) in float64."""
        flat = np.zeros(self.size)
        for layer, places in zip(self.layers, self.parameters, strict=True):
            for (start, shape), array in zip(places, layer.initial(initializer, rng), strict=True):
                flat[start : start + prod(shape)] = array.ravel()
        return flat

    def untouched(self) -> Array:
        """Return one network's statistics (gathered,) before training, in float64."""
        statistics = [statistic for layer in self.layers for statistic in layer.statistics]
        return np.repeat([s.initial for s in statistics], [s.size for s in statistics]) if statistics else np.zeros(0)

    def arrays(self, parameters: Array, statistics: Array) -> list[tuple[Array, ...]]:
        """Return copies of one network's parameters (size,) and statistics (gathered,) in the form of `Weights`."""
        by_layer = []
        for layer, learned, gathered in zip(self.layers, self.parameters, self.statistics, strict=True):
            arrays = (*views(learned, parameters[None]), *views(gathered, statistics[None]))
            matrices = [parameter.decays for parameter in layer.parameters] + [False] * len(gathered)
            both = zip(arrays, matrices, strict=True)
            by_layer.append(tuple((array[0] if matrix else array[0, 0]).copy() for array, matrix in both))
        return [own for own in by_layer if own]

    def flattened(self, weights: Weights) -> tuple[Array, Array]:
        """Return what `arrays` was made of. The shapes are those of `arrays`."""
        parameters, statistics = np.zeros(self.size), np.zeros(self.gathered)
        own = iter(weights)
        for learned, gathered in zip(self.parameters, self.statistics, strict=True):
            if not learned and not gathered:
                continue
            arrays = iter(next(own))
            for flat, places in ((parameters, learned), (statistics, gathered)):
                for start, shape in places:
                    flat[start : start + prod(shape)] = np.ravel(next(arrays))
        return parameters, statistics


def views(places: tuple[Place, ...], flat: Array) -> tuple[Array, ...]:
    """Return the arrays at `places` in each row of `flat` (members, n), each (members, *shape)."""
    return tuple(flat[:, start : start + prod(shape)].reshape(len(flat), *shape) for start, shape in places)
