"""Questions people ask of a study, each answered by a query or two that do not read the whole history."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Row

from storage.codec import decode, digest
from storage.connection.outages import persistent
from storage.database import Database
from storage.errors import CheckpointError
from storage.schema.tables import MOST, USABLE, checkpoints, jobs, measurements, trials, workers
from storage.studies import StudyRecord
from strategies import Params, State

_USABLE: Final = sa.text(USABLE)


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial as the database holds it; `value` is the best of its curve, in the study's direction."""

    number: int
    params: Params
    state: State
    value: float | None
    epochs: int
    best_epoch: int | None
    seed: int
    bracket: int
    rung: int
    parent: int | None
    stop_reason: Mapping[str, Any] | None
    error: str | None
    traceback: str | None
    attempts: int
    started_at: float | None
    finished_at: float | None
    train_seconds: float


@dataclass(frozen=True, slots=True)
class RunningJob:
    """A job in training: by whom, and how far it is."""

    trial: int
    epochs: int
    until_epoch: int
    value: float | None
    worker: str
    since_seen: float


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision about a trial that made a job: to train it from one epoch to another, and why."""

    number: int
    from_epoch: int
    until_epoch: int
    bracket: int
    rung: int
    reason: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Failure:
    """An error, the number of trials that failed with it, and the first of them."""

    error: str
    count: int
    example: int


@dataclass(frozen=True, slots=True)
class Overview:
    """How far a study is."""

    state: str
    states: Mapping[State, int]
    epochs: int
    train_seconds: float
    best: TrialRecord | None
    running: Sequence[RunningJob]
    workers: int
    started_at: float | None
    now: float

    @property
    def trials(self) -> int:
        """How many trials have started."""
        return sum(self.states.values())


@persistent
def overview(database: Database, study: StudyRecord) -> Overview:
    """Return how far the study is, as of one moment."""
    with database.read() as connection:
        now = database.now(connection)
        mine = trials.c.study_id == study.id
        rows = connection.execute(
            sa.select(
                trials.c.state,
                sa.func.count(),
                sa.func.sum(trials.c.epochs),
                sa.func.sum(trials.c.train_seconds),
                sa.func.min(trials.c.started_at),
            )
            .where(mine)
            .group_by(trials.c.state)
        ).all()
        best = connection.execute(_ranked(study).limit(1)).one_or_none()
        running = connection.execute(
            sa.select(
                jobs.c.trial, trials.c.epochs, jobs.c.until_epoch, trials.c.value, jobs.c.worker, workers.c.seen_at
            )
            .join(trials, (trials.c.study_id == jobs.c.study_id) & (trials.c.number == jobs.c.trial))
            .outerjoin(workers, workers.c.id == jobs.c.worker)
            .where(jobs.c.study_id == study.id, jobs.c.state == "running", sa.text("jobs.state <> 'done'"))
            .order_by(jobs.c.trial)
        ).all()
        count = connection.execute(
            sa.select(sa.func.count()).select_from(workers).where(workers.c.study_id == study.id)
        ).scalar_one()
        state = connection.execute(
            sa.text("SELECT state FROM studies WHERE id = :id"), {"id": study.id}
        ).scalar_one_or_none()
    return Overview(
        state=state or "deleted",
        states={State(row[0]): row[1] for row in rows},
        epochs=sum(row[2] for row in rows),
        train_seconds=sum(row[3] for row in rows),
        best=None if best is None else _trial(best),
        running=[RunningJob(*row[:5], since_seen=now - (row.seen_at or now)) for row in running],
        workers=count,
        started_at=min((row[4] for row in rows if row[4] is not None), default=None),
        now=now,
    )


@persistent
def list_failures(database: Database, study: StudyRecord) -> list[Failure]:
    """Return the errors that trials failed with, the most frequent first."""
    count, example = sa.func.count(), sa.func.min(trials.c.number)
    query = (
        sa.select(sa.func.coalesce(trials.c.error, "unknown"), count, example)
        .where(trials.c.study_id == study.id, trials.c.state == State.FAILED)
        .group_by(trials.c.error)
        .order_by(count.desc(), example)
    )
    with database.read() as connection:
        return [Failure(*row) for row in connection.execute(query)]


@persistent
def epochs_saved(database: Database, study: StudyRecord) -> int:
    """Return how many more epochs the stopped trials would have trained, had each gone on as long as the longest.

    What a pause or a failure left untrained is not saved; nor is what an objective that ends by itself never had.
    """
    longest, count, trained = sa.func.max(trials.c.epochs), sa.func.count(), sa.func.sum(trials.c.epochs)
    mine = trials.c.study_id == study.id
    ended = sa.select(longest).where(mine, trials.c.state.in_((State.COMPLETE, State.STOPPED)))
    stopped = sa.select(count, trained).where(mine, trials.c.state == State.STOPPED)
    with database.read() as connection:
        number, epochs = connection.execute(stopped).one()
        most = connection.execute(ended).scalar_one()
    return int(number * most - epochs) if number else 0


@persistent
def list_trials(
    database: Database,
    study: StudyRecord,
    *,
    states: Sequence[State] = (),
    best_first: bool = False,
    limit: int | None = None,
) -> list[TrialRecord]:
    """Return trials by number, or the best first (then without those that have no value, failed or were discarded)."""
    query = _ranked(study) if best_first else _all(study).order_by(trials.c.number)
    if states:
        query = query.where(trials.c.state.in_(states))
    with database.read() as connection:
        return [_trial(row) for row in connection.execute(query.limit(limit))]


@persistent
def get_trial(database: Database, study: StudyRecord, number: int) -> TrialRecord | None:
    """Return the trial of that number, if there is one."""
    if not 0 <= number <= MOST:
        return None
    with database.read() as connection:
        row = connection.execute(_all(study).where(trials.c.number == number)).one_or_none()
    return None if row is None else _trial(row)


@persistent
def list_decisions(database: Database, study: StudyRecord, trial: int) -> list[DecisionRecord]:
    """Return the decisions about a trial, in the order in which they were taken."""
    columns = (jobs.c.number, jobs.c.from_epoch, jobs.c.until_epoch, jobs.c.bracket, jobs.c.rung, jobs.c.reason)
    query = sa.select(*columns).where(jobs.c.study_id == study.id, jobs.c.trial == trial).order_by(jobs.c.number)
    with database.read() as connection:
        return [DecisionRecord(*row) for row in connection.execute(query)]


@persistent
def rank_of(database: Database, study: StudyRecord, trial: int) -> tuple[int, int, int] | None:
    """Return a trial's rank by value, how many share it, and how many have a value; None for one without."""
    mine = (trials.c.study_id == study.id, _USABLE)
    with database.read() as connection:
        value = connection.execute(
            sa.select(trials.c.value).where(*mine, trials.c.number == trial)
        ).scalar_one_or_none()
        if value is None:
            return None
        better = trials.c.value > value if study.spec.direction == "maximize" else trials.c.value < value
        equal = trials.c.value == value
        ahead, equals = (sa.func.count(sa.case((condition, 1))) for condition in (better, equal))
        found = connection.execute(sa.select(ahead + 1, equals, sa.func.count()).where(*mine)).one()
    return found[0], found[1], found[2]


