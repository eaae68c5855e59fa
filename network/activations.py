"""Activation functions: what makes a chain of linear maps more than one linear map."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np

from network.arrays import Array


class Activation(ABC):
    """An elementwise function a = f(z). Arrays have one shape, whatever it is; no result overflows for a finite z."""

    @abstractmethod
    def forward(self, z: Array, a: Array) -> None:
        """Write f(z) to `a`."""

    @abstractmethod
    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Write f'(z) * da to `dz`, where `da` is the loss's gradient with respect to `a` = f(z)."""


class Identity(Activation):
    """No activation: a network with it alone is linear."""

    def forward(self, z: Array, a: Array) -> None:
        """Set a = z."""
        np.copyto(a, z)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = da."""
        del z, a
        np.copyto(dz, da)


class ReLU(Activation):
    """The rectified linear unit (Nair and Hinton, ICML 2010)."""

    def forward(self, z: Array, a: Array) -> None:
        """Set a = max(z, 0)."""
        np.maximum(z, 0, out=a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = da where z > 0, else 0."""
        del z
        np.sign(a, out=dz)
        dz *= da


class Tanh(Activation):
    """The hyperbolic tangent."""

    def forward(self, z: Array, a: Array) -> None:
        """Set a = tanh z."""
        np.tanh(z, out=a)

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = (1 - a²) da."""
        del z
        np.multiply(a, a, out=dz)
        np.subtract(1, dz, out=dz)
        dz *= da


class Sigmoid(Activation):
    """The logistic function."""

    def forward(self, z: Array, a: Array) -> None:
        """Set a = 1 / (1 + exp(-z)), as (1 + tanh(z/2)) / 2, which cannot overflow."""
        np.multiply(z, 0.5, out=a)
        np.tanh(a, out=a)
        a += 1
        a *= 0.5

    def backward(self, z: Array, a: Array, da: Array, dz: Array) -> None:
        """Set dz = a (1 - a) da."""
        del z
        np.subtract(1, a, out=dz)
        dz *= a
        dz *= da


ACTIVATIONS: Final[Mapping[str, Activation]] = MappingProxyType(
    {
        "identity": Identity(),
        "relu": ReLU(),
        "sigmoid": Sigmoid(),
        "tanh": Tanh(),
    }
)
