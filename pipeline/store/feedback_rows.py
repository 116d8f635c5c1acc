"""The tables of feedback: how alerts looked, harmless patterns, and what they suppress."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.feedback.patterns import EndReason
from pipeline.store.base import AlertKey, Base, CameraKey, Key, ModelKey, one_of

__all__ = ["LooksRow", "PatternRow", "SuppressionRow"]


class LooksRow(Base):
    """`pipeline.feedback.looks.EventLooks` of an alert, brought up to date as it grows."""

    __tablename__ = "alert_looks"

    alert_id: Mapped[AlertKey] = mapped_column(primary_key=True)
    model_id: Mapped[ModelKey]
    looks: Mapped[dict[str, Any]]


class PatternRow(Base):
    """`pipeline.feedback.patterns.Pattern`. The references see to it that none stands without the
    verdict and the alert that it was made of; rows stay when it ends."""

    __tablename__ = "harmless_patterns"
    __table_args__ = (
        one_of("ended_why", EndReason),
        Index(None, "camera", "ended_utc"),
        Index(None, "alert_id"),
    )

    pattern_id: Mapped[Key]
    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.review_id"))
    alert_id: Mapped[AlertKey]
    camera: Mapped[CameraKey]
    model_id: Mapped[ModelKey]
    made_utc: Mapped[datetime]
    looks: Mapped[dict[str, Any]]
    ended_utc: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    ended_why: Mapped[str | None]


class SuppressionRow(Base):
    """`pipeline.feedback.patterns.Suppression`, with the sinks that are told when it ends."""

    __tablename__ = "alert_suppressions"
    __table_args__ = (
        one_of("ended_why", EndReason),
        Index(None, "pattern_id", "ended_utc"),
    )

    alert_id: Mapped[AlertKey] = mapped_column(primary_key=True)
    pattern_id: Mapped[str] = mapped_column(ForeignKey("harmless_patterns.pattern_id"))
    at_utc: Mapped[datetime]
    nearness: Mapped[float]
    sinks: Mapped[list[Any]]
    ended_utc: Mapped[datetime | None]
    ended_by: Mapped[str | None]
    ended_why: Mapped[str | None]
