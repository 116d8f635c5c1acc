"""Users, their sessions, and verdicts that were taken back.

Revision ID: r0002
Revises: r0001
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import JsonValue, PlainText, UtcDateTime

revision = "r0002"
down_revision = "r0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the three tables."""
    op.create_table(
        "users",
        sa.Column("name", PlainText(), nullable=False),
        sa.Column("role", PlainText(), nullable=False),
        sa.Column("cameras", JsonValue(), nullable=False),
        sa.Column("password_hash", PlainText(), nullable=False),
        sa.Column("created_utc", UtcDateTime(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("failed_logins", sa.BigInteger(), nullable=False),
        sa.Column("locked_until_utc", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            sa.column("role").in_(("viewer", "reviewer", "admin")), name=op.f("ck_users_role")
        ),
        sa.PrimaryKeyConstraint("name", name="pk_users"),
    )
    op.create_table(
        "sessions",
        sa.Column("token_sha256", PlainText(), nullable=False),
        sa.Column("user", PlainText(), nullable=False),
        sa.Column("csrf", PlainText(), nullable=False),
        sa.Column("created_utc", UtcDateTime(), nullable=False),
        sa.Column("expires_utc", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["users.name"], name=op.f("fk_sessions_user")),
        sa.PrimaryKeyConstraint("token_sha256", name="pk_sessions"),
    )
    op.create_table(
        "withdrawn_reviews",
        sa.Column("review_id", PlainText(), nullable=False),
        sa.Column("who", PlainText(), nullable=False),
        sa.Column("at_utc", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["reviews.review_id"], name=op.f("fk_withdrawn_reviews_review_id")
        ),
        sa.PrimaryKeyConstraint("review_id", name="pk_withdrawn_reviews"),
    )
