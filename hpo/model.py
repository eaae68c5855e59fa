"""A trained network with its preprocessing: from raw tables to labels or values, and one file that holds it all.

model.json              format and version; architecture, columns, target, params, info
weights_0_0.npy …       what each layer has learned: by layer, from the inputs on, and by array
preprocessing.skops     the fitted scikit-learn pipeline, by skops: there is no pickle anywhere
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hpo.data import Column, Data, DataError, Kind, MeasureTarget, Preprocessing, Target, target_from_dict
from hpo.data.sources import open_features
from hpo.scores import scores
from network import Architecture, Weights, predict
from network.archive import ArchiveError, from_npy, npy, read_archive, write_archive
from storage.connection.sqlite_file import spare_database
from strategies.errors import HpoError

__all__ = ["FORMAT", "VERSION", "Model", "ModelError", "load_model"]

FORMAT: Final = "hpo model"
VERSION: Final = 1
_NOUN: Final = "model"
_WRITER: Final = "`hpo best --save` or Model.save"

_TRUSTED: Final = frozenset({"numpy.dtype"})
"""What skops asks about in our pipelines beyond the types that it trusts by itself."""


class ModelError(HpoError, ValueError):
    """A model that cannot be read or written, or a table that it cannot predict on."""


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A trained network that takes raw tables.

    `params` are the hyperparameters that it was trained with, `info` is whatever is worth knowing of its origin: JSON
    values both. `fingerprint` is that of the data that it was trained on.
    """

    architecture: Architecture
    weights: Weights = field(repr=False)
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
        weights: Weights,
        *,
        params: Mapping[str, Any] | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> "Model":
        """Return the model of a network trained on `data`, with a copy of its weights."""
        copies = tuple(tuple(np.array(array, order="C") for array in layer) for layer in weights)
        return cls(architecture, copies, data.preprocessing, data.target, data.fingerprint, params or {}, info or {})

    def predict(self, table: Any) -> NDArray[Any]:
        """Return the label, or the value in the target's unit, of each row.

        `table` is a DataFrame or a file, whose columns are found by name, whatever their order and whatever else is
        there; or an array with the columns of the training table in their order. Raises ModelError.
        """
        return self.target.decode(self._outputs(table))

    def predict_proba(self, table: Any) -> NDArray[Any]:
        """Return the probabilities of each row of `table`.

        Of classes (rows, classes), in the order of the target's; of labels (rows, labels), each that it is there.
        """
        if isinstance(self.target, MeasureTarget):
            raise ModelError(f"the target '{self.target.name}' is a measure and has no probabilities. Use predict.")
        return self._outputs(table)

    def evaluate(self, data: Data, part: str = "test") -> dict[str, float]:
        """Return the `scores` on a part of the data that it was trained on, rows weighted as these say."""
        if data.fingerprint != self.fingerprint:
            raise ModelError(
                f"the model was trained on other data than '{data.name}', or on another split or preparation of it. "
                "Load the data as for training; on other tables, use predict."
            )
        x, y = data.part(part)
        return scores(self.target, y, predict(self.architecture, self.weights, x), data.weights(part))

    def save(self, path: str | Path) -> None:
        """Write the model to one file: whole, or not at all.

        Raises ModelError when that cannot be, StorageError where a database is.
        """
        path = Path(path).expanduser()
        spare_database(path, "the model")
        try:
            write_archive(path, dict(_parts(self)), _NOUN)
        except ArchiveError as error:
            raise ModelError(str(error)) from error

    def _outputs(self, table: Any) -> NDArray[Any]:
        try:
            inputs = self.preprocessing.transform(open_features(table, self.preprocessing.columns))
        except DataError as error:
            raise ModelError(f"the model cannot predict on this table: {error}") from error
        return predict(self.architecture, self.weights, inputs)


def load_model(path: str | Path) -> Model:
    """Return the model in a file that `Model.save` wrote; it predicts bit for bit what the saved one did.

    Raises ModelError for a file that is missing, foreign, damaged, or of a newer format. Nothing in it is executed.
    """
    path = Path(path).expanduser()
    try:
        parts = read_archive(path, _NOUN, _WRITER)
    except ArchiveError as error:
        raise ModelError(str(error)) from error
    try:
        return _model(parts, _description(parts))
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except Exception as error:  # damage makes each parser fail in its own way
        raise ModelError(f"{path}: cannot be read as a model ({error!r}). Save it again with this version.") from error


def _parts(model: Model) -> Iterator[tuple[str, bytes]]:
    from skops.io import dumps

    yield "model.json", _described(model)
    for layer, arrays in enumerate(model.weights):
        for number, array in enumerate(arrays):
            yield f"weights_{layer}_{number}.npy", npy(array)
    yield "preprocessing.skops", dumps(model.preprocessing.transformer)


def _described(model: Model) -> bytes:
    description = {
        "format": FORMAT,
        "version": VERSION,
        "architecture": asdict(model.architecture),
        "layers": [len(arrays) for arrays in model.weights],
        "columns": [asdict(column) for column in model.preprocessing.columns],
        "feature_names": model.preprocessing.feature_names,
        "target": model.target.to_dict(),
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
        raise ModelError(
            f"is no model, but '{said['format']}': load it with what saved it, or give a file that {_WRITER} wrote."
        )
    if said["version"] > VERSION:
        raise ModelError(f"has format {said['version']}, and this version of hpo reads up to {VERSION}. Update hpo.")
    return said


def _model(parts: Mapping[str, bytes], said: Mapping[str, Any]) -> Model:
    weights = tuple(
        tuple(from_npy(parts[f"weights_{layer}_{number}.npy"]) for number in range(arrays))
        for layer, arrays in enumerate(said["layers"])
    )
    columns = tuple(Column(**column | {"kind": Kind(column["kind"])}) for column in said["columns"])
    model = Model(
        Architecture(**said["architecture"]),
        weights,
        Preprocessing(columns, _transformer(parts["preprocessing.skops"]), tuple(said["feature_names"])),
        target_from_dict(said["target"]),
        said["fingerprint"],
        said["params"],
        said["info"],
    )
    predict(model.architecture, model.weights, np.zeros((1, model.architecture.inputs)))  # raises if they do not fit
    return model


def _transformer(content: bytes) -> Any:
    from skops.io import get_untrusted_types, loads

    unknown = sorted(set(get_untrusted_types(data=content)) - _TRUSTED)
    if unknown:
        raise ModelError(f"holds {', '.join(unknown)}, which no preprocessing of ours does. Do not trust it.")
    return loads(content, trusted=sorted(_TRUSTED))
