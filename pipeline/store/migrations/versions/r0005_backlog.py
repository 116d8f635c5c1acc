"""Health events of footage that was let go because it could not be scored in time.

Revision ID: r0005
Revises: r0004
"""

import sqlalchemy as sa
from alembic import op

revision = "r0005"
down_revision = "r0004"
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
)


def upgrade() -> None:
    """Let the column hold one value more."""
    name = op.f("ck_health_events_trouble")
    with op.batch_alter_table("health_events") as table:
        table.drop_constraint(name, type_="check")
        table.create_check_constraint(name, sa.column("trouble").in_(_TROUBLES))
