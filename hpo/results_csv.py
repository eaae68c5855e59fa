"""Results in a CSV file: a column for each hyperparameter, and one for the value.

    learning_rate,hidden,optimizer,value,state
    0.01,64,adam,0.93,complete

Hyperparameters may be called `params_<name>`, as in tables that hpo trials and Optuna write; then other columns do not
count. An empty cell is a hyperparameter that is not active, or the choice None or "". Instead of one value there may be
a curve: `value_1`, `value_2` … `state` may be complete (as where there is none), stopped or failed; or Optuna's words
for them. Cells are separated by commas, semicolons or tabs.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from hpo.data.files import SEPARATORS
from hpo.errors import SettingError
from hpo.results import Findings, Found
from strategies import Choice, Float, Int, Space, State
from strategies.spelling import suggestion

if TYPE_CHECKING:
    from _csv import Reader

STATES: Final[Mapping[str, State | None]] = {
    "": State.COMPLETE,
    "complete": State.COMPLETE,
    "stopped": State.STOPPED,
    "pruned": State.STOPPED,
    "failed": State.FAILED,
    "fail": State.FAILED,
    "running": None,
    "waiting": None,
    "paused": None,
    "discarded": None,
}
"""What a cell may say of a trial's state; None: it is left out."""

_BESIDE: Final = ("state", "number", "trial", "seconds", "train_seconds", "error")


