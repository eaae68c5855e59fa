"""hpo delete: a study and all that belongs to it."""

import sys
from typing import Annotated

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.options import Storage, StudyName


def delete(
    name: StudyName,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also while workers are at work on it.")] = False,
    storage: Storage = None,
) -> None:
    """Delete a study: its trials, curves, checkpoints and view. That it was there stays in hpo trail.

    To keep a copy: hpo export.
    """
    from hpo.cli.studies import opened
    from hpo.errors import SettingError
    from hpo.study import delete_study

    with opened(name, storage) as study:
        seen = study.overview()
    say = person().print
    if not yes:
        if not sys.stdin.isatty():
            raise SettingError(f"this deletes {seen.trials:,} trials for good: add --yes to say that you mean it")
        question = f"delete study {printable(name)} with {seen.trials:,} trials and {seen.epochs:,} epochs for good?"
        if not typer.confirm(question, err=True):
            say("nothing was deleted")
            raise typer.Exit(1)
    delete_study(name, storage=storage or "default", force=force)
    say(f"deleted study {printable(name)}: {seen.trials:,} trials")
