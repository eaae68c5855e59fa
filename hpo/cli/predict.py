"""hpo predict: a saved network at work."""

import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer

from hpo.cli.consoles import person


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="What hpo best --save wrote.", show_default=False)],
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="A CSV, Parquet or NPZ file.", show_default=False)],
    *,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE.csv", help="Write it there.")] = None,
) -> None:
    """Predict with a saved network.

    Writes CSV: a column named like each target, a line for each row of the table.
    """
    from hpo.errors import SettingError
    from hpo.model import load_model

    trained = load_model(model)
    predictions = trained.predict(table).tolist()
    if output is None:
        _write(sys.stdout, trained.target.names, predictions)
        return
    try:
        with output.open("w", encoding="utf-8", newline="") as file:
            _write(file, trained.target.names, predictions)
    except OSError as error:
        raise SettingError(f"{output} cannot be written ({error.strerror}): name another file with --output") from error
    person().print(f"wrote {len(predictions):,} predictions to {output}")


def _write(file: TextIO, names: Sequence[str], predictions: list[Any]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(row if isinstance(row, list) else [row] for row in predictions)
