"""Drift checks, and candidates beside active models.

Revision ID: r0010
Revises: r0009
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import FiniteFloat, JsonValue, PlainText, UtcDateTime

revision = "r0010"
down_revision = "r0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; views are made again with every migration."""
    _drift()
    _model_trials()


def _drift() -> None:
    op.create_table(
        "drift",
        *(
            sa.Column(name, PlainText(), nullable=False)
            for name in ("drift_id", "model_id", "camera", "statistic")
        ),
        sa.Column("severity", PlainText(), nullable=True),
        sa.Column("evidence", FiniteFloat(), nullable=False),
        *(sa.Column(name, UtcDateTime(), nullable=True) for name in ("since_utc", "found_utc")),
        *(sa.Column(name, FiniteFloat(), nullable=True) for name in ("usual", "recent", "spreads")),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("reference_samples", "samples")
        ),
        *(
            sa.Column(name, UtcDateTime(), nullable=False)
            for name in ("first_utc", "last_utc", "checked_utc")
        ),
        sa.CheckConstraint(
            sa.column("severity").in_(("slight", "serious")), name=op.f("ck_drift_severity")
        ),
        sa.ForeignKeyConstraint(["model_id"], ["models.model_id"], name=op.f("fk_drift_model_id")),
        sa.ForeignKeyConstraint(["camera"], ["cameras.name"], name=op.f("fk_drift_camera")),
        sa.PrimaryKeyConstraint("drift_id", name="pk_drift"),
    )
    op.create_index("ix_drift_camera_checked_utc", "drift", ["camera", "checked_utc"])


def _model_trials() -> None:
    op.create_table(
        "model_trials",
        *(
            sa.Column(name, PlainText(), nullable=False)
            for name in ("comparison_id", "camera", "candidate_id", "active_id", "who")
        ),
        sa.Column("at_utc", UtcDateTime(), nullable=False),
        sa.Column("not_worse", sa.Boolean(), nullable=False),
        sa.Column("figures", JsonValue(), nullable=False),
        sa.ForeignKeyConstraint(["camera"], ["cameras.name"], name=op.f("fk_model_trials_camera")),
        *(
            sa.ForeignKeyConstraint(
                [name], ["models.model_id"], name=op.f(f"fk_model_trials_{name}")
            )
            for name in ("candidate_id", "active_id")
        ),
        sa.PrimaryKeyConstraint("comparison_id", name="pk_model_trials"),
    )
    op.create_index("ix_model_trials_camera_at_utc", "model_trials", ["camera", "at_utc"])
    op.create_index("ix_model_trials_candidate_id", "model_trials", ["candidate_id"])
