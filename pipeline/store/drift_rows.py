"""The tables of drift: the last check of each model, and candidates beside active models."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.drift.judge import Severity
from pipeline.store.base import Base, CameraKey, Key, ModelKey, one_of
from pipeline.store.types import PlainText

__all__ = ["ComparisonRow", "DriftRow"]


class DriftRow(Base):
    """A statistic of `pipeline.drift.check.DriftCheck`; those of a model are replaced by the next
    check."""

    __tablename__ = "drift"
    __table_args__ = (one_of("severity", Severity), Index(None, "camera", "checked_utc"))

    drift_id: Mapped[Key]
    model_id: Mapped[ModelKey]
    camera: Mapped[CameraKey]
    statistic: Mapped[str]
    severity: Mapped[str | None] = mapped_column(PlainText)
    evidence: Mapped[float]
    since_utc: Mapped[datetime | None]
    found_utc: Mapped[datetime | None]
    usual: Mapped[float | None]
    recent: Mapped[float | None]
    spreads: Mapped[float | None]
    reference_samples: Mapped[int]
    samples: Mapped[int]
    first_utc: Mapped[datetime]
    last_utc: Mapped[datetime]
    checked_utc: Mapped[datetime]


class ComparisonRow(Base):
    """`pipeline.learning.registry.ComparisonRecord`."""

    __tablename__ = "model_trials"
    __table_args__ = (Index(None, "camera", "at_utc"), Index(None, "candidate_id"))

    comparison_id: Mapped[Key]
    camera: Mapped[CameraKey]
    candidate_id: Mapped[ModelKey]
    active_id: Mapped[ModelKey]
    at_utc: Mapped[datetime]
    who: Mapped[str]
    not_worse: Mapped[bool]
    figures: Mapped[dict[str, Any]]
