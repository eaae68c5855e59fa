"""Initial weights: random, of a size that keeps signals and gradients at one scale through the depth of a network.

Most are a shape of distribution, normal or uniform, with a rule for its variance. A rule's arguments are a layer's
fans: how many inputs one of its outputs depends on (fan-in), and how many outputs one of its inputs has a part in
(fan-out).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import sqrt
from types import MappingProxyType
from typing import Final

import numpy as np

from network.arrays import Array


class Initializer(ABC):
    """A distribution of weights with mean 0."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int) -> Array:
        """Return weights of `shape` in float64: the draws are the same for every dtype.

        A dense layer's shape is (inputs, outputs), and these are its fans; a convolution's is (kernel height * kernel
        width * channels in, channels out), and its fans are kernel height * kernel width * channels in or out.
        """


Rule = Callable[[int, int], float]
"""The variance of weights, from fan-in and fan-out."""


def small(fan_in: int, fan_out: int) -> float:
    """σ = 0.01, whatever the layer (Krizhevsky, Sutskever and Hinton, NIPS 2012, section 5)."""
    del fan_in, fan_out
    return 0.01**2


def classic(fan_in: int, fan_out: int) -> float:
    """The variance of U(-1/√fan_in, 1/√fan_in), long the usual choice (Glorot and Bengio, AISTATS 2010, equation 1)."""
    del fan_out
    return 1 / (3 * fan_in)


def lecun(fan_in: int, fan_out: int) -> float:
    """Signals keep their variance in a linear layer (LeCun et al., Efficient BackProp, 1998, equation 16)."""
    del fan_out
    return 1 / fan_in


def glorot(fan_in: int, fan_out: int) -> float:
    """Signals and gradients about keep theirs, with tanh (Glorot and Bengio, AISTATS 2010, equation 12)."""
    return 2 / (fan_in + fan_out)


def he(fan_in: int, fan_out: int) -> float:
    """Signals keep theirs though ReLU halves it (He, Zhang, Ren and Sun, ICCV 2015, equation 10)."""
    del fan_out
    return 2 / fan_in


@dataclass(frozen=True, slots=True)
class Normal(Initializer):
    """W ~ N(0, variance)."""

    variance: Rule

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int) -> Array:
        return rng.normal(0.0, sqrt(self.variance(fan_in, fan_out)), shape)


@dataclass(frozen=True, slots=True)
class Uniform(Initializer):
    """W ~ U(-bound, bound) with bound² = 3 variance; under Glorot's rule equation 16 of that paper."""

    variance: Rule

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int) -> Array:
        bound = sqrt(3 * self.variance(fan_in, fan_out))
        return rng.uniform(-bound, bound, shape)


@dataclass(frozen=True, slots=True)
class Orthogonal(Initializer):
    """WᵀW = I, or W Wᵀ = I when W has more columns than rows (Saxe, McClelland and Ganguli, ICLR 2014, section 3).

    Uniform among these matrices: Q of a normal matrix's QR decomposition, with the signs that make R's diagonal
    positive (Mezzadri, Notices of the AMS 54, 2007). The fans do not matter.
    """

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int) -> Array:
        del fan_in, fan_out
        q, r = np.linalg.qr(rng.normal(size=(max(shape), min(shape))))
        q *= np.copysign(1, r.diagonal())
        return np.ascontiguousarray(q if shape[0] >= shape[1] else q.T)


@dataclass(frozen=True, slots=True)
class Zeros(Initializer):
    """W = 0: for a model without hidden layers. The units of a hidden layer would stay equal for ever."""

    def draw(self, rng: np.random.Generator, shape: tuple[int, int], fan_in: int, fan_out: int) -> Array:
        del rng, fan_in, fan_out
        return np.zeros(shape)


INITIALIZERS: Final[Mapping[str, Initializer]] = MappingProxyType(
    {
        "glorot_normal": Normal(glorot),
        "glorot_uniform": Uniform(glorot),
        "he_normal": Normal(he),
        "he_uniform": Uniform(he),
        "lecun_normal": Normal(lecun),
        "lecun_uniform": Uniform(lecun),
        "normal": Normal(small),
        "orthogonal": Orthogonal(),
        "uniform": Uniform(classic),
        "zeros": Zeros(),
    }
)
