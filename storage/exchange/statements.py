"""The statements of the hot path, made once; `prepared.run` runs them. They say nothing of JSON: that goes as text.

`:study` is a study's id, `:me` the worker, `:rev` the new revision.
"""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from storage.schema.tables import PAUSED, checkpoints, jobs, measurements, studies, trials, workers

_id: sa.BindParameter[int] = sa.bindparam("study")
_me: sa.BindParameter[str] = sa.bindparam("me")
_not_done = sa.text("jobs.state <> 'done'")  # spelled as in the partial index, so that SQLite uses it
_is_paused = sa.text(f"trials.{PAUSED}")  # likewise
_a_job = (
    jobs.c.number,
    jobs.c.trial,
    jobs.c.from_epoch,
    jobs.c.until_epoch,
    jobs.c.bracket,
    jobs.c.rung,
    jobs.c.seen,
)  # in the order of strategies.Job
_job = (jobs.c.study_id == _id) & (jobs.c.number == sa.bindparam("job"))
_trial = (trials.c.study_id == _id) & (trials.c.number == sa.bindparam("trial"))


def _insert(table: sa.Table, columns: str) -> sa.Insert:
    return sa.insert(table).values(dict.fromkeys(columns.split()))


_mine = (jobs.c.study_id == _id) & (jobs.c.state == "running") & (jobs.c.worker == _me)

# PostgreSQL: who waits for a row is let in out of turn, and woken in vain; who waits for such a lock, in turn.
turn = sa.select(sa.func.pg_advisory_xact_lock(0x68706F, _id))
_of_a_study = (
    studies.c.revision,
    studies.c.state,
    studies.c.n_trials,
    studies.c.max_epochs,
    studies.c.budget,
    studies.c.tolerance,
    studies.c.queue,
    studies.c.edition,
)
study_now = sa.select(*_of_a_study).where(studies.c.id == _id)
next_revision = (
    sa.update(studies).where(studies.c.id == _id).values(revision=studies.c.revision + 1).returning(*_of_a_study)
)
complete_study = sa.update(studies).where(studies.c.id == _id).values(state="complete", ended_at=sa.bindparam("now"))
look = sa.select(
    studies.c.revision, sa.select(workers.c.request).where(workers.c.id == _me).scalar_subquery().label("request")
).where(studies.c.id == _id)

# Locked where rows can be, by everybody in one order (that of the index): until the end of the transaction nobody takes
# over what it writes about, and no two wait for each other.
held_jobs = sa.select(jobs.c.number).where(_mine, _not_done).order_by(jobs.c.trial).with_for_update()
renew_leases = sa.update(jobs).where(_mine, _not_done).values(lease_until=sa.bindparam("until"))
seen_alive = sa.update(workers).where(workers.c.id == _me).values(seen_at=sa.bindparam("now"))

# Locked, too: whose lease is renewed at this very moment keeps them.
_running = (
    sa.select(*_a_job)
    .where(jobs.c.study_id == _id, jobs.c.state == "running", _not_done)
    .order_by(jobs.c.trial)
    .with_for_update()
)
lapsed_jobs = _running.add_columns(jobs.c.worker).where(jobs.c.lease_until < sa.bindparam("now"), jobs.c.worker != _me)
jobs_of_worker = _running.where(jobs.c.worker == _me)
forget_worker = sa.delete(workers).where(workers.c.id == _me)
release_job = sa.update(jobs).where(_job).values(state="ready", worker=None, lease_until=None)
pause_trial = sa.update(trials).where(_trial).values(state="paused")
count_attempt = sa.update(trials).where(_trial).values(attempts=trials.c.attempts + 1).returning(trials.c.attempts)
retries = sa.select(studies.c.retries).where(studies.c.id == _id)

