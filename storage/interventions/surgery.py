"""Trial surgery: what a person may do to trials of a search, at work or not. Each call is one transaction.

    retry      failed trials go on as if their last jobs had not been, with the same params and the same seeds
    discard    trials are taken out, whatever their state, as if they had never been; their points stay taken
    stop       running and paused trials end where they are

A job that a worker holds is closed under its hands: its later results are refused, as a sleeper's are (`worklist`).
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from storage.connection.prepared import run
from storage.database import Database
from storage.errors import SurgeryError
from storage.exchange import statements
from storage.exchange.recording import free_checkpoints
from storage.interventions.trail import Operation, intervene
from storage.schema.tables import checkpoints, jobs, trials
from storage.studies import COMPLETE, OPEN, STOPPED, StudyRecord
from strategies import State

_Rows = Sequence[Row[Any]]
_BATCH: Final = 1000
_NOT_DONE: Final = sa.text("jobs.state <> 'done'")  # spelled as in the partial index


def retry_trials(database: Database, study: StudyRecord, numbers: Sequence[int] | None = None) -> list[int]:
    """Let failed trials (None: all that can be) be trained again; return their numbers.

    Each gets a job at the end of the log, like the one that failed: from its checkpoint if one is kept, else from
    scratch. A complete study is open again. Raises SurgeryError for a trial that has not failed, and for one that
    began with weights that are no longer kept.
    """
    return intervene(database, study, lambda change: _retry(change, numbers))


def discard_trials(database: Database, study: StudyRecord, numbers: Sequence[int], reason: str) -> None:
    """Take trials out of the search, whatever their state; `reason` is told with them from now on.

    They keep their rows, their curves and their points, and lose their checkpoints. Raises SurgeryError.
    """
    intervene(database, study, lambda change: _discard(change, numbers, reason))


def stop_trials(database: Database, study: StudyRecord, numbers: Sequence[int], reason: str | None = None) -> None:
    """End running and paused trials where they are; the checkpoints of the best stay. Raises SurgeryError."""
    intervene(database, study, lambda change: _stop(change, study, numbers, reason))


def end_trials(change: Operation, study: StudyRecord, chosen: _Rows, reason: str | None) -> None:
    """End open trials where they are, within an operation, and close their jobs."""
    _close_jobs(change, chosen, State.STOPPED)
    _update(change, chosen, {"state": State.STOPPED, "stop_reason": _why(reason), "finished_at": change.now})
    free_checkpoints(change.connection, study)


def _retry(change: Operation, numbers: Sequence[int] | None) -> list[int]:
    if change.study.state == STOPPED:
        name = change.study.name
        more = f"hpo extend {shlex.quote(name)} --trials N"
        raise SurgeryError(f"the study {name!r} was stopped: let it go on first, with `{more}`")
    chosen = _failed(change) if numbers is None else _chosen(change, numbers)
    kept = {row.trial for row in _of(change, chosen, checkpoints.c.study_id, checkpoints.c.trial)}
    if numbers is None:
        chosen = [trial for trial in chosen if trial.parent is None or trial.number in kept]
    for trial in chosen:
        _check_retry(trial, has_checkpoint=trial.number in kept)
    last = {job.trial: job for job in sorted(_of(change, chosen, *jobs.c), key=lambda job: job.number)}
    again = [_job_again(change, last[trial.number], number) for number, trial in enumerate(chosen, change.before_job)]
    if again:
        change.connection.execute(sa.insert(jobs), again)
    afresh = {"state": State.PAUSED, "attempts": 0, "finished_at": None, "stop_reason": None, "error": None}
    _update(change, chosen, afresh | {"traceback": None})
    for trial, job in zip(chosen, again, strict=True):
        told = {"error": trial.error, "job": job["number"], "from": job["from_epoch"], "until": job["until_epoch"]}
        change.note("retry", told, trial.number)
    if again and change.study.state == COMPLETE:
        change.change({"state": OPEN, "ended_at": None})
    return [trial.number for trial in chosen]


def _discard(change: Operation, numbers: Sequence[int], reason: str) -> None:
    chosen = _chosen(change, numbers)
    for trial in chosen:
        if trial.state == State.DISCARDED:
            raise SurgeryError(f"trial {trial.number} is discarded already: leave it out")
    _close_jobs(change, chosen, State.DISCARDED)
    for trial in chosen:
        why = _why(reason) | {"was": trial.state}
        finished = trial.finished_at or change.now
        _update(change, [trial], {"state": State.DISCARDED, "stop_reason": why, "finished_at": finished})
        change.note("discard", {"was": trial.state, "value": trial.value, "reason": reason}, trial.number)
    gone = checkpoints.c.trial.in_([trial.number for trial in chosen])
    change.connection.execute(sa.delete(checkpoints).where(checkpoints.c.study_id == change.study.id, gone))


def _stop(change: Operation, study: StudyRecord, numbers: Sequence[int], reason: str | None) -> None:
    chosen = _chosen(change, numbers)
    for trial in chosen:
        if State(trial.state).ended:
            raise SurgeryError(f"trial {trial.number} has ended already, it is {trial.state}: leave it out")
    end_trials(change, study, chosen, reason)
    for trial in chosen:
        change.note("stop", {"was": trial.state, "epochs": trial.epochs, "reason": reason}, trial.number)


def _why(reason: str | None) -> dict[str, Any]:
    return {"by": "person"} | ({"reason": reason} if reason else {})


def _failed(change: Operation) -> _Rows:
    query = sa.select(trials).where(trials.c.study_id == change.study.id, trials.c.state == State.FAILED)
    return change.connection.execute(query.order_by(trials.c.number)).all()


def _chosen(change: Operation, numbers: Sequence[int]) -> _Rows:
    """Return the rows of the trials of these numbers, in order. Raises SurgeryError for one that is not there."""
    mine = (trials.c.study_id == change.study.id) & trials.c.number.in_(list(numbers))
    its_jobs = (jobs.c.study_id == change.study.id) & jobs.c.trial.in_(list(numbers)) & _NOT_DONE
    change.connection.execute(
        sa.select(jobs.c.number).where(its_jobs).with_for_update()
    )  # before their trials: as all do
    found = change.connection.execute(sa.select(trials).where(mine).order_by(trials.c.number)).all()
    if missing := sorted(set(numbers) - {trial.number for trial in found}):
        name = change.study.name
        raise SurgeryError(f"the study {name!r} has no trial {missing[0]}: see `hpo trials {shlex.quote(name)}`")
    return found


def _of(change: Operation, chosen: _Rows, *columns: sa.Column[Any]) -> list[Row[Any]]:
    """Return what a table has of some trials."""
    table = columns[0].table
    found: list[Row[Any]] = []
    for numbers in _batches(chosen):
        its = (table.c.study_id == change.study.id) & table.c.trial.in_(numbers)
        found.extend(change.connection.execute(sa.select(*columns).where(its)))
    return found


def _update(change: Operation, chosen: _Rows, values: Mapping[str, Any]) -> None:
    for numbers in _batches(chosen):
        mine = (trials.c.study_id == change.study.id) & trials.c.number.in_(numbers)
        change.connection.execute(sa.update(trials).where(mine).values(**values, revision=change.revision))


def _batches(chosen: _Rows) -> Iterator[list[int]]:
    """Yield the numbers of trials, as many at a time as a statement can name."""
    for start in range(0, len(chosen), _BATCH):
        yield [trial.number for trial in chosen[start : start + _BATCH]]


def _check_retry(trial: Row[Any], *, has_checkpoint: bool) -> None:
    if trial.state != State.FAILED:
        raise SurgeryError(f"trial {trial.number} has not failed, it is {trial.state}: only failed trials are retried")
    if trial.parent is not None and not has_checkpoint:
        raise SurgeryError(
            f"trial {trial.number} began with the weights of trial {trial.parent}, which are no longer kept: from "
            "scratch it would be another trial"
        )


def _job_again(change: Operation, failed: Row[Any], number: int) -> dict[str, Any]:
    """Return the row of a job like one that failed, for anyone to claim."""
    same = ("study_id", "trial", "from_epoch", "until_epoch", "bracket", "rung", "seen")
    return {name: getattr(failed, name) for name in same} | {
        "number": number,
        "reason": {"by": "person", "retry": failed.number},
        "state": "ready",
        "decided_at": change.now,
        "decided_revision": change.revision,
        "revision": change.revision,
    }


def _close_jobs(change: Operation, chosen: _Rows, outcome: State) -> None:
    """Close the jobs of these trials that have not ended, at the epochs that are on record."""
    epochs = {trial.number: trial.epochs for trial in chosen}
    left = [job for job in _of(change, chosen, *jobs.c) if job.state != "done"]
    ends = {"study": change.study.id, "result": outcome, "now": change.now, "rev": change.revision}
    if left:
        rows = [ends | {"job": job.number, "end": epochs[job.trial]} for job in left]
        run(change.connection, statements.close_job, rows)
