"""Studies as commands meet them: opened by name, and named in the next command."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from hpo.cli.consoles import person

if TYPE_CHECKING:
    from hpo.study import Study
    from storage.database import Database
    from storage.questions.queries import Overview


@contextmanager
def opened(name: str, storage: str | None) -> Iterator["Study"]:
    """Give the study of that name; its database is closed at the end."""
    from hpo.study import load_study

    study = load_study(name, storage=storage or "default")
    try:
        yield study
    finally:
        study.database.close()


@contextmanager
def interruptible(study: "Study", command: str = "resume") -> Iterator[None]:
    """Within: a Ctrl-C says by which command to go on, and exits with 130. The database is closed at the end."""
    try:
        yield
    except KeyboardInterrupt:
        person().print("interrupted; what was measured is saved. Go on with:")
        person().print(f"  {next_command(study.database, command, study.name)}", soft_wrap=True)
        raise typer.Exit(130) from None
    finally:
        study.database.close()


def bound_reached(study: "Study", seen: "Overview") -> tuple[str, int] | None:
    """Return the option that a complete study would have to raise to go on, and its value now.

    None when the searcher is at its end: every point of a grid has been tried.
    """
    from strategies import State

    targets = study.spec.targets
    all_started = targets.n_trials is not None and seen.trials >= targets.n_trials
    if targets.budget is not None and (seen.states.get(State.PAUSED) or not all_started):
        return "--budget", targets.budget
    return ("--trials", seen.trials) if all_started else None


def local_time(seconds: float) -> str:
    """Return a moment of the database's clock as people read it, where they are."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def next_command(database: "Database", *words: str) -> str:
    """Return `hpo` with `words` (a command, its subject, options) as a line to type, quoted for the shell.

    It has --storage where the database is not the default one, and no password in it: that is for the environment, or
    for ~/.pgpass.
    """
    from hpo.places import storage_url
    from storage.connection.engines import parse
    from storage.passwords import to_type

    elsewhere = database.url != parse(storage_url())
    storage = ["--storage", to_type(database.url)] if elsewhere else []
    command, subject, *options = words
    if subject.startswith("-"):  # it would be taken for an option
        return shlex.join(["hpo", command, *options, *storage, "--", subject])
    return shlex.join(["hpo", command, subject, *options, *storage])