ready_jobs = (
    sa.select(
        *_a_job,
        trials.c.params,
        trials.c.attempts,
    )
    .join(trials, (trials.c.study_id == jobs.c.study_id) & (trials.c.number == jobs.c.trial))
    .where(jobs.c.study_id == _id, jobs.c.state == "ready", _not_done)
    .order_by(jobs.c.trial)
    .limit(sa.bindparam("most"))
)
claim_job = sa.update(jobs).where(_job).values(state="running", worker=_me, lease_until=sa.bindparam("until"))
run_trial = (
    sa.update(trials)
    .where(_trial)
    .values(state="running", started_at=sa.func.coalesce(trials.c.started_at, sa.bindparam("now", type_=sa.Double())))
)
insert_trials = _insert(
    trials,
    "study_id number params seed bracket rung parent state epochs attempts started_at train_seconds revision",
)
insert_jobs = _insert(
    jobs,
    "study_id number trial from_epoch until_epoch bracket rung seen reason state worker lease_until decided_at "
    "decided_revision revision",
)
move_trial = (
    sa.update(trials)
    .where(_trial)
    .values(rung=sa.bindparam("to_rung"), state=sa.bindparam("to_state"), revision=sa.bindparam("rev"))
)
stop_trial = (
    sa.update(trials)
    .where(_trial)
    .values(
        state="stopped",
        stop_reason=sa.bindparam("reason"),
        finished_at=sa.bindparam("now"),
        revision=sa.bindparam("rev"),
    )
)

_reached: dict[str, Any] = {
    "epochs": sa.bindparam("now_epochs"),
    "value": sa.bindparam("best"),
    "best_epoch": sa.bindparam("at_epoch"),
    "train_seconds": sa.bindparam("spent"),
}
progress_trial = sa.update(trials).where(_trial).values(_reached)
_closed: dict[str, Any] = {
    "state": "done",
    "outcome": sa.bindparam("result"),
    "end_epoch": sa.bindparam("end"),
    "ended_at": sa.bindparam("now"),
    "lease_until": None,
    "revision": sa.bindparam("rev"),
}
close_job = sa.update(jobs).where(_job).values(_closed)
# Said in a way that no plan makes use of: jobs are found by their numbers, not among all that are running.
_is_mine = sa.case(((jobs.c.state == "running") & (jobs.c.worker == _me), sa.true()), else_=sa.false())
close_mine = sa.update(jobs).where(_job, _is_mine).values(_closed)
_left: dict[str, Any] = {
    "state": sa.bindparam("result"),
    "finished_at": sa.bindparam("finished"),
    "stop_reason": sa.bindparam("reason"),
    "error": sa.bindparam("message"),
    "traceback": sa.bindparam("trace"),
    "attempts": 0,
}
leave_trial = sa.update(trials).where(_trial).values(_left)
end_trial = sa.update(trials).where(_trial).values(_reached | _left)

standing = sa.select(trials.c.epochs, trials.c.parent).where(_trial)
curve_until = (
    sa.select(measurements.c.value, measurements.c.seconds)
    .where(
        measurements.c.study_id == _id,
        measurements.c.trial == sa.bindparam("trial"),
        measurements.c.epoch <= sa.bindparam("until"),
    )
    .order_by(measurements.c.epoch)
)
checkpoint_of = sa.select(checkpoints).where(
    checkpoints.c.study_id == _id, checkpoints.c.trial == sa.bindparam("trial")
)
inherit_checkpoint = sa.insert(checkpoints).from_select(
    ["study_id", "trial", "epoch", "format", "data", "sha256"],
    sa.select(
        checkpoints.c.study_id,
        sa.bindparam("heir", type_=sa.Integer),
        sa.literal(0),
        checkpoints.c.format,
        checkpoints.c.data,
        checkpoints.c.sha256,
    ).where(checkpoints.c.study_id == _id, checkpoints.c.trial == sa.bindparam("parent")),
)
_its_trial = (trials.c.study_id == checkpoints.c.study_id) & (trials.c.number == checkpoints.c.trial)
kept_checkpoints = (
    sa.select(checkpoints.c.trial, trials.c.value, trials.c.state)
    .outerjoin_from(checkpoints, trials, _its_trial)  # outer, so that SQLite begins with the few checkpoints
    .where(checkpoints.c.study_id == _id)
)
free_checkpoint = sa.delete(checkpoints).where(
    checkpoints.c.study_id == _id, checkpoints.c.trial == sa.bindparam("trial")
)


def _upsert(insert: sqlite.Insert | postgresql.Insert, key: list[str], columns: list[str]) -> sa.Insert:
    row = insert.values(dict.fromkeys([*key, *columns]))
    return row.on_conflict_do_update(index_elements=key, set_={name: insert.excluded[name] for name in columns})