def read_csv_results(path: Path, space: Space, *, value: str = "value", ignore: Sequence[str] = ()) -> Findings:
    """Return the results in a CSV file, for params of `space`; `value` is the column of values.

    Raises SettingError naming the line for what cannot be read, and for columns that mean nothing.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            separator = max(SEPARATORS, key=lambda each: _fitness(file, each, value))
            reader = _reader(file, separator)
            header = next(reader, None)
            if not header:
                raise SettingError(f"{path} is empty: its first line names the columns")
            columns = _columns(path, header, space, value, ignore)
            results, skipped = [], 0
            for cells in reader:
                if not cells:
                    continue
                where = f"{path}, line {reader.line_num}"
                if len(cells) != len(header):
                    raise SettingError(f"{where}: it has {len(cells)} cells, and there are {len(header)} columns")
                found = _row(where, f"line {reader.line_num}", cells, columns, space)
                skipped += found is None
                results.extend([] if found is None else [found])
    except FileNotFoundError:
        raise SettingError(f"there is no file {path}: give a CSV file, or one that hpo export wrote") from None
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise SettingError(f"{path} is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except csv.Error as error:
        raise SettingError(f"{path} is not CSV: {error}") from error
    notes = [f"{skipped:,} trials that had not ended, or were discarded, are left out"] if skipped else []
    return Findings(path.name, results, notes=notes)


Columns = tuple[Mapping[int, str], Sequence[int], Mapping[str, int]]
"""The hyperparameters by column, the columns of values, and the other columns that mean something."""


def _reader(file: TextIO, separator: str) -> "Reader":
    file.seek(0)
    return csv.reader(file, delimiter=separator, strict=True)


def _fitness(file: TextIO, separator: str, value: str) -> tuple[bool, int]:
    """Return how well a separator parts the first line: whether there is a column of values, and how many columns."""
    try:
        header = next(_reader(file, separator), [])
    except csv.Error:
        return False, 0
    return any(_epoch(name, value) is not None for name in header), len(header)


def _columns(path: Path, header: Sequence[str], space: Space, value: str, ignore: Sequence[str]) -> Columns:
    if twice := next((name for name in header if header.count(name) > 1), None):
        raise SettingError(f"{path} has two columns {twice!r}: rename one")
    prefixed = any(name.startswith("params_") for name in header)
    params, curve, beside = {}, {}, {}
    for place, name in enumerate(header):
        plain = name.removeprefix("params_") if prefixed else name
        if name in ignore:
            continue
        if plain in space.parameters and (not prefixed or name != plain):
            params[place] = plain
        elif (epoch := _epoch(name, value)) is not None:
            curve[epoch] = place
        elif name in _BESIDE:
            beside[name] = place
        elif not prefixed or name != plain:
            raise SettingError(
                f"{path}: the column {name!r} is no hyperparameter of the study.{suggestion(plain, space.parameters)} "
                f"Rename it, or leave it out with --ignore {name!r}"
            )
    if len(curve) > 1:
        curve.pop(0, None)
    if not curve:
        raise SettingError(f"{path} has no column {value!r}: name the one that holds the values with --value COLUMN")
    if 0 not in curve and sorted(curve) != list(range(1, len(curve) + 1)):
        raise SettingError(f"{path}: the columns {value}_1, {value}_2 … have a gap: each stands for one epoch")
    return params, [curve[epoch] for epoch in sorted(curve)], beside


def _epoch(name: str, value: str) -> int | None:
    """Return the epoch whose values a column holds, 0 for values in the end; None of any other column."""
    if name == value:
        return 0
    number = name.removeprefix(f"{value}_")
    return int(number) if name != number and re.fullmatch("[0-9]{1,6}", number) else None


def _row(where: str, place: str, cells: Sequence[str], columns: Columns, space: Space) -> Found | None:
    """Return what a line tells; None of a trial that is left out."""
    params, curve, beside = columns
    told = {name: cells[at].strip() for name, at in beside.items()}
    word = told.get("state", "").lower()
    if word not in STATES:
        raise SettingError(f"{where}: there is no state {word!r:.60}: use complete, stopped or failed")
    state = STATES[word]
    if state is None:
        return None
    values = _values(where, [cells[at] for at in curve])
    if state is State.COMPLETE and not values:
        state = State.FAILED
    error = (told.get("error") or "no finite value was measured")[:1000] if state is State.FAILED else None
    given = _params(where, {name: cells[at] for at, name in params.items()}, space)
    return Found(place, given, state, values, None, error, _seconds(told))


def _values(where: str, cells: Sequence[str]) -> tuple[float, ...]:
    """Return the values up to the first that is empty or not finite. Raises SettingError for text."""

    def read() -> Iterator[float]:
        for cell in cells:
            try:
                number = float(cell) if cell.strip() else float("nan")
            except ValueError:
                raise SettingError(f"{where}: the value {cell!r:.60} is no number") from None
            if not isfinite(number):
                return
            yield number

    return tuple(read())


def _params(where: str, cells: Mapping[str, str], space: Space) -> dict[str, Any]:
    """Return what cells say of hyperparameters; an empty one is the choice that is written so, where it is active."""
    given: dict[str, Any] = {}
    for name, cell in cells.items():
        if cell:
            domain = space.parameters[name]
            given[name] = _chosen(where, name, domain, cell) if isinstance(domain, Choice) else _typed(domain, cell)
    for name in space.parents_first:
        domain = space.parameters[name]
        if cells.get(name) != "" or not isinstance(domain, Choice):
            continue
        if (None in domain.values or "" in domain.values) and name in space.active(given):
            given[name] = _chosen(where, name, domain, "")
    return given


def _chosen(where: str, name: str, domain: Choice, cell: str) -> Any:
    """Return the value that hpo trials writes so, or else one that may be written so, or else the text.

    Raises SettingError where several are written alike.
    """
    alike = [value for value in domain.values if cell == ("" if value is None else str(value))]
    if len(alike) > 1:
        raise SettingError(
            f"{where}: the cell {cell!r} of {name!r} may be {' or '.join(map(repr, alike))}, which are written alike: "
            "give a space in which they are not, or leave the line out"
        )
    return alike[0] if alike else next((value for value in domain.values if _spelled(value, cell)), cell)


def _typed(domain: Float | Int, cell: str) -> int | float | str:
    """Return a cell as a number of the domain if it can be read as one, else as text."""
    try:
        number = float(cell)
        if isinstance(domain, Float):
            return number
        return int(number) if number.is_integer() else number
    except (ValueError, OverflowError):
        return cell


def _spelled(value: Any, cell: str) -> bool:
    """Tell whether a cell is one of the ways to write a value."""
    if isinstance(value, bool) or value is None:
        return cell.lower() == str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(cell) == value
        except ValueError:
            return False
    return bool(cell == value)


def _seconds(told: Mapping[str, str]) -> float:
    try:
        seconds = float(told.get("seconds") or told.get("train_seconds") or 0)
    except ValueError:
        return 0.0
    return seconds if isfinite(seconds) and seconds >= 0 else 0.0
