"""Steering a whole study: extend, pause, let go on, stop, rename, delete. Each call is one transaction, on record.

Workers notice by themselves: those of a closed study leave, those of one whose space or epochs have changed begin anew
with its record (`Exchange`).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from storage.database import Database
from storage.errors import StudyExists, SurgeryError
from storage.exchange.workers import STOP, list_dead
from storage.interventions.surgery import end_trials
from storage.interventions.trail import Operation, intervene
from storage.schema.tables import studies, trials, workers
from storage.schema.views import create_view, free_view_name
from storage.studies import COMPLETE, OPEN, PAUSED, STOPPED, StudyRecord, reload_study
from strategies import Space, State
from strategies.widening import widened_to

_ALIVE: Final = 30.0  # seconds since a worker elsewhere was last seen in which it may well be at work


def extend(
    database: Database,
    study: StudyRecord,
    *,
    n_trials: int | None = None,
    budget: int | None = None,
    max_epochs: int | None = None,
    space: Space | None = None,
) -> StudyRecord:
    """Set a study's bounds higher and its space wider; None stays as it is. What was complete or stopped is open again.

    Trials that are complete because they had reached the last epoch go on where there are more; schedules stay laid out
    for the epochs that there were at first. Raises SurgeryError for a bound that is not higher, SpaceError for a space
    that is not wider, StrategyError where the strategy cannot search what it is to become.
    """
    bounds = {"n_trials": n_trials, "budget": budget, "max_epochs": max_epochs}
    higher = {name: bound for name, bound in bounds.items() if bound is not None}
    intervene(database, study, lambda change: _extend(change, study, higher, space))
    return reload_study(database, study)


def pause(database: Database, study: StudyRecord) -> StudyRecord:
    """Let the workers of every host finish their epochs, checkpoint and leave, and hand out nothing until `reopen`."""
    intervene(database, study, _pause)
    return reload_study(database, study)


def reopen(database: Database, study: StudyRecord) -> StudyRecord:
    """Let a paused study go on; another is left as it is."""
    intervene(database, study, _reopen)
    return reload_study(database, study)


def stop_study(database: Database, study: StudyRecord, reason: str | None = None) -> StudyRecord:
    """End a study as it stands: its running and paused trials are stopped, and its workers leave."""
    intervene(database, study, lambda change: _stop(change, study, reason))
    return reload_study(database, study)


def rename(database: Database, study: StudyRecord, name: str) -> StudyRecord:
    """Give a study another name, and its view as well. Raises StudyExists when it is taken."""
    intervene(database, study, lambda change: _rename(change, name, database.shown_url), alone=True)
    return reload_study(database, study)


def delete(database: Database, study: StudyRecord, *, force: bool = False) -> None:
    """Delete a study with its view and all its rows; the trail stays.

    Raises SurgeryError while workers are alive, unless `force`: then they come to know it by an error.
    """
    dead = list_dead(database, study.id)
    intervene(database, study, lambda change: _delete(change, dead, force=force), alone=True)


def _extend(change: Operation, study: StudyRecord, bounds: Mapping[str, int], space: Space | None) -> None:
    row = change.study
    told: dict[str, Any] = {name: [getattr(row, name), bound] for name, bound in bounds.items()}
    _check_bounds(change, told)
    values: dict[str, Any] = dict(bounds)
    before = Space.from_dict(row.space)
    wider = before if space is None else widened_to(before, space)
    if space is not None and wider == before:
        raise SurgeryError("the space is no wider than it was: lower a `low`, raise a `high`, or add a choice")
    if wider != before:
        values["space"] = wider.to_dict()
        told["space"] = {
            name: [row.space[name], each] for name, each in wider.to_dict().items() if each != row.space[name]
        }
    if not told:
        raise SurgeryError("nothing is to be extended: give more trials, epochs, or a wider space")
    if wider != before or "max_epochs" in bounds:
        study.spec.strategy.check(wider, bounds.get("max_epochs", row.max_epochs))
        values["edition"] = row.edition + 1
    if "max_epochs" in bounds:
        values["horizon"] = row.horizon or row.max_epochs
        told["reopened"] = _reopen_trials(change)
    if row.state in (COMPLETE, STOPPED):
        values |= {"state": OPEN, "ended_at": None}
    change.change(values)
    if wider != before:
        _drop_view(change)
        _make_view(change, row.view, wider)
    change.note("extend", told)


def _pause(change: Operation) -> None:
    if change.study.state != OPEN:
        raise SurgeryError(f"the study {change.study.name!r} is {change.study.state}: only an open one is paused")
    change.change({"state": PAUSED})
    change.note("pause", {"workers": _ask_to_leave(change)})


def _reopen(change: Operation) -> None:
    if change.study.state == PAUSED:
        change.change({"state": OPEN})
        change.note("resume", {})


def _stop(change: Operation, study: StudyRecord, reason: str | None) -> None:
    row = change.study
    if row.state not in (OPEN, PAUSED):
        raise SurgeryError(f"the study {row.name!r} is {row.state} already: there is nothing to stop")
    open_ = sa.select(trials).where(trials.c.study_id == row.id, trials.c.state.in_((State.RUNNING, State.PAUSED)))
    chosen = change.connection.execute(open_.order_by(trials.c.number)).all()
    end_trials(change, study, chosen, reason)
    change.change({"state": STOPPED, "ended_at": change.now})
    change.note("stop", {"trials": len(chosen), "workers": _ask_to_leave(change), "reason": reason})


def _rename(change: Operation, name: str, url: str) -> None:
    taken = sa.select(studies.c.id).where(studies.c.name == name)
    if change.connection.execute(taken).one_or_none() is not None:
        raise StudyExists(f"there is a study {name!r} in {url} already: choose another name")
    _drop_view(change)
    view = free_view_name(change.connection, name)
    _make_view(change, view, Space.from_dict(change.study.space))
    change.change({"name": name, "view": view})
    change.note("rename", {"name": [change.study.name, name], "view": [change.study.view, view]})


def _delete(change: Operation, dead: Sequence[str], *, force: bool) -> None:
    at_work = _at_work(change, dead)
    if at_work and not force:
        raise SurgeryError(
            f"{len(at_work)} worker{'s are' if len(at_work) > 1 else ' is'} at work on the study "
            f"{change.study.name!r} ({', '.join(at_work[:3])}): pause it first (hpo pause), or give --force"
        )
    count = sa.select(sa.func.count()).select_from(trials).where(trials.c.study_id == change.study.id)
    change.note("delete", {"trials": change.connection.execute(count).scalar_one(), "view": change.study.view})
    _drop_view(change)
    change.connection.execute(sa.delete(studies).where(studies.c.id == change.study.id))


def _check_bounds(change: Operation, bounds: Mapping[str, Sequence[int | None]]) -> None:
    """Raise SurgeryError for a bound that is not higher than it was, and for what there is of it already.

    A study that was stopped before it had reached a bound may go on up to any that is not yet reached.
    """
    counted = {"n_trials": sa.func.count(), "budget": sa.func.sum(trials.c.epochs)}
    for name, (old, new) in bounds.items():
        least = old or 0
        if name in counted and (old is None or change.study.state == STOPPED):
            reached = sa.select(counted[name]).where(trials.c.study_id == change.study.id)
            least = change.connection.execute(reached).scalar_one() or 0
        if (new or 0) <= least:
            raise SurgeryError(f"{name} is the total to reach, and it is {least} already: give more than {least}")


def _reopen_trials(change: Operation) -> int:
    """Let trials go on that are complete because they had reached the last epoch; return how many."""
    reached = sa.update(trials).where(
        trials.c.study_id == change.study.id,
        trials.c.state == State.COMPLETE,
        trials.c.epochs >= change.study.max_epochs,
    )
    return change.connection.execute(
        reached.values(state=State.PAUSED, finished_at=None, revision=change.revision)
    ).rowcount


def _ask_to_leave(change: Operation) -> int:
    """Ask the study's workers to finish their epochs, checkpoint and leave; return how many there are."""
    mine = workers.c.study_id == change.study.id
    return change.connection.execute(sa.update(workers).where(mine).values(request=STOP)).rowcount


def _at_work(change: Operation, dead: Sequence[str]) -> list[str]:
    """Return the hosts and processes of workers that are alive, as far as anyone can know."""
    alive = sa.select(workers.c.id).where(
        workers.c.study_id == change.study.id,
        workers.c.id.not_in(list(dead)),
        workers.c.seen_at > change.now - _ALIVE,
    )
    return list(change.connection.execute(alive.order_by(workers.c.id)).scalars())


def _make_view(change: Operation, name: str, space: Space) -> None:
    change.connection.exec_driver_sql(create_view(change.connection.dialect, name, change.study.id, space))


def _drop_view(change: Operation) -> None:
    quoted = change.connection.dialect.identifier_preparer.quote_identifier(change.study.view)
    change.connection.exec_driver_sql(f"DROP VIEW IF EXISTS {quoted}")
