"""What makes a winner honest, and a search end by itself: confirmations, a tolerance, first guesses."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add three columns to studies, and a table."""
    op.add_column(
        "studies",
        sa.Column(
            "tolerance",
            sa.Double(),
            nullable=True,
            comment="it ends when going on can be expected to improve by less",
        ),
    )
    op.add_column(
        "studies",
        sa.Column(
            "queue",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="first guesses: points tried before any other",
        ),
    )
    op.add_column(
        "studies",
        sa.Column("chosen", sa.Text(), nullable=True, comment="why its strategy was chosen for it, in a sentence"),
    )
    op.create_table(
        "confirmations",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("repeat", sa.Integer(), nullable=False, comment="0, 1, 2 …: trained again from a fresh seed"),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("epochs", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True, comment="the best of its curve"),
        sa.Column("best_epoch", sa.Integer(), nullable=True),
        sa.Column(
            "metrics",
            sa.JSON(none_as_null=True),
            nullable=True,
            comment="whatever else was measured after that epoch",
        ),
        sa.Column("error", sa.Text(), nullable=True, comment="why it failed, in one line"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("confirmed_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["study_id", "trial"], ["trials.study_id", "trials.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["study_id"], ["studies.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("study_id", "trial", "repeat"),
    )
