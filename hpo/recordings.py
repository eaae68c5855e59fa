"""Recorded curves: a study's, or a file's, ready to be searched again by any strategy without training.

A file is a NumPy archive without pickles: an array for each metric (configurations x epochs, NaN where none was
measured), `seconds` (of an epoch, one a configuration), and `about`, which is JSON: the space, the configurations, the
main metric and its direction.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from hpo.errors import SettingError
from storage.connection.sqlite_file import spare_database
from strategies import Params, Space, State
from strategies.recorded import RecordedSpace
from strategies.replay import Recording

if TYPE_CHECKING:
    from hpo.study import Study

_FORMAT: Final = 1
_LOWER: Final = {"log_loss", "rmse", "mae", "train_loss"}  # metrics beside the main one of which lower is better


@dataclass(frozen=True)
class RecordedCurves:
    """What a search, or `hpo record`, has measured; values are in the user's own direction."""

    name: str
    metric: str
    direction: Literal["minimize", "maximize"]
    space: Space
    rows: Sequence[Params]
    metrics: Mapping[str, NDArray[np.float64]]
    """By name, the main one among them: shape (configurations, epochs); NaN where none was measured."""
    failed: Sequence[bool]
    """Which configurations failed after their last measurement."""
    seconds: NDArray[np.float64]
    """What an epoch took on average, shape (configurations,)."""

    @property
    def sign(self) -> int:
        """What turns a value into a loss, and back."""
        return -1 if self.direction == "maximize" else 1

    def on(self, metric: str) -> "RecordedCurves":
        """Return the same with another of its metrics as the one to search for. Raises SettingError for none of it."""
        if metric == self.metric:
            return self
        if metric not in self.metrics:
            raise SettingError(f"{self.name} has no metric {metric!r} on record: it has {', '.join(self.metrics)}")
        direction: Literal["minimize", "maximize"] = "minimize" if metric in _LOWER else "maximize"
        return RecordedCurves(
            self.name, metric, direction, self.space, self.rows, self.metrics, self.failed, self.seconds
        )

    def recording(self) -> Recording:
        """Return it as strategies see it: losses, with infinity where a configuration failed.

        A curve ends before the first epoch at which the metric was not measured.
        """
        curves = []
        for row, failed in zip(self.sign * self.metrics[self.metric], self.failed, strict=True):
            holes = np.flatnonzero(~np.isfinite(row))
            measured = tuple(row[: holes[0] if len(holes) else None].tolist())
            curves.append((*measured, inf) if failed else measured)
        return Recording(self.space, self.rows, curves)


def recorded_curves(study: "Study") -> RecordedCurves:
    """Return the curves of a study, as far as its trials were trained. Raises SettingError when it has none."""
    from storage.questions.queries import read_curves

    spec = study.spec
    trials = [trial for trial in study.trials if trial.parent is None and trial.state is not State.DISCARDED]
    curves = read_curves(study.database, study.record)
    seen: dict[str, int] = {}
    kept = []
    for trial in trials:  # a point that was tried twice is recorded once
        key = json.dumps(trial.params, sort_keys=True)
        if (trial.number in curves or trial.state is State.FAILED) and seen.setdefault(
            key, trial.number
        ) == trial.number:
            kept.append(trial)
    longest = max((len(curves.get(trial.number, ())) for trial in kept), default=0)
    if not longest:
        raise SettingError(f"the study {study.name!r} has no learning curve yet: there is nothing to replay")
    names = {name for trial in kept for _, _, metrics, _ in curves.get(trial.number, ()) for name in metrics}
    table = {name: np.full((len(kept), longest), np.nan) for name in [spec.metric, *sorted(names - {spec.metric})]}
    seconds = np.zeros(len(kept))
    for row, trial in enumerate(kept):
        curve = curves.get(trial.number, ())
        for epoch, value, metrics, _ in curve:
            for name, number in {**metrics, spec.metric: value}.items():
                table[name][row, epoch - 1] = number
        seconds[row] = float(np.mean([spent for *_, spent in curve])) if curve else 0.0
    return RecordedCurves(
        study.name,
        spec.metric,
        spec.direction,
        study.space,
        [trial.params for trial in kept],
        table,
        [trial.state is State.FAILED for trial in kept],
        seconds,
    )


def save_recording(curves: RecordedCurves, path: Path) -> None:
    """Write curves to a file, values as 32-bit numbers.

    Raises SettingError when it cannot be written, StorageError where a database is.
    """
    spare_database(path, "the recording")
    about = {
        "format": _FORMAT,
        "name": curves.name,
        "metric": curves.metric,
        "direction": curves.direction,
        "space": curves.space.to_dict(),
        "rows": list(curves.rows),
        "failed": list(map(bool, curves.failed)),
        "metrics": list(curves.metrics),
    }
    arrays: dict[str, Any] = {
        f"metric_{i}": curves.metrics[name].astype(np.float32) for i, name in enumerate(curves.metrics)
    }
    written = np.frombuffer(json.dumps(about, separators=(",", ":")).encode(), dtype=np.uint8)
    try:
        with path.open("wb") as file:
            np.savez_compressed(file, about=written, seconds=curves.seconds.astype(np.float32), **arrays)
    except OSError as error:
        raise SettingError(f"{path} cannot be written: {error}") from error


def load_recording(path: Path) -> RecordedCurves:
    """Read curves from a file. Raises SettingError when it is none, or is damaged."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about: dict[str, Any] = json.loads(arrays["about"].tobytes())
            _expect(about["format"] == _FORMAT, f"of format {about['format']!r}: upgrade the program")
            metrics = {str(name): arrays[f"metric_{i}"].astype(float) for i, name in enumerate(about["metrics"])}
            seconds = arrays["seconds"].astype(float)
        space = Space.from_dict(about["space"])
        rows = [space.validate(row) for row in about["rows"]]
        curves = RecordedCurves(
            str(about["name"]), about["metric"], about["direction"], space, rows, metrics, about["failed"], seconds
        )
        _check(curves)
    except FileNotFoundError as error:
        raise SettingError(f"there is no file {path}: record one with hpo record") from error
    except Exception as error:
        raise SettingError(f"{path} is not a recording, or is damaged ({type(error).__name__}: {error})") from error
    return curves


def _check(curves: RecordedCurves) -> None:
    """Raise ValueError or SpaceError unless the parts of a recording fit together."""
    count, shapes = len(curves.rows), {each.shape for each in curves.metrics.values()}
    _expect(curves.metric in curves.metrics, f"it has no metric {curves.metric!r}")
    _expect(curves.direction in ("minimize", "maximize"), f"its direction is {curves.direction!r}")
    _expect(len(shapes) == 1 and shapes.pop()[:-1] == (count,), "its arrays differ in size")
    _expect(len(curves.failed) == count and all(type(each) is bool for each in curves.failed), "who failed?")
    _expect(curves.seconds.shape == (count,) and bool(np.isfinite(curves.seconds).all()), "its seconds are no numbers")
    RecordedSpace(curves.space, curves.rows)
    _expect(isfinite(curves.recording().best), "it has no value")


def _expect(held: bool, otherwise: str) -> None:  # noqa: FBT001 - a condition, as assert has it
    if not held:
        raise ValueError(otherwise)
