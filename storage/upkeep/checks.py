"""What holds in a sound database, beside what the database itself enforces; and what to do where it does not."""

import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import DBAPIError

from storage.codec import FORMAT, decode, digest
from storage.errors import CheckpointError
from storage.schema.tables import VERSION_TABLE, checkpoints, jobs, measurements, metadata, studies, trials, workers
from storage.schema.views import STABLE_VIEWS
from storage.studies import is_by_hand

_ANSWERED: Final = 100  # rows that a view is asked for
_SILENT: Final = 60.0  # seconds without a sign of life after which a worker is taken for dead


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, where, and what to do. A `harmless` one mends itself when the search goes on."""

    where: str
    what: str
    advice: str
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """A law by name, and what finds where it is broken, given a connection and the database's time."""

    name: str
    about: str
    find: Callable[[Connection, float], Iterator[Fault]]


def _schema(connection: Connection, _now: float) -> Iterator[Fault]:
    from alembic.autogenerate import compare_metadata
    from alembic.runtime.migration import MigrationContext

    options = {
        "version_table": VERSION_TABLE,
        "include_object": lambda _object, name, kind, reflected, _other: (
            kind != "table" or not reflected or name in metadata.tables
        ),
    }
    for difference in compare_metadata(MigrationContext.configure(connection, opts=options), metadata):
        if "comment" in str(difference[0]):  # words about a column, which nothing depends on
            continue
        yield Fault("schema", _told(difference), "somebody has changed the tables by hand: undo it, or restore a copy")


def _told(difference: Any) -> str:
    """Return one of Alembic's differences in words: what it would do to make the tables those of the program."""
    if isinstance(difference, list):
        return "; ".join(_told(part) for part in difference)
    action, *parts = difference
    shown = [getattr(part, "name", part) for part in parts if isinstance(part, str) or hasattr(part, "name")]
    return f"{action.replace('_', ' ')} {'.'.join(str(part) for part in shown if part is not None)} is needed"


def _references(connection: Connection, _now: float) -> Iterator[Fault]:
    for table in metadata.sorted_tables:
        for key in sorted(table.foreign_key_constraints, key=lambda key: tuple(key.column_keys)):
            parent = key.referred_table.alias("parent")
            pairs = [(element.parent, parent.c[element.column.name]) for element in key.elements]
            missing = sa.exists().where(*(child == there for child, there in pairs))
            count = sa.select(sa.func.count()).select_from(table).where(~missing)
            if orphans := connection.execute(count).scalar_one():
                yield Fault(
                    table.name,
                    f"{orphans:,} rows belong to no row of {key.referred_table.name}",
                    "rows were deleted by hand with foreign keys off: delete these as well, or restore a copy",
                )


def _views(connection: Connection, _now: float) -> Iterator[Fault]:
    own = {row.view: row.name for row in connection.execute(sa.select(studies.c.name, studies.c.view))}
    for view in (*STABLE_VIEWS[connection.dialect.name], *own):
        try:
            with connection.begin_nested():
                rows = sa.select(sa.text("*")).select_from(sa.table(view)).limit(_ANSWERED)
                connection.execute(rows).all()
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0]
            whose = f"the view of study {own[view]!r}" if view in own else "a view of the program"
            mended = "" if view in own else ", and `hpo db upgrade` makes the view anew"
            yield Fault(view, f"{whose} does not answer: {reason}", f"no data is lost: the tables hold it all{mended}")


def _trial_numbers(connection: Connection, _now: float) -> Iterator[Fault]:
    for table, what in ((trials, "trials"), (jobs, "jobs")):
        first, last, count = sa.func.min(table.c.number), sa.func.max(table.c.number), sa.func.count()
        query = _by_study(table, first.label("first"), last.label("last"), count.label("n"))
        for row in connection.execute(query.having((first != 0) | (last != count - 1))):
            told = f"{row.n:,} {what} are numbered {row.first} to {row.last}: some are missing"
            yield Fault(
                row.name, told, "rows were deleted by hand, and the search cannot go on as it was: restore a copy"
            )


def _by_study(table: sa.Table, *columns: Any) -> sa.Select[Any]:
    joined = sa.select(studies.c.name, *columns).join_from(studies, table, table.c.study_id == studies.c.id)
    return joined.group_by(studies.c.id, studies.c.name).order_by(studies.c.id)


