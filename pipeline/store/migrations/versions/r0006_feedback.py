"""Feedback: how alerts looked, harmless patterns, and the alerts that they suppress.

Revision ID: r0006
Revises: r0005
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import FiniteFloat, JsonValue, PlainText, UtcDateTime

revision = "r0006"
down_revision = "r0005"
branch_labels = None
depends_on = None

_REASONS = ("removed", "anomaly", "verdict", "changed")


def upgrade() -> None:
    """Make the tables; the views that read them are made again with every migration."""
    op.create_table(
        "alert_looks",
        sa.Column("alert_id", PlainText(), nullable=False),
        sa.Column("model_id", PlainText(), nullable=False),
        sa.Column("looks", JsonValue(), nullable=False),
        _reference("alert_looks", "alert_id", "alerts.alert_id"),
        _reference("alert_looks", "model_id", "models.model_id"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alert_looks"),
    )
    op.create_table(
        "harmless_patterns",
        *(
            sa.Column(name, PlainText(), nullable=False)
            for name in ("pattern_id", "review_id", "alert_id", "camera", "model_id")
        ),
        sa.Column("made_utc", UtcDateTime(), nullable=False),
        sa.Column("looks", JsonValue(), nullable=False),
        *_end("harmless_patterns"),
        _reference("harmless_patterns", "review_id", "reviews.review_id"),
        _reference("harmless_patterns", "alert_id", "alerts.alert_id"),
        _reference("harmless_patterns", "camera", "cameras.name"),
        _reference("harmless_patterns", "model_id", "models.model_id"),
        sa.PrimaryKeyConstraint("pattern_id", name="pk_harmless_patterns"),
    )
    op.create_index(
        "ix_harmless_patterns_camera_ended_utc", "harmless_patterns", ["camera", "ended_utc"]
    )
    op.create_index("ix_harmless_patterns_alert_id", "harmless_patterns", ["alert_id"])
    op.create_table(
        "alert_suppressions",
        sa.Column("alert_id", PlainText(), nullable=False),
        sa.Column("pattern_id", PlainText(), nullable=False),
        sa.Column("at_utc", UtcDateTime(), nullable=False),
        sa.Column("nearness", FiniteFloat(), nullable=False),
        sa.Column("sinks", JsonValue(), nullable=False),
        *_end("alert_suppressions"),
        _reference("alert_suppressions", "alert_id", "alerts.alert_id"),
        _reference("alert_suppressions", "pattern_id", "harmless_patterns.pattern_id"),
        sa.PrimaryKeyConstraint("alert_id", name="pk_alert_suppressions"),
    )
    op.create_index(
        "ix_alert_suppressions_pattern_id_ended_utc",
        "alert_suppressions",
        ["pattern_id", "ended_utc"],
    )


def _end(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return (
        sa.Column("ended_utc", UtcDateTime(), nullable=True),
        sa.Column("ended_by", PlainText(), nullable=True),
        sa.Column("ended_why", PlainText(), nullable=True),
        sa.CheckConstraint(
            sa.column("ended_why").in_(_REASONS), name=op.f(f"ck_{table}_ended_why")
        ),
    )


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"))
