"""Studies of Optuna, read from its own tables without Optuna: results, and the space they were drawn from."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any, Final, TypeGuard
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from hpo.errors import SettingError, SpaceError
from hpo.results import Findings, Found
from storage.connection.engines import parse
from strategies import Choice, Float, Int, Parameter, Space, State

_STATES: Final = {"COMPLETE": State.COMPLETE, "PRUNED": State.STOPPED, "FAIL": State.FAILED}

_NO_CURVE: Final = "their steps are not one finite value for each epoch, from 0 or 1 on"
_NONE: Final = "they have no steps, and others have"
_ANOTHER: Final = "what trials return is neither the last nor the best of their steps, which measure something else"
_BETTER: Final = "a step of theirs is as good as the best trial's value, and here a trial is as good as its best epoch"
_BEFALLS: Final = {
    State.COMPLETE: "complete trials keep their value alone, without a curve",
    State.STOPPED: "pruned trials are left out",
}


def _table(name: str, columns: str) -> sa.TableClause:
    return sa.table(name, *(sa.column(each) for each in columns.split()))


_studies = _table("studies", "study_id study_name")
_directions = _table("study_directions", "study_id direction objective")
_trials = _table("trials", "trial_id number study_id state datetime_start datetime_complete")
_params = _table("trial_params", "param_id trial_id param_name param_value distribution_json")
_values = _table("trial_values", "trial_id objective value value_type")
_steps = _table("trial_intermediate_values", "trial_id step intermediate_value intermediate_value_type")


def read_optuna(source: str, study: str | None = None) -> Findings:
    """Return what a study of Optuna has found; `source` is the file or the URL of its database.

    `study` may be left out where there is but one. Pruned trials count as stopped; those that have not ended are left
    out, and that is noted. Raises SettingError when there is no such study, or it has several objectives.
    """
    is_url = "://" in source
    url = parse(source if is_url else _url(Path(source)))
    shown = _origin(url) if is_url else source
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return _findings(connection, shown if is_url else Path(source).name, study)
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        raise SettingError(f"no study of Optuna can be read from {shown}: {reason}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, SettingError | SpaceError):
            raise
        raise SettingError(f"{shown} holds what Optuna does not write ({error!r:.200})") from error


def _origin(url: sa.URL) -> str:
    """Return what may be shown and kept of a URL: where the database is, not who reads it, nor with which settings."""
    host = url.host or ""
    if "@" in host:  # the end of the password
        raise SettingError("the URL of Optuna's database has an @ too many: one in a password is written %40")
    place = f"[{host}]" if ":" in host else host
    return f"{url.get_backend_name()}://{place}{f':{url.port}' if url.port else ''}/{url.database or ''}"


def _url(path: Path) -> str:
    if not path.is_file():
        raise SettingError(f"there is no file {path}: give the file or the URL of Optuna's database")
    return f"sqlite:///file:{quote(str(path.resolve()))}?mode=ro&uri=true"


def _findings(connection: Connection, origin: str, name: str | None) -> Findings:
    study_id, name = _chosen(connection, origin, name)
    found = connection.execute(sa.select(_directions.c.direction).where(_directions.c.study_id == study_id)).scalars()
    directions = [direction.lower() for direction in found]
    if len(directions) != 1:
        raise SettingError(f"the study {name!r} has {len(directions)} objectives, and a study here has one")
    mine = sa.select(_trials.c.trial_id).where(_trials.c.study_id == study_id)
    params: dict[int, dict[str, tuple[float, str]]] = {}
    drawn_first = sa.select(_params).where(_params.c.trial_id.in_(mine)).order_by(_params.c.param_id)
    for row in connection.execute(drawn_first):
        params.setdefault(row.trial_id, {})[row.param_name] = (row.param_value, row.distribution_json)
    steps: dict[int, dict[int, float | None]] = {}
    ordered = sa.select(_steps).where(_steps.c.trial_id.in_(mine)).order_by(_steps.c.trial_id, _steps.c.step)
    for row in connection.execute(ordered):
        steps.setdefault(row.trial_id, {})[row.step] = row.intermediate_value
    ends = sa.select(_values.c.trial_id, _values.c.value).where(_values.c.trial_id.in_(mine))
    values: dict[int, float | None] = {row.trial_id: row.value for row in connection.execute(ends)}
    rows = connection.execute(sa.select(_trials).where(_trials.c.study_id == study_id).order_by(_trials.c.number)).all()
    told = [_told(row, steps, values.get(row.trial_id)) for row in rows if row.state in _STATES]
    faults = _find_faults(told, max if directions[0] == "maximize" else min)
    results, drawn = [], []
    for each in told:
        given = params.get(each.row.trial_id, {})
        drawn.append(given)
        if each.fault is None or each.state is not State.STOPPED:
            results.append(_found(each, {key: _decoded(*param) for key, param in given.items()}))
    left_out = len(rows) - len(told)
    notes = [f"{left_out:,} trials that are running or waiting are left out"] if left_out else []
    direction = directions[0] if directions[0] in ("minimize", "maximize") else None
    return Findings(f"{origin}, study {name}", results, direction, notes + faults, lambda: _space(drawn))


def _chosen(connection: Connection, origin: str, name: str | None) -> tuple[int, str]:
    known = {row.study_name: row.study_id for row in connection.execute(sa.select(_studies))}
    if not known:
        raise SettingError(f"{origin} holds no study of Optuna")
    if name is None and len(known) == 1:
        name = str(next(iter(known)))
    if name is None or name not in known:
        listed = ", ".join(map(repr, list(known)[:10]))
        raise SettingError(f"{origin} has the studies {listed}: choose one with --optuna-study NAME")
    return known[name], name


def _found(told: "_Told", params: Mapping[str, object]) -> Found:
    error = "it failed, or had no finite value" if told.state is State.FAILED else None
    curve = () if told.fault else told.curve
    return Found(f"trial {told.row.number}", params, told.state, curve, told.value, error, _seconds(told.row))


def _seconds(row: Any) -> float:
    ends = [row.datetime_start, row.datetime_complete]
    begun, ended = (datetime.fromisoformat(each) if isinstance(each, str) else each for each in ends)
    return max(0.0, float((ended - begun).total_seconds())) if begun and ended else 0.0


def _decoded(value: float, distribution: str) -> object:
    """Return a param as it was suggested: Optuna keeps numbers, for categories their place."""
    told = json.loads(distribution)
    if told["name"] == "CategoricalDistribution":
        return told["attributes"]["choices"][int(value)]
    return int(value) if told["name"].startswith("Int") else float(value)


# --- learning curves ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Told:
    """A trial that has ended."""

    row: Any
    state: State
    value: float | None
    """What it came to; None of one that is not complete."""
    curve: Sequence[float]
    fault: str | None
    """Why its steps are no learning curve of what was searched for."""


def _told(row: Any, steps: Mapping[int, Mapping[int, float | None]], end: float | None) -> _Told:
    state, reported = _STATES[row.state], dict(steps.get(row.trial_id, {}))
    value = float(end) if state is State.COMPLETE and _is_finite(end) else None
    if value is None:
        while reported and not _is_finite(next(reversed(reported.values()))):  # it ended because of that
            reported.popitem()
    if (state is State.COMPLETE and value is None) or (state is State.STOPPED and not reported):
        state = State.FAILED
    curve = _curve(reported)
    return _Told(row, state, value, curve, _NO_CURVE if reported and not curve else None)


def _curve(reported: Mapping[int, float | None]) -> tuple[float, ...]:
    """Return steps as a learning curve; nothing unless there is a finite value for each epoch from 0 or 1 on."""
    first = min(reported, default=0)
    values = [value for value in reported.values() if value is not None and isfinite(value)]
    whole = first in (0, 1) and max(reported, default=0) - first + 1 == len(values)
    return tuple(map(float, values)) if whole else ()


def _is_finite(value: float | None) -> TypeGuard[float]:
    return value is not None and isfinite(value)


def _find_faults(told: Sequence[_Told], better: Callable[[Iterable[float]], float]) -> list[str]:
    """Find the curves that would make of trials what they were not; return notes about those trials, for people.

    Many report one thing, the loss say, and return another. And a trial is here as good as its best epoch: with curves
    that have better values than the study's best trial came to, another trial would be the best.
    """
    curves = [each for each in told if each.curve]
    complete = [each for each in told if each.value is not None]
    best = better(each.value for each in complete if each.value is not None) if complete else None
    for each in complete:
        if each.curve and each.value not in (each.curve[-1], better(each.curve)):
            each.fault = _ANOTHER
        elif curves and not each.curve and not each.fault:
            each.fault = _NONE
    seen = Counter(each.fault for each in complete if each.curve)
    for each in curves:
        if each.value is None and seen[_ANOTHER] > seen[None]:
            each.fault = _ANOTHER
        elif best is not None and each.fault is None and each.state is not State.FAILED:
            top = better(each.curve)
            each.fault = _BETTER if top != each.value and top == better((top, best)) else None
    counts = Counter((each.state, each.fault) for each in told if each.fault)
    return [f"{count:,} {_BEFALLS[state]}: {fault}" for (state, fault), count in counts.items() if state in _BEFALLS]


# --- the space -----------------------------------------------------------------------------------------------------


def _space(drawn: Sequence[Mapping[str, tuple[float, str]]]) -> Space:
    """Return the space that all trials were drawn from, conditions included. Raises SpaceError."""
    seen: dict[str, dict[str, None]] = {}
    for told in drawn:
        for name, (_, distribution) in told.items():
            seen.setdefault(name, {})[distribution] = None
    parameters = {name: _parameter(name, [json.loads(each) for each in every]) for name, every in seen.items()}
    points = [{name: _decoded(*each) for name, each in told.items()} for told in drawn if told]
    always = [name for name in parameters if all(name in point for point in points)]
    for name in parameters:
        if name not in always:
            parameters[name] = _conditional(name, parameters, always, points)
    return Space(parameters)


def _parameter(name: str, every: Sequence[Mapping[str, Any]]) -> Parameter:
    """Return the parameter that covers all distributions of that name; a step is not kept."""
    kinds = {_kind(each["name"]) for each in every}
    if len(kinds) > 1:
        raise SpaceError(f"Optuna has {name!r} as {' and as '.join(sorted(kinds))}: give a space with --space")
    settings = [each["attributes"] for each in every]
    if kinds == {"choice"}:
        values = list({json.dumps(value): value for each in settings for value in each["choices"]}.values())
        try:
            return Choice(*values)
        except SpaceError as error:
            raise SpaceError(f"Optuna's categories of {name!r}: {error}; give a space with --space") from error
    low, high = min(each["low"] for each in settings), max(each["high"] for each in settings)
    log = all(each.get("log", "Log" in told["name"]) for each, told in zip(settings, every, strict=True))
    return Float(low, high, log=log) if kinds == {"float"} else Int(low, high, log=log)


def _kind(name: str) -> str:
    if name == "CategoricalDistribution":
        return "choice"
    return "int" if name.startswith("Int") else "float"


def _conditional(
    name: str, parameters: Mapping[str, Parameter], always: Sequence[str], points: Sequence[Mapping[str, Any]]
) -> Parameter:
    """Return a parameter under the condition that tells the trials that have it from those that have not."""
    for parent in always:
        if not isinstance(parameters[parent], Choice):  # numbers tell trials apart by chance
            continue
        active = {json.dumps(point[parent]): point[parent] for point in points if name in point}
        passive = {json.dumps(point[parent]) for point in points if name not in point}
        if not active.keys() & passive:
            settings = parameters[name].to_dict()
            made: Parameter = type(parameters[name]).from_dict(settings | {"when": {parent: list(active.values())}})
            return made
    raise SpaceError(f"Optuna has {name!r} in some of its trials, and no other tells in which: give --space FILE.toml")
