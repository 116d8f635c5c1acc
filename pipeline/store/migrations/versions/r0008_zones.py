"""Zones: parts of a camera's picture with rules of their own, and what was seen in each.

Revision ID: r0008
Revises: r0007
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import JsonValue, PlainText

revision = "r0008"
down_revision = "r0007"
branch_labels = None
depends_on = None

_JSON = (("cameras", "mask_names", "[]"), ("cameras", "zones", "[]"), ("anomalies", "parts", "{}"))
_TEXT = (("cameras", "closed_hours"), ("events", "zone"), ("alerts", "zone"))


def upgrade() -> None:
    """Add the columns; what is there has no zones. The defaults stay, so that no row is written
    again."""
    for table, name, empty in _JSON:
        op.add_column(table, sa.Column(name, JsonValue(), nullable=False, server_default=empty))
    for table, name in _TEXT:
        op.add_column(table, sa.Column(name, PlainText(), nullable=False, server_default=""))
