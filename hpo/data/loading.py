"""Load a data set: read, assign the columns their roles, split, and prepare by what the training part alone teaches."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hpo.data.columns import converted
from hpo.data.dataset import Data
from hpo.data.messages import DataError, Remarks, counted, named
from hpo.data.options import Options
from hpo.data.preprocessing import Preprocessing, fit_preprocessing
from hpo.data.roles import assign_roles
from hpo.data.screening import screen
from hpo.data.sources import Table, open_table
from hpo.data.splits import split
from hpo.data.targets import Target, Task, read_targets
from hpo.data.weights import balancing, read_weights

if TYPE_CHECKING:
    import pandas as pd

FEWEST_ROWS: Final = 10
TOLD: Final = 3
"""An error comes with so many of the warnings before it."""

Weights = NDArray[np.float64] | None


def load_data(
    source: Any,
    *,
    target: str | Sequence[str] | None = None,
    task: Task | None = None,
    seed: int = 0,
    validation: float = 0.2,
    test: float = 0.2,
    keep: Sequence[str] = (),
    drop: Sequence[str] = (),
    weight: str | ArrayLike | None = None,
    balance: bool = False,
) -> Data:
    """Load, split and prepare a data set.

    `source` is the name of a built-in set, the path of a CSV, Parquet or NPZ file, a DataFrame, or a tuple (X, y).
    `target` names what to predict: a column, or several, in a sequence or separated by commas (a column whose own name
    has a comma goes first); without it, the column that is called target, label, class or y. `task` is told from the
    target unless given: "classification" into classes, "multilabel" for several columns of two values each,
    "regression" on one number or several. The split, stratified by class or, where they are frequent, by combination of
    labels, depends on the rows and `seed` alone; `validation` and `test` are fractions of the rows. Columns that look
    like identifiers are left out, except for those in `keep`; the columns in `drop` always are.

    `weight` says how much each row counts in training and in every metric: a column, which is then no feature; an
    array's name in an NPZ file; or for data in memory an array (rows,). Split and preprocessing do not look at it, but
    for rows of weight 0, which are left out. `balance` makes each class count the same in training.

    What was noticed stands in the data's `notes` and `warnings`. Raises DataError.
    """
    options = Options(target, task, seed, validation, test, keep, drop, weight, balance)
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
    remarks = Remarks(list(table.notes))
    try:
        return _prepare(table, options, remarks)
    except DataError as error:
        told = " ".join([str(error), *remarks.warnings[:TOLD]])  # what was noticed before may be the cause
        raise DataError(f"{table.origin.get('path', table.name)}: {told}") from error


def _prepare(table: Table, options: Options, remarks: Remarks) -> Data:
    roles = assign_roles(table, options, remarks)
    names = list(roles.targets.columns)
    kind, values = read_targets(roles.targets, options.task or table.task, remarks)
    weights = None if roles.weight is None else read_weights(roles.weight)
    _check_balance(kind.task, options)
    rows = _counting_rows(values, weights, names, remarks)
    features = roles.features.iloc[rows].reset_index(drop=True)
    values, weights = values[rows], None if weights is None else weights[rows]
    parts = split(kind.strata(names, values, remarks), options.validation, options.test, options.seed)
    target = kind.fit(names, values, parts, remarks)
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
        source=_source(table, options, target) | _content(table, features, values, weights, preprocessing),
        weights_train=None if weights is None else weights[parts.train],
        weights_validation=None if weights is None else weights[parts.validation],
        weights_test=None if weights is None else weights[parts.test],
        class_weights=balancing(y[parts.train], target.outputs) if options.balance else None,
        notes=tuple(remarks.notes),
        warnings=tuple(remarks.warnings),
    )


def _check_balance(task: Task, options: Options) -> None:
    if options.balance and task != "classification":
        raise DataError(f"balance is about the classes of a classification, and the task is {task}. Leave it out.")


def _counting_rows(values: NDArray[Any], weights: Weights, names: Sequence[str], remarks: Remarks) -> NDArray[Any]:
    """Return the places of the rows that have all targets and, if any, a weight above 0."""
    import pandas as pd

    complete = ~pd.isna(values).any(axis=1)
    missing = len(values) - int(complete.sum())
    if missing:
        lack = "is missing" if len(names) == 1 else "are not all there"
        remarks.warnings.append(f"Left out {counted(missing, 'row')} whose {named('target', names)} {lack}.")
    counting = complete if weights is None else complete & (weights > 0)
    weightless = int(complete.sum() - counting.sum())
    if weightless:
        remarks.notes.append(f"Left out {counted(weightless, 'row')} whose weight is 0.")
    rows = np.flatnonzero(counting)
    if len(rows) < FEWEST_ROWS:
        condition = "" if weights is None else " and a weight above 0"
        raise DataError(
            f"{counted(len(rows), 'row')} with a {named('target', names)}{condition}: too few to train, validate and "
            f"test. Give {FEWEST_ROWS} at least."
        )
    return rows


def _source(table: Table, options: Options, target: Target) -> dict[str, Any]:
    """Return where the data came from and how they were prepared, with all that was told from them decided."""
    return {
        **table.origin,
        "target": None if table.chosen else list(target.names),
        "task": target.task,
        "seed": options.seed,
        "validation": options.validation,
        "test": options.test,
        "keep": list(options.keep),
        "drop": list(options.drop),
        "weight": options.weight if isinstance(options.weight, str) else None,
        "balance": options.balance,
    }


def _content(
    table: Table, features: "pd.DataFrame", values: NDArray[Any], weights: Weights, preprocessing: Preprocessing
) -> dict[str, str]:
    """Return the digest of data in memory, by which the same can be told when they are given again."""
    if not table.in_memory:
        return {}
    digest = hashlib.sha256(repr((preprocessing.columns, values.shape)).encode(errors="surrogatepass") + _bytes(values))
    for column in preprocessing.used:
        digest.update(_bytes(converted(features[column.name], column.kind)))
    if weights is not None:
        digest.update(_bytes(weights))
    return {"sha256": digest.hexdigest()}


def _bytes(values: NDArray[Any]) -> bytes:
    return values.tobytes() if values.dtype != object else repr(values.tolist()).encode(errors="surrogatepass")
