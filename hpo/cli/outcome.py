"""What a search has found, for programs and for people."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from hpo.cli.confirm import tell_confirmed
from hpo.cli.consoles import answers, printable
from hpo.cli.output import shown
from hpo.cli.studies import next_command
from hpo.progress import clock_time, states_in_words

if TYPE_CHECKING:
    from hpo.study import Study

_ERRORS: Final = 3
"""Different errors that are told at the end of a search; `hpo show` tells all."""


def outcome(study: "Study", seconds: float) -> dict[str, Any]:
    """Return the outcome of a search that took `seconds` this time, in JSON values."""
    from storage.questions.queries import epochs_saved

    seen, spec = study.overview(), study.spec
    return {
        "study": study.name,
        "state": seen.state,
        "metric": spec.metric,
        "direction": spec.direction,
        **best_found(study),
        "trials": {state.value: count for state, count in seen.states.items()},
        "failures": failures(study),
        "epochs": seen.epochs,
        "epochs_saved": epochs_saved(study.database, study.record),
        "seconds": seconds,
        "strategy": spec.strategy.name,
        "seed": spec.seed,
        "storage": study.database.shown_url,
        "view": study.record.view,
    }


def best_found(study: "Study") -> dict[str, Any]:
    """Return the winner's value and params; of a network also the metrics on the test part (else None)."""
    if study.overview().best is None:
        return {"value": None, "trial": None, "epoch": None, "params": {}, "confirmed": [], "test": None}
    best = study.winner
    return {
        "value": best.value,
        "trial": best.number,
        "epoch": best.best_epoch,
        "params": best.params,
        "confirmed": [asdict(each) for each in study.confirmed],
        "test": _test_metrics(study),
    }


def failures(study: "Study") -> list[dict[str, Any]]:
    """Return the errors that trials failed with, the most frequent first: error, count, and a trial as example."""
    from storage.questions.queries import list_failures

    return [asdict(failure) for failure in list_failures(study.database, study.record)]


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
    from storage.studies import COMPLETE

    say = answers().print
    tell_best(found)
    if found["confirmed"]:
        tell_confirmed(study.confirmed, study)
    seen = study.overview()
    trained, saved = found["epochs"], found["epochs_saved"]
    if found["state"] != COMPLETE:
        say(f"state      {found['state']}: the search is not at its end")
    say(f"trials     {seen.trials:,} ({states_in_words(seen)})")
    targets = study.spec.targets
    if targets.tolerance is not None and found["state"] == COMPLETE and seen.trials < (targets.n_trials or 0):
        say(f"ended      going on could be expected to bring less than the tolerance, {targets.tolerance:g}")
    tell_failures(found["failures"][:_ERRORS], study)
    say(f"epochs     {trained:,} trained{f', {saved:,} saved ({saved / (trained + saved):.0%})' if saved else ''}")
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


def tell_failures(errors: Sequence[Mapping[str, Any]], study: "Study") -> None:
    """Tell a person why trials failed, and how to see where."""
    say = answers().print
    if not errors:
        return
    say("failed")
    for failure in errors:
        say(f"  {failure['count']:,} × {printable(failure['error'])} (trial {failure['example']})")
    example = str(errors[0]["example"])
    say(f"  traceback: {next_command(study.database, 'trials', study.name, '--trial', example)}", soft_wrap=True)


def _next(study: "Study", found: Mapping[str, Any]) -> Iterator[str]:
    """Yield the commands that are worth typing next."""
    from storage.studies import COMPLETE, STOPPED

    if found["state"] == STOPPED:
        yield next_command(study.database, "extend", study.name, "--trials", "N")
    elif found["state"] != COMPLETE:
        yield next_command(study.database, "resume", study.name)
    yield next_command(study.database, "show", study.name)
    if found["value"] is not None and not found["confirmed"] and _is_seeded(study):
        yield next_command(study.database, "confirm", study.name)
    if found["value"] is not None:
        file = re.sub(r"[^\w.-]+", "_", study.name) + ".hpo"
        save = ["--save", file] if study.spec.objective.get("kind") == "network" else []
        yield next_command(study.database, "best", study.name, *save)
    yield next_command(study.database, "sql", _leaders(study))


def _is_seeded(study: "Study") -> bool:
    from hpo.errors import ObjectiveError

    try:
        return study.objective.seeded
    except ObjectiveError:  # it is asked and told by hand, or is gone
        return False


def _leaders(study: "Study") -> str:
    """Return a query for the ten best trials, on the study's own view."""
    from storage.schema.views import in_sql, parameter_columns

    order = "DESC" if study.direction == "maximize" else "ASC"
    dialect = study.database.engine.dialect
    columns = ", ".join(["number", "value", *(in_sql(dialect, name) for name in parameter_columns(study.space)[:3])])
    return f"SELECT {columns} FROM {study.record.view} WHERE value IS NOT NULL ORDER BY value {order} LIMIT 10"
