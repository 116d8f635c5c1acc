"""Health events: when a camera could not see although its footage is in order.

Revision ID: r0004
Revises: r0003
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import PlainText, UtcDateTime

revision = "r0004"
down_revision = "r0003"
branch_labels = None
depends_on = None

_TROUBLES = (
    "frozen",
    "black",
    "covered",
    "out_of_focus",
    "moved",
    "moved_slightly",
    "frame_rate_down",
)


def upgrade() -> None:
    """Make the table; the views that count blind time are made again with every migration."""
    op.create_table(
        "health_events",
        *(
            sa.Column(name, PlainText(), nullable=False)
            for name in ("health_id", "segment_id", "footage_id", "camera", "trouble")
        ),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("start_us", "end_us", "found_us")
        ),
        *(sa.Column(name, UtcDateTime(), nullable=False) for name in ("start_utc", "end_utc")),
        sa.Column("detail", PlainText(), nullable=False),
        sa.CheckConstraint(
            sa.column("trouble").in_(_TROUBLES), name=op.f("ck_health_events_trouble")
        ),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.segment_id"], name=op.f("fk_health_events_segment_id")
        ),
        sa.ForeignKeyConstraint(
            ["footage_id"], ["footage.footage_id"], name=op.f("fk_health_events_footage_id")
        ),
        sa.ForeignKeyConstraint(["camera"], ["cameras.name"], name=op.f("fk_health_events_camera")),
        sa.PrimaryKeyConstraint("health_id", name="pk_health_events"),
    )
    op.create_index("ix_health_events_camera_end_utc", "health_events", ["camera", "end_utc"])
    op.create_index("ix_health_events_segment_id", "health_events", ["segment_id"])
