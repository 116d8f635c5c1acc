"""Models and messages under retention: how long, which are gone; the schedule announces anew.

The view camera_health, made again with every migration, counts what no model has scored that is or
was active.

Revision ID: r0012
Revises: r0011
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import UtcDateTime

revision = "r0012"
down_revision = "r0011"
branch_labels = None
depends_on = None

_KINDS = ("footage", "evidence", "reports", "deliveries", "models", "scores", "summaries")


def upgrade() -> None:
    """Make the columns, and let removals be of models and messages."""
    op.add_column("models", sa.Column("files_removed_utc", UtcDateTime(), nullable=True))
    op.add_column("retention_policies", sa.Column("model_days", sa.BigInteger(), nullable=True))
    with op.batch_alter_table("removals") as table:
        table.drop_constraint(op.f("ck_removals_kind"), type_="check")
        table.create_check_constraint(op.f("ck_removals_kind"), sa.column("kind").in_(_KINDS))
    # What was announced did not tell of models: an upgrade must not remove them unannounced.
    op.execute("UPDATE retention_policies SET announced_utc = NULL")
