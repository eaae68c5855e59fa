"""hpo import: a study from a file."""

from pathlib import Path
from typing import Annotated

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.options import Storage
from hpo.cli.studies import next_command


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file that hpo export wrote.", show_default=False)],
    *,
    name: Annotated[
        str | None, typer.Option("--name", "-n", metavar="NEW", help="The study's name (default: as in the file).")
    ] = None,
    storage: Storage = None,
) -> None:
    """Read a study from a file, all of it or nothing.

    What was in training when it was written is ready to go on.
    """
    from hpo.moving import import_study

    study = import_study(file, name, storage=storage or "default")
    try:
        say = person().print
        say(f"imported {printable(study.name)}: {study.overview().trials:,} trials, into {study.database.shown_url}")
        say(f"it tunes {printable(str(study.spec.objective.get('shown')))}: resume it only if you trust who wrote it")
        say(f"go on with: {next_command(study.database, 'resume', study.name)}", soft_wrap=True)
    finally:
        study.database.close()