_measured = ["value", "metrics", "seconds"]
_kept = ["epoch", "format", "data", "sha256"]
upsert_measurements = {
    "sqlite": _upsert(sqlite.insert(measurements), ["study_id", "trial", "epoch"], _measured),
    "postgresql": _upsert(postgresql.insert(measurements), ["study_id", "trial", "epoch"], _measured),
}
upsert_checkpoints = {
    "sqlite": _upsert(sqlite.insert(checkpoints), ["study_id", "trial"], _kept),
    "postgresql": _upsert(postgresql.insert(checkpoints), ["study_id", "trial"], _kept),
}

# What a worker reads to know where its study stands.

trials_since = (  # params as text: many are decoded at once
    sa.select(trials.c.number, sa.cast(trials.c.params, sa.Text), trials.c.state, trials.c.bracket, trials.c.parent)
    .where(trials.c.study_id == _id, trials.c.revision > sa.bindparam("known"))
    .order_by(trials.c.number)
)
jobs_since = (
    sa.select(
        *_a_job,
        jobs.c.outcome,
        jobs.c.end_epoch,
    )
    .where(jobs.c.study_id == _id, jobs.c.revision > sa.bindparam("known"))
    .order_by(jobs.c.number)
)
_its_measurements = measurements.c.study_id == _id
curve_lengths = (
    sa.select(measurements.c.trial, sa.func.count())
    .where(_its_measurements)
    .group_by(measurements.c.trial)
    .order_by(measurements.c.trial)
)
all_curves: Final[dict[str, sa.Select[Any]]] = {
    "sqlite": (  # the values of one curve after the other
        sa.select(measurements.c.value).where(_its_measurements).order_by(measurements.c.trial, measurements.c.epoch)
    ),
    "postgresql": (  # a row for each trial, with the bytes of its values, big-endian
        sa.select(
            measurements.c.trial,
            sa.func.string_agg(
                sa.func.float8send(measurements.c.value),
                postgresql.aggregate_order_by(sa.cast("", sa.LargeBinary), measurements.c.epoch),
            ),
        )
        .where(_its_measurements)
        .group_by(measurements.c.trial)
        .order_by(measurements.c.trial)
    ),
}
curve_of = (
    sa.select(measurements.c.value)
    .where(measurements.c.study_id == _id, measurements.c.trial == sa.bindparam("trial"))
    .order_by(measurements.c.epoch)
)


def _survey(now: sa.ColumnElement[float]) -> sa.Select[Any]:
    """Everything that a few numbers tell, in one look: an exchange asks for more only where there is more."""
    open_jobs = (jobs.c.study_id == _id) & _not_done
    n_workers = sa.select(sa.func.count()).select_from(workers).where(workers.c.study_id == _id).scalar_subquery()
    some = sa.select(jobs.c.number).where(open_jobs).limit(sa.bindparam("enough", type_=sa.Integer()) + n_workers)
    return sa.select(
        now.label("now"),
        n_workers.label("n_workers"),
        _next(trials).label("n_trials"),
        _next(jobs).label("n_jobs"),
        sa.select(sa.func.count()).select_from(some.subquery()).scalar_subquery().label("n_pending"),
        sa.exists().where(open_jobs, jobs.c.state == "ready").label("any_ready"),
    )


def _next(table: sa.Table) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.coalesce(sa.func.max(table.c.number) + 1, 0)).where(table.c.study_id == _id).scalar_subquery()
    )


survey = {
    "sqlite": _survey(sa.bindparam("now", type_=sa.Double())),  # it has no clock but its host's
    "postgresql": _survey(sa.cast(sa.extract("epoch", sa.func.statement_timestamp()), sa.Double())),
}
idle_trials = sa.select(trials.c.number, trials.c.params, trials.c.bracket, trials.c.parent).where(
    trials.c.study_id == _id,
    _is_paused,
    ~sa.exists().where(
        jobs.c.study_id == trials.c.study_id, jobs.c.trial == trials.c.number, sa.text("jobs.state <> 'done'")
    ),
)

_KINDS: Final = (sa.Select, sa.Insert, sa.Update, sa.Delete)
_COMMON: Final = [value for name, value in list(globals().items()) if name[0] != "_" and isinstance(value, _KINDS)]
_BY_DIALECT: Final = (survey, all_curves, upsert_measurements, upsert_checkpoints)
EVERY: Final[dict[str, list[sa.ClauseElement]]] = {
    dialect: [*_COMMON, *(statements[dialect] for statements in _BY_DIALECT)] for dialect in ("sqlite", "postgresql")
}
"""All of them, by dialect."""