_OF_A_JOB: Final = (studies.c.name, jobs.c.number, jobs.c.trial)


def _jobs(connection: Connection, _now: float) -> Iterator[Fault]:
    query = sa.select(*_OF_A_JOB).join_from(jobs, studies, studies.c.id == jobs.c.study_id)
    laws = {
        "is to end before it begins": jobs.c.until_epoch < jobs.c.from_epoch,
        "is in no state that there is": jobs.c.state.not_in(("ready", "running", "done")),
        "is done, and has left no outcome": (jobs.c.state == "done")
        & (jobs.c.outcome.is_(None) | jobs.c.end_epoch.is_(None)),
        "is running, and nobody holds it": (jobs.c.state == "running")
        & (jobs.c.worker.is_(None) | jobs.c.lease_until.is_(None)),
        "is ready, and somebody holds it": (jobs.c.state == "ready") & jobs.c.worker.is_not(None),
    }
    for what, broken in laws.items():
        for row in connection.execute(query.where(broken)):
            yield Fault(f"{row.name}, job {row.number}", f"it {what}", _BY_HAND)


_BY_HAND: Final = "somebody has written to the tables by hand: undo it, or restore a copy"


def _trials(connection: Connection, _now: float) -> Iterator[Fault]:
    mine = (jobs.c.study_id == trials.c.study_id) & (jobs.c.trial == trials.c.number)
    open_jobs = sa.select(sa.func.count()).where(mine, jobs.c.state != "done").scalar_subquery()
    running = sa.exists().where(mine, jobs.c.state == "running")
    ended = trials.c.state.not_in(("running", "paused"))
    query = sa.select(studies.c.name, trials.c.number, trials.c.state).join_from(
        trials, studies, studies.c.id == trials.c.study_id
    )
    laws = {
        "has more than one job that is not done": open_jobs > 1,
        "is over, and has a job that is not done": ended & (open_jobs > 0),
        "has no job that is running": (trials.c.state == "running") & ~running,
        "has a job that is running": (trials.c.state == "paused") & running,
    }
    for what, broken in laws.items():
        for row in connection.execute(query.where(broken)):
            yield Fault(f"{row.name}, trial {row.number}", f"it is {row.state} and {what}", _BY_HAND)


def _curves(connection: Connection, _now: float) -> Iterator[Fault]:
    """Compare a trial's row with its measurements: how many, up to which epoch, the best of them and where it was."""
    for study in connection.execute(sa.select(studies.c.id, studies.c.name, studies.c.direction)).all():
        m = measurements
        best = (sa.func.max if study.direction == "maximize" else sa.func.min)(m.c.value)
        of_trial = (
            sa.select(m.c.trial, sa.func.count().label("n"), sa.func.max(m.c.epoch).label("last"), best.label("best"))
            .where(m.c.study_id == study.id)
            .group_by(m.c.trial)
            .subquery()
        )
        first = (
            sa.select(sa.func.min(m.c.epoch))
            .where(m.c.study_id == study.id, m.c.trial == trials.c.number, m.c.value == of_trial.c.best)
            .scalar_subquery()
        )
        n, last = sa.func.coalesce(of_trial.c.n, 0), sa.func.coalesce(of_trial.c.last, 0)
        laws = {
            "its measurements are not those of epochs 1, 2, 3 …": n != last,
            "its number of epochs is not that of its measurements": trials.c.epochs != last,
            "its value is not the best of its curve": trials.c.value.is_distinct_from(of_trial.c.best),
            "its best epoch is not where its curve was best": trials.c.best_epoch.is_distinct_from(first),
        }
        columns = [broken.label(f"law_{index}") for index, broken in enumerate(laws.values())]
        query = (
            sa.select(trials.c.number, *columns)
            .outerjoin_from(trials, of_trial, of_trial.c.trial == trials.c.number)
            .where(trials.c.study_id == study.id, sa.or_(*laws.values()))
            .order_by(trials.c.number)
        )
        for row in connection.execute(query):
            told = [what for what, broken in zip(laws, row[1:], strict=True) if broken]
            yield Fault(f"{study.name}, trial {row.number}", "; ".join(told), _BY_HAND)


