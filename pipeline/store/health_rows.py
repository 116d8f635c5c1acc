"""The table of health events: when a camera could not see although its footage is in order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from pipeline.health.events import Trouble
from pipeline.store.base import Base, CameraKey, FootageKey, Key, SegmentKey, one_of

__all__ = ["HealthRow"]


class HealthRow(Base):
    """`pipeline.health.events.HealthEvent`; those of a segment are replaced when it is scored."""

    __tablename__ = "health_events"
    __table_args__ = (
        one_of("trouble", Trouble),
        Index(None, "camera", "end_utc"),
        Index(None, "segment_id"),
    )

    health_id: Mapped[Key]
    segment_id: Mapped[SegmentKey]
    footage_id: Mapped[FootageKey]
    camera: Mapped[CameraKey]
    trouble: Mapped[str]
    start_us: Mapped[int]
    end_us: Mapped[int]
    found_us: Mapped[int]
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
    detail: Mapped[str]
