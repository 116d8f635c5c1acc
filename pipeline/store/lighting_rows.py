"""The table of lighting: in which light a camera's scene was, from when to when."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from pipeline.store.base import Base, CameraKey, Key, SegmentKey

__all__ = ["LightingRow"]


class LightingRow(Base):
    """`pipeline.lighting.events.LightingEvent`; those of a segment are replaced when it is
    scored."""

    __tablename__ = "lighting"
    __table_args__ = (Index(None, "camera", "end_utc"), Index(None, "segment_id"))

    lighting_id: Mapped[Key]
    segment_id: Mapped[SegmentKey]
    camera: Mapped[CameraKey]
    state: Mapped[str]
    start_us: Mapped[int]
    end_us: Mapped[int]
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
