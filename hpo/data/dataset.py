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

    x_*: float32 (rows, inputs), C-contiguous. y_*: int64 (rows,), places in `target.classes`; or float32 (rows, 1),
    standardised by `target.mean` and `target.scale`. `source` holds JSON values, from which `load_source` loads the
    same data again. `notes` are neutral remarks, `warnings` ask to be looked at.
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
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def task(self) -> Task:
        """Whether the target names classes or measures something."""
        return self.target.task

    @property
    def inputs(self) -> int:
        """The number of features after preprocessing."""
        return int(self.x_train.shape[1])

    @property
    def outputs(self) -> int:
        """The outputs of a network for this target: one for each class, or one value."""
        return self.target.outputs

    @property
    def fingerprint(self) -> str:
        """A digest of content and preparation; it does not depend on where the file lies."""
        identity = {key: value for key, value in self.source.items() if key != "path"}
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def arrays(self) -> "TrainingData":
        """Return what a worker trains on: no test part, and nothing of scikit-learn's."""
        from network import TrainingData

        return TrainingData(self.x_train, self.y_train, self.x_validation, self.y_validation)

    def part(self, name: str) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return inputs and targets of one of `PARTS`."""
        if name not in PARTS:
            raise DataError(f"unknown part '{name}' of the data.{suggestion(name, PARTS)} Use one of {quoted(PARTS)}.")
        return getattr(self, f"x_{name}"), getattr(self, f"y_{name}")
