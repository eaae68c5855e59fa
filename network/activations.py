"""Activation functions: what makes a chain of linear maps more than one linear map."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import inf, pi, sqrt
from types import MappingProxyType
from typing import ClassVar, Final

import numpy as np

from network.arrays import Array
from network.errors import NetworkError


class Activation(ABC):
    """A function a = f(z), applied to each element; softmax alone goes over the last axis, the features.

    All arrays of a call have one shape and one type. No finite z gives a warning; NaN stays NaN. Unless the activation
    `reads_input`, `a` may be `z` itself in `forward`, and `dz` may be `da` itself in `backward`.
    """

    reads_input: ClassVar[bool] = False
    """Whether `backward` needs z as well as a."""

    differentiable: ClassVar[bool] = True
    """Whether there is a gradient to train with."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    @abstractmethod
    def forward(self, z: Array, a: Array) -> None:
        """Write f(z) to `a`."""

    @abstractmethod
    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Write f'(z) da to `dz`, where `da` is the loss's gradient with respect to `a` = f(z).

        `z` holds its value only when the activation `reads_input`. Raises NetworkError unless it is `differentiable`.
        """


class Identity(Activation):
    """No activation, a = z: a network with it alone is linear."""

    def forward(self, z: Array, a: Array) -> None:
        if a is not z:
            np.copyto(a, z)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z, a
        if dz is not da:
            np.copyto(dz, da)


class ReLU(Activation):
    """The rectified linear unit, a = max(z, 0), with f'(0) = 0 (Nair and Hinton, ICML 2010)."""

    def forward(self, z: Array, a: Array) -> None:
        z.clip(0.0, inf, a)  # thrice as fast as np.maximum

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        np.multiply(da, a > 0, out=dz)