def _checkpoints(connection: Connection, _now: float) -> Iterator[Fault]:
    """Decode each checkpoint, one at a time; and compare how far it is with how far its trial is."""
    c = checkpoints
    belongs = (trials.c.study_id == c.c.study_id) & (trials.c.number == c.c.trial)
    every = (
        sa.select(c.c.study_id, c.c.trial, c.c.epoch, studies.c.name, trials.c.epochs)
        .join_from(c, studies, studies.c.id == c.c.study_id)
        .join(trials, belongs)
        .order_by(c.c.study_id, c.c.trial)
    )
    for key in connection.execute(every).all():
        kept = connection.execute(sa.select(c).where(c.c.study_id == key.study_id, c.c.trial == key.trial)).one()
        wrong = _wrong_with(kept)
        if wrong is None and kept.epoch > key.epochs:
            wrong = f"it is of epoch {kept.epoch}, and {key.epochs} are on record"
        if wrong is not None:
            advice = (
                "delete the row: the trial begins again from its first epoch, and its measurements come out the same"
            )
            yield Fault(f"{key.name}, trial {key.trial}", f"its checkpoint is damaged: {wrong}", advice)


def _wrong_with(kept: Row[Any]) -> str | None:
    if digest(kept.data) != kept.sha256:
        return "it does not match its SHA-256"
    if kept.format != FORMAT:
        return f"its format is {kept.format!r}, and this program reads {FORMAT!r}"
    try:
        decode(kept.data)
    except CheckpointError as error:
        return str(error)
    return None


def _json(connection: Connection, _now: float) -> Iterator[Fault]:
    """Parse every JSON value; PostgreSQL has done so when they were written."""
    if connection.dialect.name != "sqlite":
        return
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, sa.JSON):
                text = sa.type_coerce(column, sa.Text)
                broken = sa.select(sa.func.count()).where(text.is_not(None), sa.func.json_valid(text) == 0)
                if count := connection.execute(broken).scalar_one():
                    yield Fault(f"{table.name}.{column.name}", f"{count:,} values are no JSON", _BY_HAND)


def _workers(connection: Connection, now: float) -> Iterator[Fault]:
    """Find who has given no sign of life, and what nobody has renewed the lease of: the next worker sees to it."""
    silent = (
        sa.select(workers.c.id, workers.c.seen_at, studies.c.name, studies.c.objective)
        .join_from(workers, studies, studies.c.id == workers.c.study_id)
        .where(workers.c.seen_at < now - _SILENT)
    )
    for row in connection.execute(silent):
        told, name = f"no sign of life for {now - row.seen_at:,.0f} s: ", shlex.quote(row.name)
        if is_by_hand(row.objective):
            told += "it evaluates by hand what it has asked for, or is gone"
            remedy = f"hpo stop {name} TRIAL, for one that nobody will tell"
        else:
            told += "it was killed, or its host is gone"
            remedy = f"hpo resume {name}"
        yield Fault(f"{row.name}, worker {row.id}", told, remedy, harmless=True)
    lapsed = (
        sa.select(*_OF_A_JOB, jobs.c.lease_until, jobs.c.worker)
        .join_from(jobs, studies, studies.c.id == jobs.c.study_id)
        .where(jobs.c.state == "running", jobs.c.lease_until < now)
    )
    for job in connection.execute(lapsed):
        told = f"the lease of {job.worker} ran out {now - job.lease_until:,.0f} s ago"
        yield Fault(f"{job.name}, job {job.number}", told, f"hpo resume {shlex.quote(job.name)}", harmless=True)


CHECKS: Final = (
    Check("schema", "tables, columns and indexes are those of the program", _schema),
    Check("references", "no row belongs to what is not there", _references),
    Check("json", "what is JSON can be read", _json),
    Check("views", "every view is there and answers", _views),
    Check("numbers", "trials and jobs are numbered 0, 1, 2 … without gaps", _trial_numbers),
    Check("jobs", "each job is in a state that can be", _jobs),
    Check("trials", "each trial is in the state that its jobs are in", _trials),
    Check("curves", "each trial's epochs, value and best epoch are those of its measurements", _curves),
    Check("checkpoints", "every checkpoint matches its hash and can be decoded", _checkpoints),
    Check("workers", "no lease of a dead worker's is left", _workers),
)
"""What holds in a sound database, in the order in which it is checked."""
