"""Tables of retention: policies, holds, what was removed, and what removed scores came to."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.retention.policy import Kind, Why
from pipeline.store.base import Base, CameraKey, Key, ModelKey, one_of

__all__ = ["HoldRow", "PolicyRow", "RemovalRow", "ScoreHourRow"]


class PolicyRow(Base):
    """`pipeline.retention.policy.RetentionPolicy`; a camera without a row has the defaults."""

    __tablename__ = "retention_policies"

    camera: Mapped[CameraKey] = mapped_column(primary_key=True)
    footage_days: Mapped[int | None]
    evidence_days: Mapped[int | None]
    score_days: Mapped[int | None]
    summary_days: Mapped[int | None]
    model_days: Mapped[int | None]
    budget_bytes: Mapped[int | None]
    remove_source: Mapped[bool]
    announced_utc: Mapped[datetime | None]
    """When the schedule said what it will remove; nothing is removed by it before."""


class HoldRow(Base):
    """`pipeline.retention.nouns.Hold`."""

    __tablename__ = "retention_holds"
    __table_args__ = (Index(None, "camera"), Index(None, "alert_id"))

    hold_id: Mapped[Key]
    camera: Mapped[CameraKey]
    alert_id: Mapped[str | None] = mapped_column(ForeignKey("alerts.alert_id"))
    since_utc: Mapped[datetime]
    until_utc: Mapped[datetime]
    reason: Mapped[str]
    who: Mapped[str]
    at_utc: Mapped[datetime]
    released_utc: Mapped[datetime | None]
    released_by: Mapped[str | None]


class RemovalRow(Base):
    """`pipeline.retention.nouns.Removal`."""

    __tablename__ = "removals"
    __table_args__ = (
        one_of("kind", Kind),
        one_of("why", Why),
        Index(None, "camera", "planned_utc"),
    )

    removal_id: Mapped[Key]
    camera: Mapped[CameraKey]
    kind: Mapped[str]
    why: Mapped[str]
    since_utc: Mapped[datetime]
    until_utc: Mapped[datetime]
    items: Mapped[int]
    size_bytes: Mapped[int]
    unscored_segments: Mapped[int]
    planned_utc: Mapped[datetime]
    finished_utc: Mapped[datetime | None]
    root: Mapped[str]
    files: Mapped[list[Any]]


class ScoreHourRow(Base):
    """`pipeline.retention.nouns.ScoreHour`: grows in the transaction that removes the scores."""

    __tablename__ = "score_summaries"

    camera: Mapped[CameraKey] = mapped_column(primary_key=True)
    model_id: Mapped[ModelKey] = mapped_column(primary_key=True)
    hour_utc: Mapped[datetime] = mapped_column(primary_key=True)
    clips: Mapped[int]
    score_sum: Mapped[float]
    score_max: Mapped[float]
    p_value_min: Mapped[float]
    first_utc: Mapped[datetime]
    last_utc: Mapped[datetime]
