"""An estimator in a file: its settings and all that it has learned, without pickle.

model.json                format and version; the estimator's class, settings, and what fit and partial_fit have left
learned.weights_.0.0.npy … each array among these, by where it stands

What JSON has no word for is an object of one key: `{"$tuple": [...]}`, `{"$array": "learned.weights_.0.0.npy"}`, or the
fields of a class known here, `{"$Cosine": {"epochs": 9, "floor": 0.01}}`. Nothing else is ever made of a file.
"""

import json
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from network.architecture import Architecture, Convolution
from network.archive import ArchiveError, from_npy, npy, read_archive, write_archive
from network.schedules import SCHEDULES, Warmup

if TYPE_CHECKING:
    from network.estimators import MLPClassifier, MLPRegressor, Perceptron

    Estimator: TypeAlias = MLPClassifier | MLPRegressor | Perceptron

FORMAT: Final = "network estimator"
VERSION: Final = 1
_NOUN: Final = "estimator"
_DESCRIPTION: Final = "model.json"

ROUTING: Final = "_metadata_request"
"""Where scikit-learn keeps what an estimator asks of a pipeline: neither a setting nor learned."""


class Savable(ABC):
    """An estimator that a file can keep."""

    @abstractmethod
    def __sklearn_is_fitted__(self) -> bool:
        """Return whether there is anything learned to keep."""

    def save(self, path: str | Path) -> None:
        """Write the settings and all that was learned to one file: whole, or not at all. `load_estimator` reads it.

        Requests for scikit-learn's metadata routing are left out. Raises NotFittedError before the first fit, and
        ArchiveError when there can be no such file, or a setting is nothing for one: a RandomState, a schedule of
        one's own.
        """
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(self)
        write_archive(Path(path).expanduser(), _parts(self), _NOUN)


def load_estimator(path: str | Path) -> "Estimator":
    """Return the estimator in a file that its `save` wrote: it predicts, and learns on, as the saved one, bit for bit.

    Raises ArchiveError for a file that is missing, foreign, damaged, or of a newer format. Nothing in it is executed.
    """
    path = Path(path).expanduser()
    parts = read_archive(path, _NOUN, "an estimator's save")
    try:
        estimator: Estimator = _estimator(_description(parts), parts)
    except ArchiveError as error:
        raise ArchiveError(f"{path}: {error}") from error
    except Exception as error:  # what somebody else wrote fails in its own way
        raise ArchiveError(
            f"{path}: cannot be read as an estimator ({error!r}). Save it again with this version."
        ) from error
    return estimator


def _parts(estimator: Any) -> dict[str, bytes]:
    from network.estimators import ESTIMATORS

    kind = type(estimator)
    if ESTIMATORS.get(kind.__name__) is not kind:
        raise ArchiveError(f"A {kind.__name__} cannot be saved: only {', '.join(ESTIMATORS)} themselves can.")
    settings = estimator.get_params(deep=False)
    learned = {name: value for name, value in vars(estimator).items() if name not in {*settings, ROUTING}}
    arrays: dict[str, bytes] = {}
    description = {
        "format": FORMAT,
        "version": VERSION,
        "estimator": kind.__name__,
        "settings": _encoded(settings, "settings", arrays),
        "learned": _encoded(learned, "learned", arrays),
    }
    return {_DESCRIPTION: json.dumps(description, indent=1).encode(), **arrays}


def _description(parts: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the description of an estimator; raises ArchiveError when it is not for this version to read."""
    said: dict[str, Any] = json.loads(parts[_DESCRIPTION])
    if said["format"] != FORMAT:
        raise ArchiveError(
            f"is no estimator, but '{said['format']}': load it with what saved it, or give a file that an estimator's "
            "save wrote."
        )
    if said["version"] > VERSION:
        raise ArchiveError(f"has format {said['version']}, and this version of hpo reads up to {VERSION}. Update hpo.")
    return said


def _estimator(said: Mapping[str, Any], parts: Mapping[str, bytes]) -> Any:
    from network.estimators import ESTIMATORS

    estimator: Any = ESTIMATORS[said["estimator"]](**_decoded(said["settings"], parts))
    vars(estimator).update(_decoded(said["learned"], parts))
    with warnings.catch_warnings(action="ignore"):  # this row has no names of columns
        estimator.predict(np.zeros((1, estimator.n_features_in_)))  # raises if the parts do not fit each other
    return estimator


def _kinds() -> Mapping[str, type[Any]]:
    """Return the classes that a file may hold the fields of, by name."""
    from network.estimators.labels import Labels
    from network.estimators.standardization import Standardization

    kinds: tuple[type[Any], ...] = (*SCHEDULES.values(), Warmup, Convolution, Architecture, Standardization, Labels)
    return {kind.__name__: kind for kind in kinds}


def _encoded(value: Any, where: str, arrays: dict[str, bytes]) -> Any:
    """Return `value` in JSON, and put the arrays in it into `arrays`; raise ArchiveError when a file cannot hold it.

    `where` it stands names it in files and messages.
    """
    kind = type(value)
    if isinstance(value, np.generic | np.ndarray) and not value.dtype.hasobject:
        arrays[f"{where}.npy"] = npy(np.asarray(value))
        return {"$array": f"{where}.npy"}
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 1:
        return {"$objects": _encoded(value.tolist(), where, arrays)}
    if isinstance(value, float) and not isfinite(value):
        return {"$float": str(float(value))}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_encoded(item, f"{where}.{index}", arrays) for index, item in enumerate(value)]
    if isinstance(value, tuple):
        return {"$tuple": _encoded(list(value), where, arrays)}
    if isinstance(value, Mapping):
        if all(isinstance(key, str) and key.isidentifier() for key in value):
            return {key: _encoded(item, f"{where}.{key}", arrays) for key, item in value.items()}
        return {"$dict": _encoded(list(map(list, value.items())), where, arrays)}
    if isinstance(value, np.random.Generator) and isinstance(value.bit_generator, np.random.PCG64):
        return {"$PCG64": _encoded(value.bit_generator.state, where, arrays)}
    if _kinds().get(kind.__name__) is kind:
        own = {item.name: getattr(value, item.name) for item in fields(kind)}
        return {f"${kind.__name__}": _encoded(own, where, arrays)}
    raise ArchiveError(
        f"{where} is {value!r}, but a file holds only None, numbers, text, arrays, schedules and convolutions of this "
        "package, and lists, tuples and dicts of them. Replace it, a setting by set_params: what was learned stays."
    )


def _decoded(value: Any, parts: Mapping[str, bytes]) -> Any:
    """Return what `_encoded` made `value` of."""
    if isinstance(value, list):
        return [_decoded(item, parts) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and next(iter(value)).startswith("$"):
        ((tag, content),) = value.items()
        return _made(tag[1:], content, parts)
    return {key: _decoded(item, parts) for key, item in value.items()}


def _made(name: str, content: Any, parts: Mapping[str, bytes]) -> Any:
    if name == "array":
        return from_npy(parts[content])[()]  # a number again, if it was one
    found = _decoded(content, parts)
    match name:
        case "objects":
            return np.fromiter(found, dtype=object)
        case "float":
            return float(found)
        case "tuple":
            return tuple(found)
        case "dict":
            return dict(found)
        case "PCG64":
            rng = np.random.Generator(np.random.PCG64(0))
            rng.bit_generator.state = found
            return rng
    return _kinds()[name](**found)
