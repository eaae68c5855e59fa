"""What a run was asked for: by options, by a study file, or by both."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import UnionType
from typing import Any, Final, Self

from hpo.clusters import CLUSTERS
from hpo.errors import SettingError
from hpo.space_file import read_toml, space_in
from strategies import Space
from strategies.spelling import nearest

_LISTS: Final = ("target", "keep", "drop", "guesses")
_NUMBERS: Final = ("trials", "max_epochs", "budget", "retries", "jobs", "seed", "parallelism")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """The options of `hpo run`; None, or an empty tuple, for what was left open."""

    data: str | None = None
    objective: str | None = None
    target: tuple[str, ...] = ()
    task: str | None = None
    weight: str | None = None
    balance: bool | None = None
    keep: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    name: str | None = None
    strategy: str | Mapping[str, Any] | None = None
    trials: int | None = None
    max_epochs: int | None = None
    budget: int | None = None
    timeout: str | int | float | None = None
    tolerance: float | None = None
    trial_timeout: str | int | float | None = None
    retries: int | None = None
    guesses: tuple[Mapping[str, Any], ...] = ()
    confirm: bool | None = None
    jobs: int | None = None
    backend: str | None = None
    seed: int | None = None
    metric: str | None = None
    direction: str | None = None
    space: Space | None = None
    parallelism: int | None = None
    order: str | None = None
    storage: str | None = None

    def __post_init__(self) -> None:
        if self.backend not in (None, "loky", "threading", *CLUSTERS):
            raise SettingError(f"backend = {self.backend!r}: use 'loky' (processes), 'threading', 'dask' or 'ray'")
        mine, others = ("data", "objective") if self.data is not None else ("objective", "data")
        if getattr(self, others) is not None:
            raise SettingError(f"give {mine} or {others}, not both")

    def overridden_by(self, other: Self) -> Self:
        """Return these settings with whatever `other` has settled in their place."""
        settled = {field.name: getattr(other, field.name) for field in fields(other)}
        return replace(self, **{name: value for name, value in settled.items() if value not in (None, ())})


def read_study_file(path: Path) -> RunSettings:
    """Return the settings in a study file: keys named like the options, and `[space]`.

    Relative paths in it are relative to the file. Raises SettingError or SpaceError naming the file and the key.
    """
    content = read_toml(path)
    known = {field.name: field.type for field in fields(RunSettings)}
    settings: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            near = nearest(name, known)
            hint = f"did you mean {near!r}?" if near else f"it may have {', '.join(known)}"
            raise SettingError(f"{path}: unknown key {key!r}; {hint}")
        if name in settings:
            raise SettingError(f"{path}: {name} is given twice, with - and with _; leave one of them out")
        settings[name] = _checked(name, value, path)
    if "data" not in settings and "objective" not in settings:
        raise SettingError(f'{path}: what is to be tuned? Write data = "digits", or objective = "train.py:objective"')
    try:
        return RunSettings(**settings)
    except SettingError as error:
        raise SettingError(f"{path}: {error}") from error


def parse_guess(text: str) -> dict[str, Any]:
    """Return the values in a guess like `learning_rate=0.01,optimizer=adam`; a value is read as TOML, else as text."""
    values: dict[str, Any] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        name, equals, written = part.partition("=")
        if not equals:
            raise SettingError(f"--guess {text!r}: {part!r} should be NAME=VALUE")
        try:
            values[name.strip()] = tomllib.loads(f"v = {written}")["v"]
        except tomllib.TOMLDecodeError:
            values[name.strip()] = written.strip()
    if not values:
        raise SettingError(f"--guess {text!r} says nothing: write NAME=VALUE, or several with commas between them")
    return values


def _checked(name: str, value: Any, path: Path) -> Any:
    """Return the value of a key as the settings have it; raises SettingError when it is of the wrong type."""
    if name == "space":
        return space_in(value, path)
    wanted, what = _wanted(name)
    items = value if name in _LISTS and isinstance(value, list) else [value]
    if any(isinstance(item, bool) != (wanted is bool) or not isinstance(item, wanted) for item in items):
        raise SettingError(f"{path}: {name} = {value!r} should be {what}")
    if name in _LISTS:
        return tuple(items)
    return _located(name, value, path.resolve().parent)


def _wanted(name: str) -> tuple[type | UnionType, str]:
    if name in _NUMBERS:
        return int, "a whole number"
    if name in ("balance", "confirm"):
        return bool, "true or false"
    if name == "tolerance":
        return int | float, "a number"
    if name == "guesses":
        return dict, "a list of tables"
    if name in ("timeout", "trial_timeout"):
        return str | int | float, 'seconds, or text like "10m"'
    if name == "strategy":
        return str | dict, "text, or a table"
    return str, "a list of texts" if name in _LISTS else "text"


def _located(name: str, value: Any, folder: Path) -> Any:
    """Return a value that is a relative path as one that starts from `folder`."""
    if name == "data":
        return _from(folder, value) if Path(value).suffix else value
    if name == "objective":
        place, _, function = value.rpartition(":")
        return f"{_from(folder, place)}:{function}" if place.endswith(".py") else value
    if name == "storage" and "://" not in value:
        return f"sqlite:///{_from(folder, value)}"
    if name == "storage" and value.startswith("sqlite:///"):
        return f"sqlite:///{_from(folder, value.removeprefix('sqlite:///'))}"
    return value


def _from(folder: Path, path: str) -> str:
    return os.path.normpath(folder / Path(path).expanduser())
