"""Where data come from: scikit-learn's sets by name, files by path, tables and arrays in memory."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from numpy.typing import NDArray

from hpo.data.arrays import features_of, targets_of
from hpo.data.columns import Column, Kind, check_names, replaced
from hpo.data.files import READERS, parse, read_bytes
from hpo.data.messages import DataError, quoted
from hpo.data.targets import Task
from hpo.whereabouts import FOLDERS, located, search_told
from strategies.spelling import suggestion

if TYPE_CHECKING:
    import pandas as pd

BUILT_IN: Final[Mapping[str, Task]] = {
    "digits": "classification",
    "breast_cancer": "classification",
    "wine": "classification",
    "iris": "classification",
    "diabetes": "regression",
}
"""scikit-learn's own sets that need no download, and the task of each."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it came; nothing is decided yet.

    `targets` are there where the source keeps them apart: then a person has chosen the columns as features, on
    purpose. `origin` is the beginning of `Data.source`; `beside` are further arrays by name, as of an NPZ file;
    `verbatim` is that of a CSV file's `Contents`. `notes` tell how the table was read.
    """

    name: str
    frame: "pd.DataFrame"
    targets: "pd.DataFrame | None"
    origin: Mapping[str, str]
    task: Task | None = None
    beside: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    verbatim: "Callable[[Sequence[str]], pd.DataFrame] | None" = None
    notes: tuple[str, ...] = ()

    @property
    def chosen(self) -> bool:
        """The columns are features on purpose."""
        return self.targets is not None

    @property
    def in_memory(self) -> bool:
        """There is no place to load it from again."""
        return "memory" in self.origin


def open_table(source: Any, sha256: str | None = None) -> Table:
    """Return the table that `source` names or is; raises DataError, also for a file whose SHA-256 is another."""
    import pandas as pd

    if isinstance(source, str) and source in BUILT_IN:
        return _built_in(source)
    if isinstance(source, str | Path):
        return _file(source, sha256)
    if isinstance(source, pd.DataFrame):
        return Table("table", _tidy(source, "the table"), None, {"memory": "table"})
    if isinstance(source, tuple) and len(source) == 2:  # noqa: PLR2004 - (X, y)
        return _pair(*source)
    raise DataError(
        f"data cannot be a {type(source).__name__}. Give the name of a built-in set ({quoted(list(BUILT_IN))}), "
        "the path of a file, a DataFrame, or a tuple (X, y)."
    )


def open_features(table: Any, columns: Sequence[Column]) -> "pd.DataFrame":
    """Return a table that needs no target: a DataFrame, a file, or an array.

    An array, also one in an NPZ file, has no names: its columns are `columns`, in that order. Numbers with a decimal
    comma are read where a number is wanted: in a column of categories they are texts. Raises DataError.
    """
    import pandas as pd

    names = [column.name for column in columns]
    if isinstance(table, pd.DataFrame):
        return _tidy(table, "the table")
    if not isinstance(table, str | Path):
        return _in_order(features_of(table, "X"), names, "X")
    path = Path(table).expanduser()
    contents = parse(read_bytes(path), path)
    if path.suffix.casefold() == ".npz":
        return _in_order(contents.frame, names, str(path))
    frame = _tidy(contents.frame, str(path))
    if contents.decimals is None:
        return frame
    numbers = {column.name for column in columns if column.kind is Kind.NUMBER}
    return replaced(frame, contents.decimals[[name for name in contents.decimals.columns if name in numbers]])


def _built_in(name: str) -> Table:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    labels = bunch.target
    if BUILT_IN[name] == "classification":
        labels = labels.map(dict(enumerate(bunch.target_names.tolist())))
    return Table(name, bunch.data, labels.to_frame(), {"name": name}, BUILT_IN[name])


def _file(source: str | Path, sha256: str | None) -> Table:
    path = Path(source).expanduser().absolute()
    if isinstance(source, str) and not path.exists() and path.suffix.casefold() not in READERS:
        raise DataError(
            f"unknown data set '{source}'.{suggestion(source, BUILT_IN)} Give one of {quoted(list(BUILT_IN))}, "
            f"or a file that ends in {', '.join(READERS)}."
        )
    found = located(path, sha256)
    try:
        content = read_bytes(found or path)
    except DataError as error:
        if found is None and sha256 is not None:
            raise DataError(f"{error} Of the study's own, {search_told(path)}: name its folder in {FOLDERS}.") from None
        raise
    path = found or path
    digest = hashlib.sha256(content).hexdigest()
    if sha256 not in (None, digest):
        raise DataError(
            f"{path}: the file has changed since it was first loaded (its SHA-256 is another). "
            "Bring the old content back, or start anew with this one."
        )
    contents = parse(content, path)
    frame, notes = _tidy(contents.frame, str(path)), []
    if contents.decimals is not None:
        frame = replaced(frame, contents.decimals)
        notes.append(f"Read as numbers with a decimal comma: {quoted(list(contents.decimals.columns))}.")
    return Table(
        path.stem,
        frame,
        contents.targets,
        {"path": str(path), "sha256": digest},
        beside=contents.beside,
        verbatim=contents.verbatim,
        notes=tuple(notes),
    )


def _pair(x: Any, y: Any) -> Table:
    import pandas as pd

    frame = _tidy(x if isinstance(x, pd.DataFrame) else features_of(x, "(X, y)"), "X")
    return Table("arrays", frame, targets_of(y, len(frame), "(X, y)"), {"memory": "arrays"})


def _tidy(frame: "pd.DataFrame", where: str) -> "pd.DataFrame":
    """Return the table with columns named by text, each once, and rows counted from 0."""
    names = [str(name) for name in frame.columns]
    check_names(names, where)
    if frame.empty:
        raise DataError(f"{where}: a table of {len(frame)} rows and {len(names)} columns. Give one with data in it.")
    return frame.set_axis(names, axis=1).reset_index(drop=True)


def _in_order(frame: "pd.DataFrame", columns: Sequence[str], where: str) -> "pd.DataFrame":
    if frame.shape[1] != len(columns):
        raise DataError(
            f"{where}: the array has {frame.shape[1]} columns. Give {len(columns)}, in this order: {quoted(columns)}."
        )
    return frame.set_axis(list(columns), axis=1)
