"""hpo extend: more trials, more epochs, a wider space."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hpo.cli.consoles import person
from hpo.cli.options import Storage, StudyName
from hpo.cli.studies import next_command, opened

if TYPE_CHECKING:
    from strategies import Parameter, Space


def extend(
    name: StudyName,
    *,
    trials: Annotated[
        int | None, typer.Option("--trials", metavar="N", help="The total of trials to start.", show_default=False)
    ] = None,
    budget: Annotated[
        int | None, typer.Option("--budget", metavar="EPOCHS", help="A bound on epochs in all.", show_default=False)
    ] = None,
    max_epochs: Annotated[
        int | None,
        typer.Option("--max-epochs", metavar="R", help="The most that a trial may train.", show_default=False),
    ] = None,
    space: Annotated[
        Path | None,
        typer.Option("--space", metavar="FILE.toml", help="The whole space, wider than before.", show_default=False),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=LOW..HIGH", help="A wider range, like lr=1e-6..1.", show_default=False),
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option("--choice", metavar="NAME=VALUE", help="One more choice.", show_default=False),
    ] = None,
    storage: Storage = None,
) -> None:
    """Let a study go further: more trials, more epochs, a wider space.

    Also while it runs. What has been trained counts; trials that had reached the last epoch go on from there. The space
    can only become wider: low may fall, high may rise, choices are added.
    """
    from hpo.errors import SettingError
    from hpo.space_file import load_space

    if space is not None and (param or choice):
        raise SettingError("give the whole space with --space, or what changes with --param and --choice, not both")
    with opened(name, storage) as study:
        wider: Any = None if space is None else load_space(space)
        if param or choice:
            wider = _changes(study.space, param or [], choice or [])
        study.extend(n_trials=trials, budget=budget, max_epochs=max_epochs, space=wider)
        say = person().print
        say(f"extended study {study.name}, which is {study.record.state}")
        if not study.overview().workers:
            say(f"go on with: {next_command(study.database, 'resume', study.name)}", soft_wrap=True)


def _changes(space: "Space", ranges: list[str], choices: list[str]) -> "dict[str, Parameter]":
    """Return the parameters that become wider. Raises SettingError, or SpaceError naming the parameter."""
    from hpo.errors import SpaceError
    from strategies.parameters import parameter_from_dict
    from strategies.spelling import suggestion

    written = [(text, *_parted(text, "--param", "lr=1e-6..1")) for text in ranges]
    added = [(text, *_parted(text, "--choice", "optimizer=adamw")) for text in choices]
    for _, name, _ in (*written, *added):
        if name not in space.parameters:
            raise SpaceError(f"unknown parameter {name!r}.{suggestion(name, space.parameters)}")
    changed = {name: space.parameters[name].to_dict() for _, name, _ in (*written, *added)}
    for text, name, span in written:
        if "low" not in changed[name]:
            raise SpaceError(f"--param {text}: {name!r} is a choice, which has no range: use --choice")
        changed[name] |= _range(text, span)
    for text, name, value in added:
        if "values" not in changed[name]:
            raise SpaceError(f"--choice {text}: {name!r} is a number: use --param {name}=LOW..HIGH")
        changed[name]["values"] = [*changed[name]["values"], _value(value, changed[name]["values"])]
    return {name: parameter_from_dict(settings) for name, settings in changed.items()}


def _parted(text: str, option: str, example: str) -> tuple[str, str]:
    from hpo.errors import SettingError

    name, sign, rest = text.partition("=")
    if not sign or not name or not rest:
        raise SettingError(f"{option} {text}: write it like {option} {example}")
    return name, rest


def _range(text: str, span: str) -> dict[str, float]:
    """Return the ends that are given, like 1e-6..1, or ..1 where low stays."""
    from hpo.errors import SettingError

    low, sign, high = span.partition("..")
    try:
        given = {end: _number(number) for end, number in (("low", low), ("high", high)) if number}
    except ValueError:
        given = {}
    if not sign or not given:
        raise SettingError(f"--param {text}: write the range like lr=1e-6..1, or lr=..1 where it begins as before")
    return given


def _number(text: str) -> float:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _value(text: str, known: list[Any]) -> Any:
    """Return a value of the kind that the others are: text, unless they are something else."""
    if all(isinstance(value, str) for value in known):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
