"""hpo predict: a saved network at work."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from hpo.cli.consoles import person

if TYPE_CHECKING:
    from hpo.data import Target


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="What hpo best --save wrote.", show_default=False)],
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A CSV, Parquet or NPZ file.", show_default=False)],
    *,
    proba: Annotated[bool, typer.Option("--proba", help="Write probabilities instead of classes or labels.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Write it there.")] = None,
) -> None:
    """Predict with a saved network.

    Writes CSV: a column named like each target, a line for each row of the table. With --proba, a column for each class
    (target=class), or for each label.
    """
    from hpo.errors import SettingError
    from hpo.model import load_model
    from storage.connection.sqlite_file import spare_database

    if output is not None:
        spare_database(output, "the table of predictions")
    trained = load_model(model)
    predictions = (trained.predict_proba(table) if proba else trained.predict(table)).tolist()
    names = _probable(trained.target) if proba else trained.target.names
    if output is None:
        _write(sys.stdout, names, predictions)
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            _write(file, names, predictions)
    except OSError as error:
        raise SettingError(f"{output} cannot be written ({error.strerror}): name another file with --output") from error
    person().print(f"wrote {len(predictions):,} predictions to {output}")


def _write(file: TextIO, names: Sequence[str], predictions: list[Any]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(row if isinstance(row, list) else [row] for row in predictions)


def _probable(target: "Target") -> list[str]:
    """Return the names of what has a probability."""
    from hpo.data import ClassTarget

    if isinstance(target, ClassTarget):
        return [f"{target.name}={label}" for label in target.classes]
    return list(target.names)
