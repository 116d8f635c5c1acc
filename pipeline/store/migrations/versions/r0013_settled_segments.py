"""Segments say that no model has to score them any more, and an index has those that do not.

Counting what waits read all segments; the view camera_health, made again with every migration, asks
the index.

Revision ID: r0013
Revises: r0012
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import UtcDateTime

revision = "r0013"
down_revision = "r0012"
branch_labels = None
depends_on = None

# When it was scored by the first model that is or was active; else when its footage went.
_SETTLED = """
UPDATE segments SET settled_utc = COALESCE(
    (
        SELECT min(done.at_utc) FROM scored_segments AS done
        JOIN models AS watcher
            ON watcher.model_id = done.model_id AND watcher.activated_utc IS NOT NULL
        WHERE done.segment_id = segments.segment_id
    ),
    (SELECT f.removed_utc FROM footage AS f WHERE f.footage_id = segments.footage_id)
)
"""


def upgrade() -> None:
    """Make the column, fill it, and make the index of segments without it."""
    op.add_column("segments", sa.Column("settled_utc", UtcDateTime(), nullable=True))
    op.execute(_SETTLED)
    unsettled = sa.column("settled_utc").is_(None)
    op.create_index(
        "ix_segments_unsettled",
        "segments",
        ["camera", "start_utc"],
        sqlite_where=unsettled,
        postgresql_where=unsettled,
    )
