"""Data, ready to be trained on."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data.messages import DataError, quoted
from hpo.data.preprocessing import Preprocessing
from hpo.data.targets import Target, Task
from strategies.spelling import suggestion

if TYPE_CHECKING:
    from network import TrainingData

PARTS: Final = ("train", "validation", "test")


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A data set in three parts, as a network is fed it.

    x_*: float32 (rows, inputs), C-contiguous. y_*: as `target` encodes it. weights_*: how much each row counts, float64
    (rows,), above 0; None where all count the same. `class_weights` (classes,) multiply the weights in training alone;
    None where the classes are not to be balanced. `source` holds JSON values, from which `load_source` loads the same
    data again. `notes` are neutral remarks, `warnings` ask to be looked at.
    """

    name: str
    preprocessing: Preprocessing
    target: Target
    x_train: NDArray[np.float32] = field(repr=False)
    y_train: NDArray[Any] = field(repr=False)
    x_validation: NDArray[np.float32] = field(repr=False)
    y_validation: NDArray[Any] = field(repr=False)
    x_test: NDArray[np.float32] = field(repr=False)
    y_test: NDArray[Any] = field(repr=False)
    source: Mapping[str, Any]
    weights_train: NDArray[np.float64] | None = field(default=None, repr=False)
    weights_validation: NDArray[np.float64] | None = field(default=None, repr=False)
    weights_test: NDArray[np.float64] | None = field(default=None, repr=False)
    class_weights: NDArray[np.float64] | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """What kind of target it is."""
        return self.target.task

    @property
    def inputs(self) -> int:
        """The number of features after preprocessing."""
        return int(self.x_train.shape[1])

    @property
    def outputs(self) -> int:
        """The number of a network's outputs for this target."""
        return self.target.outputs

    @property
    def fingerprint(self) -> str:
        """A digest of content and preparation; it does not depend on where the file lies."""
        identity = {key: value for key, value in self.source.items() if key != "path"}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def arrays(self) -> "TrainingData":
        """Return what a worker trains on: no test part, and nothing of scikit-learn's."""
        from network import TrainingData

        weights = self.weights_train
        if self.class_weights is not None:
            weights = self.class_weights[self.y_train] * (1.0 if weights is None else weights)
        return TrainingData(
            self.x_train,
            self.y_train,
            self.x_validation,
            self.y_validation,
            weights=weights,
            validation_weights=self.weights_validation,
        )

    def part(self, name: str) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return inputs and targets of one of `PARTS`."""
        _check_part(name)
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")

    def weights(self, name: str) -> NDArray[np.float64] | None:
        """Return how much each row of one of `PARTS` counts; None where all count the same."""
        _check_part(name)
        weights: NDArray[np.float64] | None = getattr(self, f"weights_{name}")
        return weights


def _check_part(name: str) -> None:
    if name not in PARTS:
        raise DataError(f"unknown part '{name}' of the data.{suggestion(name, PARTS)} Use one of {quoted(PARTS)}.")
