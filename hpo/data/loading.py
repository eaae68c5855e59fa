"""Load a data set: read, choose the target, split, and prepare by what the training part alone teaches."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import numpy as np
from numpy.typing import NDArray

from hpo.data.columns import converted
from hpo.data.dataset import Data
from hpo.data.messages import DataError, Remarks, counted, quoted
from hpo.data.preprocessing import Preprocessing, fit_preprocessing
from hpo.data.screening import screen
from hpo.data.sources import Table, choose_target, open_table
from hpo.data.splits import Split, split
from hpo.data.targets import Target, Task, check_classes, fit_target, read_target
from strategies.spelling import suggestion

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS: Final = 10


@dataclass(frozen=True, slots=True)
class Options:
    """How a table becomes data: see `load_data`, whose arguments these are."""

    target: str | None = None
    task: Task | None = None
    seed: int = 0
    validation: float = 0.2
    test: float = 0.2
    keep: Sequence[str] = ()
    drop: Sequence[str] = ()

    def __post_init__(self) -> None:
        tasks = get_args(Task)
        if self.task not in (None, *tasks):
            raise DataError(
                f"unknown task '{self.task}'.{suggestion(str(self.task), tasks)} Use one of {quoted(tasks)}."
            )
        if not isinstance(self.seed, int) or self.seed < 0:
            raise DataError(f"the seed is {self.seed!r}. Give an integer that is not negative.")
        if not (self.validation > 0 and self.test > 0 and self.validation + self.test < 1):
            raise DataError(
                f"validation={self.validation} and test={self.test} leave no part for each purpose. Give two fractions "
                "above 0 whose sum is below 1; the rest is for training."
            )
        for name, value in (("keep", self.keep), ("drop", self.drop)):
            if isinstance(value, str):
                raise DataError(f"{name} is the text '{value}'. Give a list of columns: {name}=['{value}'].")


def load_data(
    source: Any,
    *,
    target: str | None = None,
    task: Task | None = None,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
    keep: Sequence[str] = (),
    drop: Sequence[str] = (),
) -> Data:
    """Load, split and prepare a data set.

    `source` is the name of a built-in set, the path of a CSV, Parquet or NPZ file, a DataFrame, or a tuple (X, y).
    `target` is the column to predict; without it, the one that is called target, label, class or y. `task` is told
    from the target unless given. The split, stratified by class, depends on the rows and `seed` alone; `validation`
    and `test` are fractions of the rows. Columns that look like identifiers are left out, except for those in `keep`;
    the columns in `drop` always are. What was noticed stands in the data's `notes` and `warnings`.

    Raises DataError.
    """
    options = Options(target, task, seed, validation, test, keep, drop)
    return _prepared(open_table(source), options)


def load_source(source: Mapping[str, Any]) -> Data:
    """Load again what a `Data.source` describes.

    Raises DataError when its file is gone or has changed since, and when the data had been in memory.
    """
    known = {field.name for field in fields(Options)}
    options = Options(**{key: value for key, value in source.items() if key in known})
    if "name" in source:
        return _prepared(open_table(source["name"]), options)
    if "path" in source:
        return _prepared(open_table(Path(source["path"]), source.get("sha256")), options)
    raise DataError("the data had been in memory and are not stored. Give the same table or arrays again.")


def _prepared(table: Table, options: Options) -> Data:
    try:
        return _prepare(table, options)
    except DataError as error:
        raise DataError(f"{table.origin.get('path', table.name)}: {error}") from error


def _prepare(table: Table, options: Options) -> Data:
    remarks = Remarks()
    features, labels = choose_target(table, options.target, remarks)
    features = _without_dropped(features, options)
    values, task = read_target(labels, options.task or table.task, remarks)
    features, values = _complete(features, values, str(labels.name), remarks)
    parts = _parts(values, task, str(labels.name), options, remarks)
    target = fit_target(str(labels.name), task, values, parts.train)
    columns = screen(features, parts.train, chosen=table.chosen, keep=options.keep, remarks=remarks)
    preprocessing = fit_preprocessing(features.iloc[parts.train], columns)
    x, y = preprocessing.transform(features), target.encode(values)
    return Data(
        table.name,
        preprocessing,
        target,
        x[parts.train],
        y[parts.train],
        x[parts.validation],
        y[parts.validation],
        x[parts.test],
        y[parts.test],
        _source(table, options, target) | _content(table, features, values, preprocessing),
        tuple(remarks.notes),
        tuple(remarks.warnings),
    )


def _without_dropped(features: "pd.DataFrame", options: Options) -> "pd.DataFrame":
    columns = list(features.columns)
    for name in (*options.keep, *options.drop):
        if name not in columns:
            raise DataError(
                f"there is no column '{name}' to keep or drop.{suggestion(name, columns)} "
                f"The columns are {quoted(columns)}."
            )
    return features.drop(columns=list(options.drop))


def _complete(
    features: "pd.DataFrame", values: NDArray[Any], name: str, remarks: Remarks
) -> "tuple[pd.DataFrame, NDArray[Any]]":
    """Return the rows that have a target."""
    import pandas as pd

    complete = ~pd.isna(values)
    missing = len(values) - int(complete.sum())
    if missing:
        remarks.warnings.append(f"Left out {counted(missing, 'row')} whose target '{name}' is missing.")
    if len(values) - missing < FEWEST_ROWS:
        raise DataError(
            f"{counted(len(values) - missing, 'row')} with a target '{name}': too few to train, validate and test. "
            f"Give {FEWEST_ROWS} at least."
        )
    return features[complete].reset_index(drop=True), values[complete]


def _parts(values: NDArray[Any], task: Task, name: str, options: Options, remarks: Remarks) -> Split:
    strata = np.zeros(len(values), dtype=np.int8)
    if task == "classification":
        check_classes(name, values, remarks)
        strata = values
    return split(strata, options.validation, options.test, options.seed)


def _source(table: Table, options: Options, target: Target) -> dict[str, Any]:
    """Return where the data came from and how they were prepared, with all that was told from them decided."""
    chosen = asdict(options) | {"task": target.task, "keep": list(options.keep), "drop": list(options.drop)}
    return {**table.origin, **chosen, "target": None if table.chosen else target.name}


def _content(
    table: Table, features: "pd.DataFrame", values: NDArray[Any], preprocessing: Preprocessing
) -> dict[str, str]:
    """Return the digest of data in memory, by which the same can be told when they are given again."""
    if "memory" not in table.origin:
        return {}
    digest = hashlib.sha256(repr(preprocessing.columns).encode(errors="surrogatepass") + _bytes(values))
    for column in preprocessing.used:
        digest.update(_bytes(converted(features[column.name], column.kind)))
    return {"sha256": digest.hexdigest()}


def _bytes(values: NDArray[Any]) -> bytes:
    return values.tobytes() if values.dtype != object else repr(values.tolist()).encode(errors="surrogatepass")
