"""A trained network with its preprocessing: from raw tables to labels or values, and one file that holds it all.

model.json              format and version; architecture, columns, target, params, info
weights_0.npy …         weights and biases of each layer, from the inputs on
preprocessing.skops     the fitted scikit-learn pipeline, by skops: there is no pickle anywhere
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.archive import ModelError, read_archive, write_archive
from hpo.data import Column, Data, DataError, Kind, Preprocessing, Target
from hpo.data.sources import open_features
from network import Architecture, predict

__all__ = ["FORMAT", "VERSION", "Model", "ModelError", "Parameters", "load_model"]

FORMAT: Final = "hpo model"
VERSION: Final = 1

Parameters = Sequence[tuple[NDArray[Any], NDArray[Any]]]
"""Weights (inputs, outputs) and biases (outputs,) of each layer, from the inputs on."""

_TRUSTED: Final = frozenset({"numpy.dtype"})
"""What skops asks about in our pipelines beyond the types that it trusts by itself."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A trained network that takes raw tables.

    `params` are the hyperparameters that it was trained with, `info` is whatever is worth knowing of its origin: JSON
    values both. `fingerprint` is that of the data that it was trained on.
    """

    architecture: Architecture
    parameters: Parameters = field(repr=False)
    preprocessing: Preprocessing = field(repr=False)
    target: Target
    fingerprint: str
    params: Mapping[str, Any] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def trained_on(
        cls,
        data: Data,
        architecture: Architecture,
        parameters: Parameters,
        *,
        params: Mapping[str, Any] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> "Model":
        """Return the model of a network trained on `data`, with a copy of its parameters."""
        copies = tuple((np.array(weights, order="C"), np.array(biases, order="C")) for weights, biases in parameters)
        return cls(architecture, copies, data.preprocessing, data.target, data.fingerprint, params or {}, info or {})

    def predict(self, table: Any) -> NDArray[Any]:
        """Return the label, or the value in the target's unit, of each row.

        `table` is a DataFrame or a file, whose columns are found by name, whatever their order and whatever else is
        there; or an array with the columns of the training table in their order. Raises ModelError.
        """
        return self.target.decode(self._outputs(table))

    def predict_proba(self, table: Any) -> NDArray[Any]:
        """Return the probabilities (rows, classes), in the order of `target.classes`, of each row of `table`."""
        if self.target.classes is None:
            raise ModelError(f"the target '{self.target.name}' is a measure and has no probabilities. Use predict.")
        return self._outputs(table)

    def evaluate(self, data: Data, part: str = "test") -> dict[str, float]:
        """Return accuracy and log_loss; or rmse, in the target's unit, and r2: on a part of the data trained on."""
        from sklearn import metrics

        if data.fingerprint != self.fingerprint:
            raise ModelError(
                f"the model was trained on other data than '{data.name}', or on another split or preparation of it. "
                "Load the data as for training; on other tables, use predict."
            )
        x, y = data.part(part)
        outputs = predict(self.architecture, self.parameters, x)
        if self.target.classes is not None:
            return {
                "accuracy": float(metrics.accuracy_score(y, outputs.argmax(axis=1))),
                "log_loss": float(metrics.log_loss(y, outputs, labels=range(self.target.outputs))),
            }
        truth, values = self.target.in_units(y), self.target.in_units(outputs)
        return {
            "rmse": float(metrics.root_mean_squared_error(truth, values)),
            "r2": float(metrics.r2_score(truth, values)),
        }

    def save(self, path: str | Path) -> None:
        """Write the model to one file: whole, or not at all. Raises ModelError when that cannot be."""
        write_archive(Path(path).expanduser(), dict(_parts(self)))

    def _outputs(self, table: Any) -> NDArray[Any]:
        columns = [column.name for column in self.preprocessing.columns]
        try:
            inputs = self.preprocessing.transform(open_features(table, columns))
        except DataError as error:
            raise ModelError(f"the model cannot predict on this table: {error}") from error
        return predict(self.architecture, self.parameters, inputs)


def load_model(path: str | Path) -> Model:
    """Return the model in a file that `Model.save` wrote; it predicts bit for bit what the saved one did.

    Raises ModelError for a file that is missing, foreign, damaged, or of a newer format. Nothing in it is executed.
    """
    path = Path(path).expanduser()
    parts = read_archive(path)
    try:
        return _model(parts, _description(parts))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except (LookupError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise ModelError(f"{path}: cannot be read as a model ({error!r}). Save it again with this version.") from error


def _parts(model: Model) -> Iterator[tuple[str, bytes]]:
    from skops.io import dumps

    yield "model.json", _described(model)
    for layer, (weights, biases) in enumerate(model.parameters):
        yield f"weights_{layer}.npy", _npy(weights)
        yield f"biases_{layer}.npy", _npy(biases)
    yield "preprocessing.skops", dumps(model.preprocessing.transformer)


def _described(model: Model) -> bytes:
    description = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": asdict(model.architecture),
        "layers": len(model.parameters),
        "columns": [asdict(column) for column in model.preprocessing.columns],
        "feature_names": model.preprocessing.feature_names,
        "target": asdict(model.target),
        "fingerprint": model.fingerprint,
        "params": model.params,
        "info": model.info,
    }
    try:
        return json.dumps(description, indent=1).encode()
    except (TypeError, ValueError) as error:
        raise ModelError(
            f"params and info must be JSON values to be saved ({error}). Change or leave them out."
        ) from error


def _description(parts: Mapping[str, bytes]) -> dict[str, Any]:
    """Return what `_described` wrote; raises ModelError when that is not for this version to read."""
    said: dict[str, Any] = json.loads(parts["model.json"])
    if said["format"] != FORMAT:
        raise ModelError(f"is no model, but '{said['format']}'. Give a file that Model.save wrote.")
    if said["version"] > VERSION:
        raise ModelError(f"has format {said['version']}, and this version of hpo reads up to {VERSION}. Update hpo.")
    return said


def _model(parts: Mapping[str, bytes], said: Mapping[str, Any]) -> Model:
    parameters = tuple(
        (_array(parts[f"weights_{layer}.npy"]), _array(parts[f"biases_{layer}.npy"])) for layer in range(said["layers"])
    )
    columns = tuple(Column(**column | {"kind": Kind(column["kind"])}) for column in said["columns"])
    classes = said["target"]["classes"]
    return Model(
        Architecture(**said["architecture"]),
        parameters,
        Preprocessing(columns, _transformer(parts["preprocessing.skops"]), tuple(said["feature_names"])),
        Target(**said["target"] | {"classes": None if classes is None else tuple(classes)}),
        said["fingerprint"],
        said["params"],
        said["info"],
    )


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _array(content: bytes) -> NDArray[Any]:
    array: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return array


def _transformer(content: bytes) -> Any:
    from skops.io import get_untrusted_types, loads

    unknown = sorted(set(get_untrusted_types(data=content)) - _TRUSTED)
    if unknown:
        raise ModelError(f"holds {', '.join(unknown)}, which no preprocessing of ours does. Do not trust it.")
    return loads(content, trusted=sorted(_TRUSTED))
