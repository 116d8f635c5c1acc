"""Lighting: in which light a camera's scene was; switches between lights are told with health.

Revision ID: r0009
Revises: r0008
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import PlainText, UtcDateTime

revision = "r0009"
down_revision = "r0008"
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
    "backlog",
    "state_change",
)


def upgrade() -> None:
    """Make the table, and let health events be switches of light."""
    op.create_table(
        "lighting",
        *(
            sa.Column(name, PlainText(), nullable=False)
            for name in ("lighting_id", "segment_id", "camera", "state")
        ),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("start_us", "end_us")),
        *(sa.Column(name, UtcDateTime(), nullable=False) for name in ("start_utc", "end_utc")),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segments.segment_id"], name=op.f("fk_lighting_segment_id")
        ),
        sa.ForeignKeyConstraint(["camera"], ["cameras.name"], name=op.f("fk_lighting_camera")),
        sa.PrimaryKeyConstraint("lighting_id", name="pk_lighting"),
    )
    op.create_index("ix_lighting_camera_end_utc", "lighting", ["camera", "end_utc"])
    op.create_index("ix_lighting_segment_id", "lighting", ["segment_id"])
    with op.batch_alter_table("health_events") as table:
        table.drop_constraint(op.f("ck_health_events_trouble"), type_="check")
        table.create_check_constraint(
            op.f("ck_health_events_trouble"), sa.column("trouble").in_(_TROUBLES)
        )