@persistent
def read_curves(
    database: Database, study: StudyRecord, numbers: Sequence[int] | None = None
) -> dict[int, list[tuple[int, float, Mapping[str, float], float]]]:
    """Return (epoch, value, other metrics, seconds) of each epoch of the chosen trials, or of all."""
    query = (
        sa.select(measurements)
        .where(measurements.c.study_id == study.id)
        .order_by(measurements.c.trial, measurements.c.epoch)
    )
    if numbers is not None:
        query = query.where(measurements.c.trial.in_([each for each in numbers if 0 <= each <= MOST]))
    curves: dict[int, list[tuple[int, float, Mapping[str, float], float]]] = {}
    with database.read() as connection:
        for row in connection.execute(query):
            curves.setdefault(row.trial, []).append((row.epoch, row.value, row.metrics or {}, row.seconds))
    return curves


@persistent
def read_state(database: Database, study: StudyRecord, number: int) -> tuple[int, Mapping[str, Any]] | None:
    """Return the epoch and the state of a trial's checkpoint; None when none is kept."""
    with database.read() as connection:
        row = connection.execute(
            sa.select(checkpoints).where(checkpoints.c.study_id == study.id, checkpoints.c.trial == number)
        ).one_or_none()
    if row is None:
        return None
    if digest(row.data) != row.sha256:
        raise CheckpointError(f"the checkpoint of trial {number} does not match its SHA-256: the database is damaged")
    return row.epoch, decode(row.data)


def _all(study: StudyRecord) -> sa.Select[Any]:
    return sa.select(trials).where(trials.c.study_id == study.id)


def _ranked(study: StudyRecord) -> sa.Select[Any]:
    value = trials.c.value
    order = value.desc() if study.spec.direction == "maximize" else value.asc()
    return _all(study).where(_USABLE).order_by(order, trials.c.number)


def _trial(row: Row[Any]) -> TrialRecord:
    fields = {name: getattr(row, name) for name in TrialRecord.__dataclass_fields__}
    return TrialRecord(**fields | {"state": State(row.state)})
