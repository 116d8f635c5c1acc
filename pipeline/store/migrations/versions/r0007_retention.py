"""Retention: policies, holds, removals, what removed scores came to; rows say what is gone.

Revision ID: r0007
Revises: r0006
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import FiniteFloat, JsonValue, PlainText, UtcDateTime

revision = "r0007"
down_revision = "r0006"
branch_labels = None
depends_on = None

_KINDS = ("footage", "evidence", "reports", "scores", "summaries")
_REASONS = ("policy", "budget")


def upgrade() -> None:
    """Make the tables, and the columns that say since when something is gone."""
    for table in ("footage", "evidence"):
        op.add_column(table, sa.Column("removed_utc", UtcDateTime(), nullable=True))
    op.add_column("scored_segments", sa.Column("last_clip_utc", UtcDateTime(), nullable=True))
    # Without these, every score that is removed has the database read through all events.
    op.create_index("ix_events_first_anomaly_id", "events", ["first_anomaly_id"])
    op.create_index("ix_events_peak_anomaly_id", "events", ["peak_anomaly_id"])
    _policies()
    _holds()
    _removals()
    _summaries()


def _policies() -> None:
    op.create_table(
        "retention_policies",
        sa.Column("camera", PlainText(), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=True)
            for name in (
                "footage_days",
                "evidence_days",
                "score_days",
                "summary_days",
                "budget_bytes",
            )
        ),
        sa.Column("remove_source", sa.Boolean(), nullable=False),
        sa.Column("announced_utc", UtcDateTime(), nullable=True),
        _camera("retention_policies"),
        sa.PrimaryKeyConstraint("camera", name="pk_retention_policies"),
    )


def _holds() -> None:
    op.create_table(
        "retention_holds",
        sa.Column("hold_id", PlainText(), nullable=False),
        sa.Column("camera", PlainText(), nullable=False),
        sa.Column("alert_id", PlainText(), nullable=True),
        *_times("since_utc", "until_utc"),
        *(sa.Column(name, PlainText(), nullable=False) for name in ("reason", "who")),
        *_times("at_utc"),
        sa.Column("released_utc", UtcDateTime(), nullable=True),
        sa.Column("released_by", PlainText(), nullable=True),
        _camera("retention_holds"),
        sa.ForeignKeyConstraint(
            ["alert_id"], ["alerts.alert_id"], name=op.f("fk_retention_holds_alert_id")
        ),
        sa.PrimaryKeyConstraint("hold_id", name="pk_retention_holds"),
    )
    op.create_index("ix_retention_holds_camera", "retention_holds", ["camera"])
    op.create_index("ix_retention_holds_alert_id", "retention_holds", ["alert_id"])


def _removals() -> None:
    op.create_table(
        "removals",
        *(
            sa.Column(name, PlainText(), nullable=False)
            for name in ("removal_id", "camera", "kind", "why")
        ),
        *_times("since_utc", "until_utc"),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("items", "size_bytes", "unscored_segments")
        ),
        *_times("planned_utc"),
        sa.Column("finished_utc", UtcDateTime(), nullable=True),
        sa.Column("root", PlainText(), nullable=False),
        sa.Column("files", JsonValue(), nullable=False),
        sa.CheckConstraint(sa.column("kind").in_(_KINDS), name=op.f("ck_removals_kind")),
        sa.CheckConstraint(sa.column("why").in_(_REASONS), name=op.f("ck_removals_why")),
        _camera("removals"),
        sa.PrimaryKeyConstraint("removal_id", name="pk_removals"),
    )
    op.create_index("ix_removals_camera_planned_utc", "removals", ["camera", "planned_utc"])


def _summaries() -> None:
    op.create_table(
        "score_summaries",
        *(sa.Column(name, PlainText(), nullable=False) for name in ("camera", "model_id")),
        *_times("hour_utc"),
        sa.Column("clips", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, FiniteFloat(), nullable=False)
            for name in ("score_sum", "score_max", "p_value_min")
        ),
        *_times("first_utc", "last_utc"),
        _camera("score_summaries"),
        sa.ForeignKeyConstraint(
            ["model_id"], ["models.model_id"], name=op.f("fk_score_summaries_model_id")
        ),
        sa.PrimaryKeyConstraint("camera", "model_id", "hour_utc", name="pk_score_summaries"),
    )


def _camera(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["camera"], ["cameras.name"], name=op.f(f"fk_{table}_camera"))


def _times(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, UtcDateTime(), nullable=False) for name in names]
