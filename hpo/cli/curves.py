"""hpo curves: learning curves, as a picture or as numbers."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from hpo.cli.consoles import answers
from hpo.cli.options import MOST, Format, Formatted, Storage, StudyName, Trials
from hpo.cli.output import write_rows
from hpo.cli.studies import opened

_ROWS = 18
_PIPED_COLUMNS = 80


def curves(
    name: StudyName,
    numbers: Trials = None,
    *,
    top: Annotated[int, typer.Option(metavar="K", min=1, max=MOST, help="The best ones, where no trial is named.")] = 5,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Draw learning curves.

    Of the best trials, or of those that are named. --format csv or json writes the numbers.
    """
    from hpo.pictures import draw_curves
    from storage.questions.queries import list_trials, read_curves

    with opened(name, storage) as study:
        wanted = [study.trial(number).number for number in numbers or ()] or [
            trial.number for trial in list_trials(study.database, study.record, best_first=True, limit=top)
        ]
        found = read_curves(study.database, study.record, wanted)
        found = {number: found[number] for number in wanted if number in found}
        console = answers()
        columns = console.width if console.is_terminal else _PIPED_COLUMNS
        points = {number: [point[:2] for point in curve] for number, curve in found.items()}
        picture = draw_curves(points, title=study.spec.metric, columns=columns, rows=_ROWS)
        if form is Format.TABLE and picture is not None:
            console.print(picture)
        else:
            _write(found, form)


def _write(found: Mapping[int, Sequence[tuple[int, float, Mapping[str, float], float]]], form: Format) -> None:
    """Write a row an epoch: trial, epoch, value, whatever else was measured, seconds."""
    metrics = sorted({metric for curve in found.values() for _, _, measured, _ in curve for metric in measured})
    rows = [
        [number, epoch, value, *map(measured.get, metrics), seconds]
        for number, curve in found.items()
        for epoch, value, measured, seconds in curve
    ]
    write_rows(["trial", "epoch", "value", *metrics, "seconds"], rows, form)