class LeakyReLU(Activation):
    """The leaky rectifier, a = max(z, z/100), with f'(0) = 1/100 (Maas, Hannun and Ng, ICML 2013)."""

    slope: ClassVar[float] = 0.01

    def forward(self, z: Array, a: Array) -> None:
        np.maximum(z, z * self.slope, out=a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        np.multiply(da, np.maximum(a > 0, self.slope, dtype=a.dtype), out=dz)


class NoisyReLU(Activation):
    """The rectified linear unit with noise in training, a = max(0, z + ε √σ(z)) (Nair and Hinton, ICML 2010).

    ε is standard normal and σ the logistic function: noise of variance σ(z). A trained network applies the plain
    rectifier, by `forward`.
    """

    reads_input = True

    def forward(self, z: Array, a: Array) -> None:
        z.clip(0.0, inf, a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        np.multiply(da, a > 0, out=dz)

    def noisy_forward(self, z: Array, noise: Array, a: Array) -> None:
        """Write max(0, z + ε √σ(z)) to `a`, where `noise` holds one ε for each element."""
        _sigmoid(z, a)
        np.sqrt(a, out=a)
        a *= noise
        a += z
        a.clip(0.0, inf, a)

    def noisy_backward(self, z: Array, noise: Array, a: Array, da: Array, dz: Array) -> None:
        """Write the derivative along the path, with ε held fixed: (1 + ε √σ(z) (1 - σ(z)) / 2) da where a > 0, else 0.

        `noise` and `a` are those of `noisy_forward`.
        """
        _sigmoid(z, dz)
        slope = 1 - dz
        np.sqrt(dz, out=dz)
        slope *= dz
        slope *= noise
        slope *= 0.5
        slope += 1
        slope *= a > 0
        np.multiply(da, slope, out=dz)


class ELU(Activation):
    """The exponential linear unit, α = 1: a = z where z > 0, else exp(z) - 1 (Clevert et al., ICLR 2016, eq. 15)."""

    def forward(self, z: Array, a: Array) -> None:
        negative = z.clip(-inf, 0.0)
        np.expm1(negative, out=negative)
        z.clip(0.0, inf, a)
        a += negative

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        slope = a.clip(-inf, 0.0)  # f' = 1 = 0 + 1 where z > 0, else exp(z) = a + 1
        slope += 1
        np.multiply(da, slope, out=dz)


class GELU(Activation):
    """The Gaussian error linear unit z Φ(z) (Hendrycks and Gimpel 2016), in the tanh approximation of their section 2.

    a = z (1 + tanh u) / 2 with u = √(2/π) (z + 0.044715 z³), which is within 5e-4 of z Φ(z).
    """

    reads_input = True
    linear: ClassVar[float] = sqrt(2 / pi)
    cubic: ClassVar[float] = sqrt(2 / pi) * 0.044715
    bound: ClassVar[float] = 8.0  # beyond it tanh u is ±1 even in float64, and z³ cannot overflow within it

    def forward(self, z: Array, a: Array) -> None:
        z.clip(-self.bound, self.bound, a)
        gate = np.square(a)
        gate *= self.cubic
        gate += self.linear
        gate *= a
        np.tanh(gate, out=gate)
        gate += 1
        gate *= 0.5
        np.multiply(z, gate, out=a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = ((1 + tanh u) + z (1 - tanh² u) u') / 2 da, with u' = √(2/π) (1 + 3 · 0.044715 z²)."""
        del a
        slope = z.clip(-self.bound, self.bound)
        cubic = np.square(slope)
        cubic *= self.cubic
        np.add(cubic, self.linear, out=dz)
        dz *= slope
        np.tanh(dz, out=dz)  # tanh u
        cubic *= 3
        cubic += self.linear
        cubic *= slope  # z u'
        np.square(dz, out=slope)
        np.subtract(1, slope, out=slope)
        slope *= cubic
        slope += dz
        slope += 1
        slope *= 0.5
        np.multiply(da, slope, out=dz)


class SiLU(Activation):
    """The sigmoid-weighted linear unit, a = z σ(z), also known as swish (Elfwing, Uchibe and Doya 2018)."""

    reads_input = True

    def forward(self, z: Array, a: Array) -> None:
        _sigmoid(z, a)
        a *= z

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = (σ(z) + a (1 - σ(z))) da."""
        _sigmoid(z, dz)
        slope = 1 - dz
        slope *= a
        slope += dz
        np.multiply(da, slope, out=dz)


class Sigmoid(Activation):
    """The logistic function, a = σ(z) = 1 / (1 + exp(-z)), with f' = a (1 - a)."""

    def forward(self, z: Array, a: Array) -> None:
        _sigmoid(z, a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        slope = 1 - a
        slope *= a
        np.multiply(da, slope, out=dz)


class Tanh(Activation):
    """The hyperbolic tangent, a = tanh z, with f' = 1 - a²."""

    def forward(self, z: Array, a: Array) -> None:
        np.tanh(z, out=a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        slope = np.square(a)
        np.subtract(1, slope, out=slope)
        np.multiply(da, slope, out=dz)


class Softplus(Activation):
    """The smooth rectifier, a = log(1 + exp z), with f' = σ(z) = 1 - exp(-a) (Dugas et al., NIPS 2000)."""

    def forward(self, z: Array, a: Array) -> None:
        """Set a = max(z, 0) + log(1 + exp(-|z|)), which cannot overflow."""
        excess = np.abs(z)
        excess *= -1
        np.exp(excess, out=excess)
        np.log1p(excess, out=excess)
        z.clip(0.0, inf, a)
        a += excess

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z
        slope = a * -1
        np.expm1(slope, out=slope)
        slope *= -1
        np.multiply(da, slope, out=dz)


class Softmax(Activation):
    """Shares that sum to 1 over the last axis, a = exp z / Σ exp z (Bridle 1990)."""

    def forward(self, z: Array, a: Array) -> None:
        with np.errstate(over="ignore"):  # to -inf, whose exponential is right
            np.subtract(z, np.maximum.reduce(z, axis=-1, keepdims=True), out=a)
        np.exp(a, out=a)
        a /= np.add.reduce(a, axis=-1, keepdims=True)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = a (da - Σ a da)."""
        del z
        np.subtract(da, np.add.reduce(a * da, axis=-1, keepdims=True), out=dz)
        dz *= a


class Sign(Activation):
    """The perceptron's step: a = 1 where z >= 0, else -1 (Rosenblatt 1958). It cannot be trained by gradients."""

    differentiable = False

    def forward(self, z: Array, a: Array) -> None:
        np.sign(z, out=a)
        a += a == 0

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        del z, a, da, dz
        raise NetworkError(
            "The activation 'sign' has no useful gradient, it is flat everywhere: train with 'tanh', its smooth "
            "version, or train a single perceptron by its own learning rule."
        )


def _sigmoid(z: Array, a: Array) -> None:
    """Write σ(z) to `a`, which may be z, as (1 + tanh(z/2)) / 2, which cannot overflow."""
    np.multiply(z, 0.5, out=a)
    np.tanh(a, out=a)
    a += 1
    a *= 0.5


ACTIVATIONS: Final[Mapping[str, Activation]] = MappingProxyType(
    {
        "identity": Identity(),
        "relu": ReLU(),
        "leaky_relu": LeakyReLU(),
        "noisy_relu": NoisyReLU(),
        "elu": ELU(),
        "gelu": GELU(),
        "silu": SiLU(),
        "sigmoid": Sigmoid(),
        "tanh": Tanh(),
        "softplus": Softplus(),
        "softmax": Softmax(),
        "sign": Sign(),
    }
)
