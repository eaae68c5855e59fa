"""The first schema: studies, trials, jobs, measurements, checkpoints, workers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "studies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("view", sa.Text(), nullable=False, comment="the name of its typed view"),
        sa.Column("direction", sa.Text(), nullable=False, comment="minimize or maximize"),
        sa.Column("metric", sa.Text(), nullable=False, comment="what `value` is: accuracy, rmse, value …"),
        sa.Column("space", sa.JSON(), nullable=False),
        sa.Column("strategy", sa.JSON(), nullable=False),
        sa.Column("objective", sa.JSON(), nullable=False, comment="where the objective comes from"),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column(
            "parallelism",
            sa.Integer(),
            nullable=True,
            comment="the lag of adaptive strategies: its first number of workers",
        ),
        sa.Column(
            "job_order", sa.Text(), nullable=False, comment="reproducible, or free: results count as they arrive"
        ),
        sa.Column("n_trials", sa.Integer(), nullable=True, comment="the total of trials to start"),
        sa.Column("max_epochs", sa.Integer(), nullable=False, comment="the most a trial may train"),
        sa.Column("budget", sa.BigInteger(), nullable=True, comment="a bound on epochs in all"),
        sa.Column("state", sa.Text(), nullable=False, comment="open or complete"),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
        sa.UniqueConstraint("view"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "trials",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("bracket", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column("parent", sa.Integer(), nullable=True, comment="the trial whose weights it inherited"),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False, comment="epochs measured so far"),
        sa.Column("value", sa.Double(), nullable=True, comment="the best of its curve"),
        sa.Column("best_epoch", sa.Integer(), nullable=True, comment="the epoch of that value"),
        sa.Column("stop_reason", sa.JSON(none_as_null=True), nullable=True, comment="why it was stopped early"),
        sa.Column("error", sa.Text(), nullable=True, comment="why it failed, in one line"),
        sa.Column("traceback", sa.Text(), nullable=True),
        sa.Column(
            "attempts", sa.Integer(), nullable=False, comment="workers that died over it since its last job ended"
        ),
        sa.Column("started_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("train_seconds", sa.Double(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "number"),
    )
    op.create_index("trials_by_revision", "trials", ["study_id", "revision"], unique=False)
    op.create_index("trials_by_value", "trials", ["study_id", "state", "value"], unique=False)
    op.create_table(
        "workers",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("launcher", sa.Text(), nullable=False, comment="the process that started it and looks after it"),
        sa.Column("node", sa.Text(), nullable=False, comment="where its process id means something"),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column(
            "process_started", sa.Double(), nullable=False, comment="tells it from a later process of the same id"
        ),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("request", sa.Text(), nullable=True, comment="stop: finish the running epochs, checkpoint and leave"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("workers_by_study", "workers", ["study_id"], unique=False)
    op.create_table(
        "checkpoints",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("format", sa.Text(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "trial"),
    )
    op.create_table(
        "jobs",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False, comment="0, 1, 2 … in the order of the decisions"),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("from_epoch", sa.Integer(), nullable=False),
        sa.Column("until_epoch", sa.Integer(), nullable=False),
        sa.Column("bracket", sa.Integer(), nullable=False),
        sa.Column("rung", sa.Integer(), nullable=False),
        sa.Column(
            "seen",
            sa.Integer(),
            nullable=True,
            comment="the last job whose result the decision saw; null: all that were in",
        ),
        sa.Column("reason", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False, comment="ready, running or done"),
        sa.Column("outcome", sa.Text(), nullable=True, comment="the state it left its trial in"),
        sa.Column("end_epoch", sa.Integer(), nullable=True),
        sa.Column("worker", sa.Text(), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("decided_at", sa.Double(), nullable=False),
        sa.Column("decided_revision", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "number"),
    )
    op.create_index("jobs_by_revision", "jobs", ["study_id", "revision"], unique=False)
    op.create_index("jobs_by_trial", "jobs", ["study_id", "trial"], unique=False)
    op.create_index(
        "jobs_not_done",
        "jobs",
        ["study_id", "state", "trial"],
        unique=False,
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "measurements",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("metrics", sa.JSON(none_as_null=True), nullable=True, comment="whatever else the objective measured"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "trial", "epoch"),
        sqlite_with_rowid=False,
    )
