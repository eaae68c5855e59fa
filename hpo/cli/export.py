"""hpo export: a whole study in one file."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Storage, StudyName


def export(
    name: StudyName,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="The file (default: NAME.hpo).")
    ] = None,
    checkpoints: Annotated[
        bool, typer.Option("--checkpoints", help="Take along the states of trials that can go on, and of the best.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file if it is there.")] = False,
    storage: Storage = None,
) -> None:
    """Write a whole study to a file.

    It holds the study as of one moment, also while it runs: trials, decisions, measurements, confirmations. hpo import
    reads it into any database, where the search goes on as it would have here. Without --checkpoints paused trials
    begin anew there, to the same values.
    """
    from hpo.errors import SettingError
    from hpo.moving import default_path, export_study

    path = output or default_path(name)
    if path.exists() and not overwrite:
        raise SettingError(f"{path} is there already: name another file with --output, or give --overwrite")
    export_study(name, path, storage=storage or "default", checkpoints=checkpoints)
    size, named = path.stat().st_size, shlex.quote(str(path))
    person().print(f"wrote {path} ({size:,} bytes); read it with: hpo import {named}", soft_wrap=True)
