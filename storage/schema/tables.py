"""The schema. `migrations/` makes it; a test holds the two equal.

Times are seconds since 1970 (UTC) by the database's clock. Values are in the study's own direction. `revision` is the
study's revision in which a row last changed in a way that decisions depend on: a worker that knows revision r needs to
read only rows with a later one.
"""

from typing import Final

import sqlalchemy as sa

SCHEMA: Final = "0003"
"""The newest migration: the schema this program reads and writes."""

MOST: Final = 2**31 - 1
"""The largest whole number in a column of `Integer`, on every database: of trials, epochs, workers, repetitions."""

VERSION_TABLE: Final = "hpo_alembic_version"
"""Ours alone: another tool's migrations may live in the same database."""

USABLE: Final = "value IS NOT NULL AND state NOT IN ('failed', 'discarded')"
"""The condition of the index that ranks trials: a query has to spell it like this to be answered from it."""

PAUSED: Final = "state = 'paused'"
"""The condition of the index of paused trials; likewise."""

metadata = sa.MetaData()

_Text = sa.Text()
_Real: sa.Double[float] = sa.Double()
_Int = sa.BigInteger()


def _study_key() -> sa.Column[int]:
    return sa.Column("study_id", sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True)


studies = sa.Table(
    "studies",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", _Text, nullable=False, unique=True),
    sa.Column("view", _Text, nullable=False, unique=True, comment="the name of its typed view"),
    sa.Column("direction", _Text, nullable=False, comment="minimize or maximize"),
    sa.Column("metric", _Text, nullable=False, comment="what `value` is: accuracy, rmse, value …"),
    sa.Column("space", sa.JSON, nullable=False),
    sa.Column("strategy", sa.JSON, nullable=False),
    sa.Column("objective", sa.JSON, nullable=False, comment="where the objective comes from"),
    sa.Column("seed", _Int, nullable=False),
    sa.Column("parallelism", sa.Integer, comment="the lag of adaptive strategies: its first number of workers"),
    sa.Column("job_order", _Text, nullable=False, comment="reproducible, or free: results count as they arrive"),
    sa.Column("n_trials", sa.Integer, comment="the total of trials to start"),
    sa.Column("max_epochs", sa.Integer, nullable=False, comment="the most a trial may train"),
    sa.Column("budget", _Int, comment="a bound on epochs in all"),
    sa.Column("state", _Text, nullable=False, comment="open, complete, paused or stopped"),
    sa.Column("revision", _Int, nullable=False),
    sa.Column("created_at", _Real, nullable=False),
    sa.Column("ended_at", _Real),
    sa.Column("tolerance", _Real, comment="it ends when going on can be expected to improve by less"),
    sa.Column("queue", sa.JSON(none_as_null=True), comment="first guesses: points tried before any other"),
    sa.Column("chosen", _Text, comment="why its strategy was chosen for it, in a sentence"),
    sa.Column(
        "horizon",
        sa.Integer,
        comment="the epochs that schedules are laid out for: max_epochs as it was at first; null: as it is",
    ),
    sa.Column("trial_timeout", _Real, comment="seconds after which a job's process is ended"),
    sa.Column(
        "retries",
        sa.Integer,
        nullable=False,
        server_default=sa.text("2"),
        comment="how often a trial that loses its worker is tried again",
    ),
    sa.Column(
        "edition",
        sa.Integer,
        nullable=False,
        server_default=sa.text("0"),
        comment="rises when the space or max_epochs change: workers read the study anew",
    ),
    sqlite_autoincrement=True,  # the id of a deleted study is never another's: a worker of the old one would be misled
)

trials = sa.Table(
    "trials",
    metadata,
    _study_key(),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("params", sa.JSON, nullable=False),
    sa.Column("seed", _Int, nullable=False),
    sa.Column("bracket", sa.Integer, nullable=False),
    sa.Column("rung", sa.Integer, nullable=False),
    sa.Column("parent", sa.Integer, comment="the trial whose weights it inherited"),
    sa.Column("state", _Text, nullable=False),
    sa.Column("epochs", sa.Integer, nullable=False, comment="epochs measured so far"),
    sa.Column("value", _Real, comment="the best of its curve"),
    sa.Column("best_epoch", sa.Integer, comment="the epoch of that value"),
    sa.Column("stop_reason", sa.JSON(none_as_null=True), comment="why it was stopped early"),
    sa.Column("error", _Text, comment="why it failed, in one line"),
    sa.Column("traceback", _Text),
    sa.Column("attempts", sa.Integer, nullable=False, comment="workers that died over it since its last job ended"),
    sa.Column("started_at", _Real),
    sa.Column("finished_at", _Real),
    sa.Column("train_seconds", _Real, nullable=False),
    sa.Column("revision", _Int, nullable=False),
    sa.Index("trials_by_revision", "study_id", "revision"),
    # A leaderboard of any length is read off its top; the few trials between two jobs are found among a million.
    sa.Index(
        "trials_ranked", "study_id", "value", "number", sqlite_where=sa.text(USABLE), postgresql_where=sa.text(USABLE)
    ),
    sa.Index("trials_paused", "study_id", "number", sqlite_where=sa.text(PAUSED), postgresql_where=sa.text(PAUSED)),
)

