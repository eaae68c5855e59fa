"""hpo run: a new search."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from hpo.cli.consoles import person, printable
from hpo.cli.options import (
    Budget,
    Confirm,
    Format,
    Formatted,
    Jobs,
    OnBackend,
    Retries,
    Scheduler,
    Storage,
    Timeout,
    Tolerance,
    TrialsToReach,
    TrialTimeout,
)
from hpo.cli.studies import interruptible

if TYPE_CHECKING:
    from hpo.cli.run_settings import RunSettings
    from hpo.data import Data
    from hpo.objectives import Objective
    from hpo.study import Study
    from strategies import Strategy

TRIALS: Final = 60
"""How many trials are started where nothing is said; a grid is searched whole."""

TRIALS_HALVED: Final = 243
"""How many where nothing is said of the strategy either, and a network is searched: three brackets of halving, of which
most trials are but an epoch."""


def run(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="DATA|OBJECTIVE|STUDY.toml",
            help="A built-in data set, a CSV, Parquet or NPZ file; FILE.py:NAME or MODULE:NAME; or a study file.",
            show_default=False,
        ),
    ],
    *,
    target: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="The column to predict; several: A,B, or once for each.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="classification, multilabel or regression, if it is not clear.")
    ] = None,
    weight: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="The column that says how much each row counts.")
    ] = None,
    balance: Annotated[bool, typer.Option("--balance", help="Let each class count the same in training.")] = False,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Keep a column, whatever it looks like.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Leave a column out.")] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", help="The study's name (default: the data's or file's).")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", "-s", help="Names joined by plus signs: see hpo strategies.")
    ] = None,
    trials: TrialsToReach = None,
    max_epochs: Annotated[int | None, typer.Option(metavar="R", help="The most epochs a trial may train.")] = None,
    budget: Budget = None,
    timeout: Timeout = None,
    tolerance: Tolerance = None,
    trial_timeout: TrialTimeout = None,
    retries: Retries = None,
    guess: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE,…", help="A first guess, tried before all else; what it leaves open is drawn."
        ),
    ] = None,
    confirm: Confirm = None,
    jobs: Jobs = None,
    backend: OnBackend = None,
    scheduler: Scheduler = None,
    seed: Annotated[int | None, typer.Option(help="Same seed, same search (default: a random one).")] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="What to tune for: accuracy, balanced_accuracy, roc_auc, log_loss, rmse, mae, r2; your own."),
    ] = None,
    direction: Annotated[
        str | None, typer.Option(help="minimize or maximize what an objective of your own returns.")
    ] = None,
    space: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="The space, if not a network's own.")] = None,
    parallelism: Annotated[
        int | None,
        typer.Option(metavar="P", help="Fix the lag of adaptive strategies (default: the first --jobs; networks: 16)."),
    ] = None,
    order: Annotated[str | None, typer.Option(help="reproducible, or free: results count as they arrive.")] = None,
    storage: Storage = None,
    form: Formatted = Format.TABLE,
) -> None:
    """Search: a network on your data, or an objective of your own.

    Everything is kept in the database as it happens: after a Ctrl-C or a crash, hpo resume goes on.
    """
    from hpo.cli.run_settings import RunSettings, parse_guess
    from hpo.cli.search import Limits, search
    from hpo.space_file import load_space

    given = RunSettings(
        target=tuple(target or ()),
        task=task,
        weight=weight,
        balance=balance or None,
        keep=tuple(keep or ()),
        drop=tuple(drop or ()),
        name=name,
        strategy=strategy,
        trials=trials,
        max_epochs=max_epochs,
        budget=budget,
        timeout=timeout,
        tolerance=tolerance,
        trial_timeout=trial_timeout,
        retries=retries,
        guesses=tuple(map(parse_guess, guess or ())),
        confirm=confirm,
        jobs=jobs,
        backend=None if backend is None else backend.value,
        seed=seed,
        metric=metric,
        direction=direction,
        space=None if space is None else load_space(space),
        parallelism=parallelism,
        order=order,
        storage=storage,
    )
    settings = about(subject).overridden_by(given)
    limits = Limits.of(timeout=settings.timeout, jobs=settings.jobs, backend=settings.backend, scheduler=scheduler)
    study = made(settings)
    with interruptible(study):
        _announce(study)
        search(study, limits, form, confirm=settings.confirm is not False)


def about(subject: str) -> "RunSettings":
    """Return what the subject alone says."""
    from hpo.cli.run_settings import RunSettings, read_study_file
    from hpo.errors import SettingError

    path = Path(subject)
    place, _, function = subject.rpartition(":")
    if path.suffix == ".toml":
        return read_study_file(path)
    if path.suffix == ".py":
        raise SettingError(f"{subject} is a file; name the objective in it as well, like {subject}:objective")
    if place and function.replace(".", "").isidentifier():
        return RunSettings(objective=subject)
    return RunSettings(data=subject)


def made(settings: "RunSettings", *, name: str | None = None, suffix: str = "", again: bool = False) -> "Study":
    """Return the new study (`again`: the one of that name, if there is one), named `name`, or after its subject.

    Raises an HpoError before anything is written when a setting is wrong.
    """
    from hpo.cli.durations import parse_duration
    from hpo.settings import check_backend
    from hpo.study import RETRIES, create_study
    from strategies import Grid

    trial_timeout = None if settings.trial_timeout is None else parse_duration(str(settings.trial_timeout))
    check_backend(settings.backend, trial_timeout)
    objective, subject = _objective(settings)
    strategy = _strategy(settings.strategy)
    trials = settings.trials
    if trials is None and not (strategy is not None and isinstance(strategy.searcher, Grid)):
        trials = TRIALS_HALVED if strategy is None and objective.kind == "network" else TRIALS
    return create_study(
        name or (settings.name or subject) + suffix,
        space=settings.space,
        objective=objective,
        strategy=strategy,
        direction=settings.direction,  # type: ignore[arg-type] # create_study checks it
        metric=settings.metric,
        storage=settings.storage or "default",
        seed=settings.seed,
        max_epochs=settings.max_epochs,
        n_trials=trials,
        budget=settings.budget,
        timeout=None if settings.timeout is None else parse_duration(str(settings.timeout)),
        tolerance=settings.tolerance,
        trial_timeout=trial_timeout,
        retries=RETRIES if settings.retries is None else settings.retries,
        guesses=settings.guesses,
        parallelism=settings.parallelism,
        order=settings.order or "reproducible",  # type: ignore[arg-type] # likewise
        load_if_exists=again,
    )


def _strategy(written: str | Mapping[str, Any] | None) -> "Strategy | None":
    """Return the strategy that is named, or described by a table; None when the circumstances are to decide."""
    from hpo.errors import StrategyError
    from strategies import AUTO, Strategy, Threshold, parse_strategy

    if written in (None, AUTO):
        return None
    strategy = parse_strategy(written) if isinstance(written, str) else Strategy.from_dict(written)
    if isinstance(strategy.stopper, Threshold) and strategy.stopper.value is None:
        raise StrategyError(
            "threshold stops nothing without a value: give hpo.Threshold(value=…, epoch=…) in Python, or a table "
            'strategy.stopper = {name = "threshold", settings = {value = …, epoch = …}} in a study file'
        )
    return strategy


def _objective(settings: "RunSettings") -> "tuple[Objective, str]":
    """Return what is to be tuned, and a name for the study."""
    from hpo.errors import SettingError

    if settings.data is not None:
        if settings.direction is not None:
            raise SettingError("a network's metric knows its direction: leave --direction out, choose another --metric")
        return _network(settings), Path(settings.data).stem
    for option in ("target", "task", "weight", "balance", "keep", "drop"):
        if getattr(settings, option):
            raise SettingError(f"--{option} is about a table, and {settings.objective} is an objective: leave it out")
    if settings.space is None:
        raise SettingError(f"{settings.objective} needs a space: give --space FILE.toml, with a table [space] in it")
    from hpo.sources import load_objective

    reference = str(settings.objective)
    sys.path.append(str(Path.cwd()))  # where MODULE:NAME is looked for, after all that is installed
    place = reference.rpartition(":")[0]
    name = Path(place).stem if place.endswith(".py") else place.rpartition(".")[2]
    return load_objective(reference, settings.metric or "value"), name


def _network(settings: "RunSettings") -> "Objective":
    from hpo.data import load_data
    from hpo.network_objective import NetworkObjective

    data = load_data(
        settings.data,
        target=settings.target[0] if len(settings.target) == 1 else settings.target or None,
        task=settings.task,  # type: ignore[arg-type] # load_data checks it
        weight=settings.weight,
        balance=bool(settings.balance),
        keep=settings.keep,
        drop=settings.drop,
    )
    return NetworkObjective(data, metric=settings.metric)


def _announce(study: "Study") -> None:
    """Say what is going to be searched, how, and where it is kept."""
    from hpo.network_objective import NetworkObjective

    spec, say = study.spec, person().print
    say(f"study {printable(study.name)}: {printable(str(spec.objective['shown']))}", style="bold")
    if isinstance(study.objective, NetworkObjective):
        _describe(study.objective.data)
    trials = "every point of the grid" if spec.targets.n_trials is None else f"trials: {spec.targets.n_trials:,}"
    budget = "" if spec.targets.budget is None else f", up to {spec.targets.budget:,} in all"
    say(f"  search     {spec.strategy.name}, {trials}")
    if spec.chosen is not None:
        say(f"  auto       {spec.chosen}")
    say(f"  epochs     up to {spec.targets.max_epochs:,} a trial{budget}")
    if spec.targets.tolerance is not None:
        say(f"  tolerance  {spec.targets.tolerance:g}: it ends when going on can be expected to bring less")
    say(f"  space      {printable(', '.join(study.space.parameters))}")
    say(f"  goal       {spec.direction} {printable(spec.metric)}")
    chosen = f"--strategy {spec.strategy.name} " if spec.chosen is not None else ""
    say(f"  seed       {spec.seed} (the same search again: {chosen}--seed {spec.seed})")
    say(f"  storage    {study.database.shown_url}")


def _describe(data: "Data") -> None:
    say = person().print
    rows = [len(part) for part in (data.y_train, data.y_validation, data.y_test)]
    parts = " + ".join(
        f"{count:,} {name}" for count, name in zip(rows, ("training", "validation", "test"), strict=True)
    )
    counted = {"classification": f" into {data.outputs:,} classes", "multilabel": f" of {data.outputs:,} labels"}
    say(f"  data       {sum(rows):,} rows ({parts}), {data.inputs:,} features after preprocessing")
    say(f"  task       {data.task}{counted.get(data.task, '')}: {printable(data.target.name)}")
    if data.task == "regression" and data.outputs > 1:
        say("  errors     in standard deviations of each target")
    if data.source["weight"] is not None:
        say(f"  weight     {printable(data.source['weight'])}")
    if data.class_weights is not None:
        say("  balance    each class counts the same in training")
    for note in data.notes:
        say(f"  note       {printable(note)}")
    for warning in data.warnings:
        say(f"  warning    {printable(warning)}", style="yellow")
