"""The tables of the outbox: what goes to which sink, and the digests of what was held back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.notification.outbox import DigestKind
from pipeline.store.base import AlertKey, Base, CameraKey, Key, one_of

__all__ = ["DeliveryRow", "DigestRow"]


class DigestRow(Base):
    """`pipeline.notification.outbox.Digest`: pending until delivered_utc is known."""

    __tablename__ = "digests"
    __table_args__ = (one_of("kind", DigestKind), Index(None, "sink", "camera", "delivered_utc"))

    digest_id: Mapped[Key]
    kind: Mapped[str]
    sink: Mapped[str]
    camera: Mapped[CameraKey]
    since_utc: Mapped[datetime]
    until_utc: Mapped[datetime]
    attempts: Mapped[int]
    last_attempt_utc: Mapped[datetime | None]
    retry_utc: Mapped[datetime | None]
    last_error: Mapped[str | None]
    delivered_utc: Mapped[datetime | None]


class DeliveryRow(Base):
    """The outbox: one row an alert and sink, pending until delivered_utc is known. held_utc: since
    when it is held back; digest_id: the digest that tells of it."""

    __tablename__ = "deliveries"
    __table_args__ = (Index(None, "sink", "delivered_utc"), Index(None, "digest_id"))

    alert_id: Mapped[AlertKey] = mapped_column(primary_key=True)
    sink: Mapped[Key]
    attempts: Mapped[int]
    last_attempt_utc: Mapped[datetime | None]
    retry_utc: Mapped[datetime | None]
    last_error: Mapped[str | None]
    held_utc: Mapped[datetime | None]
    digest_id: Mapped[str | None] = mapped_column(ForeignKey("digests.digest_id"))
    delivered_utc: Mapped[datetime | None]
