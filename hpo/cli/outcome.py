"""What a search has found, for programs and for people."""

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hpo.cli.consoles import answers, printable
from hpo.cli.output import shown
from hpo.cli.studies import next_command
from hpo.progress import clock_time, states_in_words

if TYPE_CHECKING:
    from hpo.study import Study


def outcome(study: "Study", seconds: float) -> dict[str, Any]:
    """Return the outcome of a search that took `seconds` this time, in JSON values."""
    seen, spec = study.overview(), study.spec
    return {
        "study": study.name,
        "state": seen.state,
        "metric": spec.metric,
        "direction": spec.direction,
        **best_found(study),
        "trials": {state.value: count for state, count in seen.states.items()},
        "epochs": seen.epochs,
        "epochs_saved": seen.trials * spec.targets.max_epochs - seen.epochs,
        "seconds": seconds,
        "strategy": spec.strategy.name,
        "seed": spec.seed,
        "storage": study.database.shown_url,
        "view": study.record.view,
    }


def best_found(study: "Study") -> dict[str, Any]:
    """Return the best trial's value and params; of a network also the metrics on the test part (else None)."""
    best = study.overview().best
    if best is None:
        return {"value": None, "trial": None, "epoch": None, "params": {}, "test": None}
    return {
        "value": best.value,
        "trial": best.number,
        "epoch": best.best_epoch,
        "params": best.params,
        "test": _test_metrics(study),
    }


def _test_metrics(study: "Study") -> dict[str, float] | None:
    from hpo.errors import HpoError
    from hpo.network_objective import NetworkObjective

    try:
        objective = study.objective
        return study.best_model().evaluate(objective.data) if isinstance(objective, NetworkObjective) else None
    except HpoError:  # the data are gone, or no checkpoint is kept: the value and the params are known all the same
        return None


def tell(found: Mapping[str, Any], study: "Study") -> None:
    """Tell a person what was found, what it took, where it is, and what may come next."""
    say = answers().print
    tell_best(found)
    seen = study.overview()
    all_epochs = found["epochs"] + found["epochs_saved"]
    share = f" ({found['epochs_saved'] / all_epochs:.0%})" if all_epochs else ""
    say(f"trials     {seen.trials:,} ({states_in_words(seen)})")
    say(f"epochs     {found['epochs']:,} trained, {found['epochs_saved']:,} saved{share}")
    say(f"time       {clock_time(found['seconds'])}")
    say(f"history    {found['storage']}, view {found['view']}")
    say("next")
    for command in _next(study, found):
        say(f"  {command}", soft_wrap=True)


def tell_best(found: Mapping[str, Any]) -> None:
    """Tell a person the best value, its hyperparameters, and the metrics on the test part."""
    say = answers().print
    if found["value"] is None:
        say(f"best       no trial has a {printable(found['metric'])}")
        return
    where = f"trial {found['trial']}, epoch {found['epoch']}"
    part = " on the validation part" if found["test"] is not None else ""
    say(f"best       {printable(found['metric'])} {found['value']:.6g}{part} ({where})", style="bold")
    width = max(map(len, found["params"]))
    for name, value in found["params"].items():
        say(f"  {printable(name):{width}}  {shown(value)}")
    if found.get("metrics"):
        say(f"metrics    {shown(found['metrics'])}")
    if found["test"] is not None:
        say(f"test part  {shown(found['test'])}")


def _next(study: "Study", found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the commands that are worth typing next."""
    yield next_command(study.database, "show", study.name)
    if found["value"] is not None:
        file = re.sub(r"[^\w.-]+", "_", study.name) + ".hpo"
        save = ["--save", file] if study.spec.objective.get("kind") == "network" else []
        yield next_command(study.database, "best", study.name, *save)
    yield next_command(study.database, "sql", _leaders(study))


def _leaders(study: "Study") -> str:
    """Return a query for the ten best trials, on the study's own view."""
    plain = [name for name in study.space.parameters if re.fullmatch(r"[a-z_][a-z0-9_]*", name)]
    order = "DESC" if study.direction == "maximize" else "ASC"
    columns = ", ".join(["number", "value", *plain[:3]])
    return f"SELECT {columns} FROM {study.record.view} WHERE value IS NOT NULL ORDER BY value {order} LIMIT 10"
