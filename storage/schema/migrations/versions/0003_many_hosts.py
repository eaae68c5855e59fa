"""What a team needs: a trail of interventions, a policy for failures, studies that change, indexes for long ones."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_USABLE = "value IS NOT NULL AND state NOT IN ('failed', 'discarded')"


def upgrade() -> None:
    """Add columns to studies, a table, and indexes in place of one."""
    op.add_column(
        "studies",
        sa.Column(
            "horizon",
            sa.Integer(),
            nullable=True,
            comment="the epochs that schedules are laid out for: max_epochs as it was at first; null: as it is",
        ),
    )
    op.add_column(
        "studies",
        sa.Column("trial_timeout", sa.Double(), nullable=True, comment="seconds after which a job's process is ended"),
    )
    op.add_column(
        "studies",
        sa.Column(
            "retries",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("2"),
            comment="how often a trial that loses its worker is tried again",
        ),
    )
    op.add_column(
        "studies",
        sa.Column(
            "edition",
            sa.Integer(),
            nullable=False,
            server_default=sa.text("0"),
            comment="rises when the space or max_epochs change: workers read the study anew",
        ),
    )
    if op.get_bind().dialect.name == "postgresql":  # the one that keeps comments
        op.alter_column("studies", "state", comment="open, complete, paused or stopped")
    op.create_table(
        "interventions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("study", sa.Text(), nullable=False, comment="its name at that time"),
        sa.Column("study_id", sa.Integer(), nullable=True, comment="no reference: the trail outlives the study"),
        sa.Column("trial", sa.Integer(), nullable=True, comment="null: about the whole study"),
        sa.Column("action", sa.Text(), nullable=False, comment="retry, discard, extend, pause, stop, delete …"),
        sa.Column("details", sa.JSON(), nullable=False, comment="what was changed, and the reason given"),
        sa.Column("before_job", sa.Integer(), nullable=True, comment="the first job that was decided knowing of it"),
        sa.Column("by_user", sa.Text(), nullable=False),
        sa.Column("by_node", sa.Text(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("interventions_by_study", "interventions", ["study_id"], unique=False)
    op.drop_index("trials_by_value", "trials")
    op.create_index(
        "trials_ranked",
        "trials",
        ["study_id", "value", "number"],
        unique=False,
        sqlite_where=sa.text(_USABLE),
        postgresql_where=sa.text(_USABLE),
    )
    op.create_index(
        "trials_paused",
        "trials",
        ["study_id", "number"],
        unique=False,
        sqlite_where=sa.text("state = 'paused'"),
        postgresql_where=sa.text("state = 'paused'"),
    )
