"""What an exchange writes down: measurements, checkpoints, ends of jobs, and decisions. Each within its transaction."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.engine import Connection

from storage.codec import FORMAT, digest
from storage.connection.prepared import run, to_json
from storage.exchange import statements
from storage.exchange.work import Moment, Progress, Report
from storage.studies import StudyRecord
from strategies import Planned, State, Stop, told, trial_seed
from strategies.spelling import storable

KEPT_BEST: Final = 5
"""Ended trials whose checkpoints are kept: the best ones."""

_Rows = list[dict[str, Any]]


def write_progress(connection: Connection, study: StudyRecord, progress: Sequence[Progress]) -> None:
    """Write what is new of some trials. A trial's row never falls behind what has been measured of it."""
    write_measurements(connection, study, progress)
    _write_checkpoints(connection, study, progress)
    _execute(connection, statements.progress_trial, [_standing(study, item) for item in progress if _is_further(item)])


def write_measurements(connection: Connection, study: StudyRecord, progress: Sequence[Progress]) -> None:
    """Write new measurements. No other writer waits for that, but one who writes the same ones."""
    rows = [
        {
            "study_id": study.id,
            "trial": item.claim.job.trial,
            "epoch": new.epoch,
            "value": new.value,
            "metrics": to_json(new.metrics or None),
            "seconds": new.seconds,
        }
        for item in progress
        for new in item.new
    ]
    _execute(connection, statements.upsert_measurements[connection.dialect.name], rows)


def _write_checkpoints(connection: Connection, study: StudyRecord, progress: Sequence[Progress]) -> None:
    rows = [
        {
            "study_id": study.id,
            "trial": item.claim.job.trial,
            "epoch": item.checkpoint.epoch,
            "format": FORMAT,
            "data": item.checkpoint.data,
            "sha256": digest(item.checkpoint.data),
        }
        for item in progress
        if item.checkpoint is not None
    ]
    _execute(connection, statements.upsert_checkpoints[connection.dialect.name], rows)


def _is_further(item: Progress) -> bool:
    """Tell whether a trial has got further than what is on record of it."""
    return bool(item.new) and len(item.curve) >= item.claim.measured


def _standing(study: StudyRecord, item: Progress) -> dict[str, Any]:
    best = (max if study.spec.direction == "maximize" else min)(item.curve)
    return {
        "study": study.id,
        "trial": item.claim.job.trial,
        "now_epochs": len(item.curve),
        "best": best,
        "at_epoch": item.curve.index(best) + 1,
        "spent": item.seconds,
    }


def write_ends(moment: Moment, reports: Sequence[Report]) -> None:
    """Write the ends of closed jobs, but for their measurements: where their trials stand, and their checkpoints."""
    connection, study = moment.connection, moment.study
    _write_checkpoints(connection, study, [report.progress for report in reports])
    further: _Rows = []
    other: _Rows = []
    for report in reports:
        row = _left(moment, report)
        if _is_further(report.progress):
            further.append(row | _standing(study, report.progress))
        else:
            other.append(row)
    _execute(connection, statements.end_trial, further)
    _execute(connection, statements.leave_trial, other)
    if any(_frees(report) for report in reports):
        free_checkpoints(connection, study)


def close_jobs(moment: Moment, reports: Sequence[Report], *, held_by: str | None = None) -> bool:
    """Close ended jobs, in the study's new revision; tell whether all of them are.

    With `held_by`, only those which that worker holds still.
    """
    rows = [
        {
            "study": moment.study.id,
            "job": report.progress.claim.job.number,
            "result": report.outcome,
            "end": len(report.progress.curve),
            "now": moment.now,
            "rev": moment.revision,
        }
        | ({"me": held_by} if held_by else {})
        for report in reports
    ]
    closed = run(moment.connection, statements.close_mine if held_by else statements.close_job, rows).rowcount
    return closed == len(rows)


def _left(moment: Moment, report: Report) -> dict[str, Any]:
    study = moment.study
    return {
        "study": study.id,
        "trial": report.progress.claim.job.trial,
        "result": report.outcome,
        "finished": moment.now if report.outcome.ended else None,
        "reason": to_json(told(report.stop_reason, study.spec.sign) if report.stop_reason else None),
        "message": report.error and storable(report.error),
        "trace": report.traceback and storable(report.traceback),
    }