jobs = sa.Table(
    "jobs",
    metadata,
    _study_key(),
    sa.Column("number", sa.Integer, primary_key=True, comment="0, 1, 2 … in the order of the decisions"),
    sa.Column("trial", sa.Integer, nullable=False),
    sa.Column("from_epoch", sa.Integer, nullable=False),
    sa.Column("until_epoch", sa.Integer, nullable=False),
    sa.Column("bracket", sa.Integer, nullable=False),
    sa.Column("rung", sa.Integer, nullable=False),
    sa.Column("seen", sa.Integer, comment="the last job whose result the decision saw; null: all that were in"),
    sa.Column("reason", sa.JSON, nullable=False),
    sa.Column("state", _Text, nullable=False, comment="ready, running or done"),
    sa.Column("outcome", _Text, comment="the state it left its trial in"),
    sa.Column("end_epoch", sa.Integer),
    sa.Column("worker", _Text),
    sa.Column("lease_until", _Real),
    sa.Column("decided_at", _Real, nullable=False),
    sa.Column("decided_revision", _Int, nullable=False),
    sa.Column("ended_at", _Real),
    sa.Column("revision", _Int, nullable=False),
    sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
    sa.Index("jobs_by_revision", "study_id", "revision"),
    sa.Index("jobs_by_trial", "study_id", "trial"),
    # Only the few jobs that have not ended are ever looked for by state.
    sa.Index(
        "jobs_not_done",
        "study_id",
        "state",
        "trial",
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    ),
)

measurements = sa.Table(
    "measurements",
    metadata,
    _study_key(),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("value", _Real, nullable=False),
    sa.Column("metrics", sa.JSON(none_as_null=True), comment="whatever else the objective measured"),
    sa.Column("seconds", _Real, nullable=False),
    sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
    sqlite_with_rowid=False,
)

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    _study_key(),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("format", _Text, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("sha256", _Text, nullable=False),
    sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
)

confirmations = sa.Table(
    "confirmations",
    metadata,
    _study_key(),
    sa.Column("trial", sa.Integer, primary_key=True),
    sa.Column("repeat", sa.Integer, primary_key=True, comment="0, 1, 2 …: trained again from a fresh seed"),
    sa.Column("seed", _Int, nullable=False),
    sa.Column("epochs", sa.Integer, nullable=False),
    sa.Column("value", _Real, comment="the best of its curve"),
    sa.Column("best_epoch", sa.Integer),
    sa.Column("metrics", sa.JSON(none_as_null=True), comment="whatever else was measured after that epoch"),
    sa.Column("error", _Text, comment="why it failed, in one line"),
    sa.Column("seconds", _Real, nullable=False),
    sa.Column("confirmed_at", _Real, nullable=False),
    sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", _Text, primary_key=True),
    sa.Column("study_id", sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    sa.Column("launcher", _Text, nullable=False, comment="the process that started it and looks after it"),
    sa.Column("node", _Text, nullable=False, comment="where its process id means something"),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("process_started", _Real, nullable=False, comment="tells it from a later process of the same id"),
    sa.Column("started_at", _Real, nullable=False),
    sa.Column("seen_at", _Real, nullable=False),
    sa.Column("request", _Text, comment="stop: finish the running epochs, checkpoint and leave"),
    sa.Index("workers_by_study", "study_id"),
)

interventions = sa.Table(
    "interventions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", _Text, nullable=False, comment="its name at that time"),
    sa.Column("study_id", sa.Integer, comment="no reference: the trail outlives the study"),
    sa.Column("trial", sa.Integer, comment="null: about the whole study"),
    sa.Column("action", _Text, nullable=False, comment="retry, discard, extend, pause, stop, delete …"),
    sa.Column("details", sa.JSON, nullable=False, comment="what was changed, and the reason given"),
    sa.Column("before_job", sa.Integer, comment="the first job that was decided knowing of it"),
    sa.Column("by_user", _Text, nullable=False),
    sa.Column("by_node", _Text, nullable=False),
    sa.Column("at", _Real, nullable=False),
    sa.Index("interventions_by_study", "study_id"),
    sqlite_autoincrement=True,
)
