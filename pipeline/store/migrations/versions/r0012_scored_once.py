"""camera_health counts what no model has scored that is or was active, not the active one alone.

Revision ID: r0012
Revises: r0011
"""

revision = "r0012"
down_revision = "r0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Change nothing else: views are made again with every migration."""
