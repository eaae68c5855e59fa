"""hpo best: the best trial, and its network."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hpo.cli.confirm import tell_confirmed
from hpo.cli.consoles import person
from hpo.cli.options import Format, Formatted, Storage, StudyName
from hpo.cli.output import write_record
from hpo.cli.studies import opened


def best(
    name: StudyName,
    *,
    save: Annotated[
        Path | None,
        typer.Option(metavar="MODEL.hpo", help="Write the best network, with its preprocessing, to a file."),
    ] = None,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Show the best trial (once confirmed: of the best mean), and save its network.

    Its value and hyperparameters; of a network also how good it is on the test part of the data.
    """
    from hpo.cli.outcome import best_found, tell_best
    from storage.questions.queries import read_curves

    with opened(name, storage) as study:
        winner, spec = study.winner, study.spec
        curve = read_curves(study.database, study.record, [winner.number])[winner.number]
        metrics = next(metrics for epoch, _, metrics, _ in curve if epoch == winner.best_epoch)
        found = {"study": study.name, "metric": spec.metric, "direction": spec.direction, **best_found(study)}
        found["metrics"] = dict(metrics)
        model = None if save is None else study.best_model()
        if form is Format.TABLE:
            tell_best(found)
            if found["confirmed"]:
                tell_confirmed(study.confirmed, study)
        else:
            write_record(found, form)
        if save is not None and model is not None:
            model.save(save)
            person().print(f"saved {save}; use it with: hpo predict {shlex.quote(str(save))} TABLE")
