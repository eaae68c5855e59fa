"""hpo copy: a study in another database."""

from typing import Annotated

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.options import Storage, StudyName
from hpo.cli.studies import next_command


def copy(
    name: StudyName,
    *,
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The database to write to; made if need be.")],
    new_name: Annotated[
        str | None, typer.Option("--name", "-n", metavar="NEW", help="Its name there (default: the same).")
    ] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints/--no-checkpoints", help="Take along the states of trials.")
    ] = True,
    storage: Storage = None,
) -> None:
    """Copy a study to another database: from SQLite to PostgreSQL, say, or back.

    All of it or nothing, as of one moment, also while it runs. The original stays; what was in training is ready to go
    on in the copy.
    """
    from hpo.moving import copy_study
    from hpo.places import storage_url

    study = copy_study(name, storage_url(to), new_name=new_name, storage=storage or "default", checkpoints=checkpoints)
    try:
        say = person().print
        say(f"copied to {study.database.shown_url} as {printable(study.name)}: {study.overview().trials:,} trials")
        say(f"go on there with: {next_command(study.database, 'resume', study.name)}", soft_wrap=True)
    finally:
        study.database.close()