def _frees(report: Report) -> bool:
    """Tell whether the end of a job may leave a checkpoint that nobody needs: not where there never was one."""
    kept = report.progress.checkpoint is not None or report.progress.claim.state is not None
    return report.outcome.ended and (kept or report.outcome is State.FAILED)


def write_decisions(
    moment: Moment, decided: Sequence[Planned | Stop], *, claimed: set[int], lease: dict[str, Any]
) -> None:
    """Write decisions down; the jobs in `claimed` as running under `lease`, the others as ready."""
    started: _Rows = []
    opened: _Rows = []
    moved: _Rows = []
    stopped: _Rows = []
    heirs: _Rows = []
    study = moment.study
    for plan in decided:
        if isinstance(plan, Stop):
            why = {"reason": to_json(told(plan.reason, study.spec.sign)), "now": moment.now, "rev": moment.revision}
            stopped.append({"study": study.id, "trial": plan.trial} | why)
            continue
        job = plan.job
        mine = job.number in claimed
        state = State.RUNNING if mine else State.PAUSED
        holder = lease | {"state": "running"} if mine else {"worker": None, "lease_until": None, "state": "ready"}
        opened.append(_job_row(moment, plan) | holder)
        if plan.params is None:
            to = {"to_rung": job.rung, "to_state": state, "rev": moment.revision}
            moved.append({"study": study.id, "trial": job.trial} | to)
            continue
        started.append(_trial_row(moment, plan) | {"state": state, "started_at": moment.now if mine else None})
        if plan.parent is not None:  # it begins with the parent's weights as they are now
            heirs.append({"study": study.id, "heir": job.trial, "parent": plan.parent})
    connection = moment.connection
    _execute(connection, statements.insert_trials, started)
    _execute(connection, statements.insert_jobs, opened)
    _execute(connection, statements.move_trial, moved)
    for heir in heirs:  # one by one: it copies what is in the database, which cannot be joined with other rows
        run(connection, statements.inherit_checkpoint, heir)
    _execute(connection, statements.stop_trial, stopped)
    if stopped:
        free_checkpoints(connection, study)


def free_checkpoints(connection: Connection, study: StudyRecord) -> None:
    """Drop the checkpoints of ended trials, but for the best ones'."""
    kept = run(connection, statements.kept_checkpoints, {"study": study.id}).all()
    ended = [row for row in kept if State(row.state).ended]
    usable = [row for row in ended if row.state not in (State.FAILED, State.DISCARDED) and row.value is not None]
    best = sorted(usable, key=lambda row: (study.spec.sign * row.value, row.trial))[:KEPT_BEST]
    spare = {row.trial for row in ended} - {row.trial for row in best}
    if spare:
        run(connection, statements.free_checkpoint, [{"study": study.id, "trial": trial} for trial in sorted(spare)])


def _job_row(moment: Moment, plan: Planned) -> dict[str, Any]:
    job = plan.job
    return {
        "study_id": moment.study.id,
        "number": job.number,
        "trial": job.trial,
        "from_epoch": job.from_epoch,
        "until_epoch": job.until,
        "bracket": job.bracket,
        "rung": job.rung,
        "seen": job.seen,
        "reason": to_json(told(plan.reason, moment.study.spec.sign)),
        "decided_at": moment.now,
        "decided_revision": moment.revision,
        "revision": moment.revision,
    }


def _trial_row(moment: Moment, plan: Planned) -> dict[str, Any]:
    return {
        "study_id": moment.study.id,
        "number": plan.job.trial,
        "params": to_json(plan.params),
        "seed": trial_seed(moment.study.spec.seed, plan.job.trial),
        "bracket": plan.job.bracket,
        "rung": plan.job.rung,
        "parent": plan.parent,
        "epochs": 0,
        "attempts": 0,
        "train_seconds": 0.0,
        "revision": moment.revision,
    }


def _execute(connection: Connection, statement: Any, rows: _Rows) -> None:
    if rows:
        run(connection, statement, rows)
