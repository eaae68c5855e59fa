"""hpo record: configurations trained in full, for strategies to be compared on."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Jobs, Storage
from hpo.cli.studies import interruptible, next_command

if TYPE_CHECKING:
    from hpo.study import Study


def record(
    subject: Annotated[
        str,
        typer.Argument(metavar="DATA|OBJECTIVE|STUDY.toml", help="What to train: as for hpo run.", show_default=False),
    ],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE.npz", help="The table to write.")
    ] = None,
    target: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="The column to predict.")] = None,
    trials: Annotated[int, typer.Option(min=1, help="Configurations, drawn at random.")] = 200,
    max_epochs: Annotated[int | None, typer.Option(min=1, metavar="R", help="Epochs of each.")] = None,
    metric: Annotated[
        str | None, typer.Option(help="The main metric; a network's others are recorded as well.")
    ] = None,
    space: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="The space, if not a network's own.")] = None,
    name: Annotated[str | None, typer.Option("--name", "-n", help="The study's name (default: …-recorded).")] = None,
    seed: Annotated[int, typer.Option(help="Same seed, same table.")] = 0,
    jobs: Jobs = None,
    storage: Storage = None,
) -> None:
    """Train random configurations in full, and write a table of their curves.

    Such a table is the honest bench of strategies: with hpo replay every one of them meets the same curves. It is a
    study as any other: interrupted, the same command goes on with it.
    """
    from hpo.cli.run import about, made
    from hpo.cli.run_settings import RunSettings
    from hpo.cli.search import Limits, searched
    from hpo.errors import SettingError
    from hpo.recordings import recorded_curves, save_recording
    from hpo.space_file import load_space
    from storage.connection.sqlite_file import spare_database

    if output is not None and not output.parent.is_dir():
        raise SettingError(f"the folder {output.parent} of the table {output.name} does not exist; create it first")
    if output is not None:
        spare_database(output, "the recording")
    sys.path.append(str(Path.cwd()))  # where an objective MODULE:NAME may live
    given = RunSettings(
        target=tuple(target or ()),
        strategy="random+full",
        trials=trials,
        max_epochs=max_epochs,
        metric=metric,
        space=None if space is None else load_space(space),
        seed=seed,
        storage=storage,
    )
    settings = about(subject).overridden_by(given)
    study = made(settings, name=name, suffix="-recorded", again=True)
    _check_same(study, seed, max_epochs)
    limits = Limits.of(trials=trials, jobs=jobs)
    with interruptible(study):
        searched(study, limits)
        path = output or Path(f"{study.name}.npz")
        save_recording(recorded_curves(study), path)
        person().print(f"wrote {path}; search it again with: hpo replay {shlex.quote(str(path))} --strategy NAME")
        person().print(f"its history: {next_command(study.database, 'show', study.name)}", soft_wrap=True)


def _check_same(study: "Study", seed: int, max_epochs: int | None) -> None:
    """Raise SettingError when the study that is there under this name recorded something else."""
    from hpo.errors import SettingError

    spec = study.spec
    differing = [
        f"{what} {there!r}, not {here!r}"
        for what, there, here in (
            ("objective", spec.objective.get("shown"), study.objective.source.get("shown")),
            ("seed", spec.seed, seed),
            ("max_epochs", spec.targets.max_epochs, max_epochs or spec.targets.max_epochs),
            ("strategy", spec.strategy.name, "random+full"),
        )
        if there != here
    ]
    if differing:
        raise SettingError(
            f"the study {study.name!r} is there already, with {'; '.join(differing)}: give another --name"
        )
