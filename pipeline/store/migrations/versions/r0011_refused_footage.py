"""An index of refused footage, and camera_health by it: pages do not read through all files.

Revision ID: r0011
Revises: r0010
"""

import sqlalchemy as sa
from alembic import op

revision = "r0011"
down_revision = "r0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index; views are made again with every migration."""
    refused = sa.column("verdict") == "refused"
    op.create_index(
        "ix_footage_refused",
        "footage",
        ["camera"],
        sqlite_where=refused,
        postgresql_where=refused,
    )
