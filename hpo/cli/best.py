"""hpo best: the best trial, and its network."""

from pathlib import Path
from typing import Annotated

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Format, Formatted, Storage, StudyName
from hpo.cli.output import write_record
from hpo.cli.studies import opened


def best(
    name: StudyName,
    *,
    save: Annotated[
        Path | None, typer.Option(metavar="MODEL.hpo", help="Write the best network, with its preprocessing, to a file.")
    ] = None,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Show the best trial: its value and hyperparameters; of a network also how good it is on the test part."""
    from hpo.cli.outcome import best_found, tell_best

    with opened(name, storage) as study:
        number = study.best_trial.number
        spec = study.spec
        found = {"study": study.name, "metric": spec.metric, "direction": spec.direction, **best_found(study)}
        found["metrics"] = study.curves_with_metrics(number)
        if form is Format.TABLE:
            tell_best(found)
        else:
            write_record(found, form)
        if save is not None:
            study.best_model().save(save)
            person().print(f"saved {save}; use it with: hpo predict {save} TABLE")
