"""A delivery is of one alert to one sink; digests tell of several alerts in one message.

A delivery that nobody had tried yet named no sink: it was meant for the folder of files.

Revision ID: r0003
Revises: r0002
"""

import sqlalchemy as sa
from alembic import op

from pipeline.store.types import PlainText, UtcDateTime

revision = "r0003"
down_revision = "r0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the digests, and key the deliveries by alert and sink."""
    _digests()
    _deliveries()


def _digests() -> None:
    op.create_table(
        "digests",
        *(_text(name) for name in ("digest_id", "kind", "sink", "camera")),
        *(_time(name, nullable=False) for name in ("since_utc", "until_utc")),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        *(_time(name) for name in ("last_attempt_utc", "retry_utc")),
        sa.Column("last_error", PlainText(), nullable=True),
        _time("delivered_utc"),
        sa.CheckConstraint(sa.column("kind").in_(("held", "daily")), name=op.f("ck_digests_kind")),
        sa.ForeignKeyConstraint(["camera"], ["cameras.name"], name=op.f("fk_digests_camera")),
        sa.PrimaryKeyConstraint("digest_id", name="pk_digests"),
    )
    op.create_index(
        "ix_digests_sink_camera_delivered_utc", "digests", ["sink", "camera", "delivered_utc"]
    )


def _deliveries() -> None:
    op.execute("UPDATE deliveries SET sink = 'file' WHERE sink IS NULL")
    with op.batch_alter_table("deliveries") as table:
        table.alter_column("sink", existing_type=PlainText(), nullable=False)
        table.drop_constraint("pk_deliveries", type_="primary")
        table.create_primary_key("pk_deliveries", ["alert_id", "sink"])
        table.add_column(_time("retry_utc"))
        table.add_column(_time("held_utc"))
        table.add_column(sa.Column("digest_id", PlainText(), nullable=True))
        table.create_foreign_key(
            op.f("fk_deliveries_digest_id"), "digests", ["digest_id"], ["digest_id"]
        )
    op.create_index("ix_deliveries_sink_delivered_utc", "deliveries", ["sink", "delivered_utc"])
    op.create_index("ix_deliveries_digest_id", "deliveries", ["digest_id"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, PlainText(), nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[sa.DateTime]:
    return sa.Column(name, UtcDateTime(), nullable=nullable)
