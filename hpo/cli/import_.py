"""hpo import: a study from a file; or results of another tool, for a study to begin with."""

from pathlib import Path
from typing import Annotated, Final

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.import_results import Role, Wanted, begin_study, make_study
from hpo.cli.options import MOST, Storage
from hpo.cli.studies import next_command

_ARCHIVE: Final = b"PK"


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL",
            help="A file that hpo export wrote; or a CSV file, or a database of Optuna's.",
            show_default=False,
        ),
    ],
    *,
    name: Annotated[
        str | None, typer.Option("--name", "-n", metavar="NEW", help="The study's name (default: as in the file).")
    ] = None,
    into: Annotated[str | None, typer.Option(metavar="NAME", help="A study that begins with these results.")] = None,
    role: Annotated[
        Role, typer.Option("--as", help="Results become trials, or the best of them guesses that are tried first.")
    ] = Role.TRIALS,
    best: Annotated[int, typer.Option(metavar="K", min=1, max=MOST, help="With --as guesses: how many.")] = 5,
    space: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="The space of a new study (Optuna's: as it was).")
    ] = None,
    objective: Annotated[
        str | None, typer.Option(metavar="FILE.py:NAME", help="What a new study tunes (default: ask and tell).")
    ] = None,
    strategy: Annotated[str | None, typer.Option("--strategy", "-s", help="The strategy of a new study.")] = None,
    trials: Annotated[
        int | None, typer.Option(metavar="N", help="The total of trials of a new study, the imported ones included.")
    ] = None,
    max_epochs: Annotated[int | None, typer.Option(metavar="R", help="The most a trial of it may train.")] = None,
    seed: Annotated[int | None, typer.Option(help="Its seed (default: 0).")] = None,
    direction: Annotated[str | None, typer.Option(help="minimize or maximize (default: as Optuna's).")] = None,
    optuna_study: Annotated[str | None, typer.Option(metavar="S", help="Which of Optuna's studies.")] = None,
    value: Annotated[str, typer.Option(metavar="COLUMN", help="The column of values in a CSV file.")] = "value",
    ignore: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="A column that means nothing here.")
    ] = None,
    skip_unfit: Annotated[bool, typer.Option("--skip-unfit", help="Leave out what does not fit the space.")] = False,
    storage: Storage = None,
) -> None:
    """Read a study from a file; or begin one with what another tool has found.

    All of it or nothing. A study from hpo export goes on as it would have where it was written. Results of another tool
    (--into a study without trials of its own, or a new study, with --name) are its first trials: searchers learn from
    them, no point is tried again, and they count in --trials and in a budget.
    """
    from hpo.errors import SettingError
    from hpo.results import beginning

    if "://" not in source and optuna_study is None and beginning(Path(source)).startswith(_ARCHIVE):
        _read_whole(Path(source), name, storage)
        return
    if (into is None) == (name is None):
        raise SettingError(f"{source} holds results: say which study begins with them: --into NAME, or a new --name")
    wanted = Wanted(source, optuna_study, value, tuple(ignore or ()), role, best, skip_unfit)
    settings = {
        "strategy": strategy,
        "n_trials": trials,
        "max_epochs": max_epochs,
        "seed": seed,
        "direction": direction,
    }
    if name is not None:
        make_study(name, wanted, space, objective, settings | {"seed": seed or 0, "storage": storage or "default"})
        return
    given = {"space": space, "objective": objective} | settings
    if extra := [option for option, setting in given.items() if setting is not None]:
        option = extra[0].removeprefix("n_").replace("_", "-")
        raise SettingError(f"--{option} is about a new study: leave it out, or give --name instead of --into")
    begin_study(str(into), wanted, storage)


def _read_whole(path: Path, name: str | None, storage: str | None) -> None:
    from hpo.moving import import_study
    from storage.studies import is_by_hand

    study = import_study(path, name, storage=storage or "default")
    try:
        say = person().print
        say(f"imported {printable(study.name)}: {study.overview().trials:,} trials, into {study.database.shown_url}")
        if not is_by_hand(study.spec.objective):
            shown = printable(str(study.spec.objective.get("shown")))
            say(f"it tunes {shown}: hpo resume runs that code, if it is here; do so if you trust who wrote the file")
        say(f"go on with: {next_command(study.database, 'resume', study.name)}", soft_wrap=True)
    finally:
        study.database.close()
