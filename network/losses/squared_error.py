"""The squared error of real values, averaged over the outputs (MSE)."""

from dataclasses import dataclass

import numpy as np

from network.arrays import Array
from network.losses.base import mean_over_outputs
from network.losses.regression import Regression


@dataclass(frozen=True)
class SquaredError(Regression):
    """A row's loss is the mean over its outputs of (z - y)²."""

    def _gradient(self, outputs: Array, targets: Array, gradient: Array, losses: Array) -> float:
        """∂L/∂z = 2 (z - y) / outputs."""
        columns: int = outputs.shape[-1]
        np.subtract(outputs, targets, out=gradient)
        np.square(gradient, out=outputs)
        mean_over_outputs(outputs, losses)
        return 2 / columns
