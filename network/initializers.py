"""Initial weights: random, of a size that keeps signals and gradients at one scale through the depth of a network."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import sqrt
from types import MappingProxyType
from typing import Final

import numpy as np

from network.arrays import Array


class Initializer(ABC):
    """A distribution of weights with mean 0."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, inputs: int, outputs: int) -> Array:
        """Return weights of shape (inputs, outputs) in float64: the draws are the same for every dtype."""


class He(Initializer):
    """Normal, for ReLU (He, Zhang, Ren and Sun, ICCV 2015, equation 10)."""

    def draw(self, rng: np.random.Generator, inputs: int, outputs: int) -> Array:
        """W ~ N(0, 2 / inputs)."""
        return rng.normal(0.0, sqrt(2 / inputs), (inputs, outputs))


class Glorot(Initializer):
    """Uniform, for tanh (Glorot and Bengio, AISTATS 2010, equation 16)."""

    def draw(self, rng: np.random.Generator, inputs: int, outputs: int) -> Array:
        """W ~ U(-bound, bound) with bound² = 6 / (inputs + outputs)."""
        bound = sqrt(6 / (inputs + outputs))
        return rng.uniform(-bound, bound, (inputs, outputs))


INITIALIZERS: Final[Mapping[str, Initializer]] = MappingProxyType({"glorot": Glorot(), "he": He()})
