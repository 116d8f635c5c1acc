"""The tables. Keys are derived from content, so that doing a thing again inserts nothing.

cameras <- purposes                                  footage <- segments, blind_intervals
cameras <- models -> calibrations                    models <- training_runs <- training_metrics
segments, models <- anomalies, scored_segments       anomalies <- events <- alerts
segments <- health_events                            models <- drift, model_trials
cameras <- retention_policies, retention_holds, removals        models <- score_summaries
segments <- lighting
alerts <- evidence, reviews, deliveries              reviews <- withdrawn_reviews
alerts, models <- alert_looks                        reviews <- harmless_patterns
alerts, harmless_patterns <- alert_suppressions
cameras <- digests <- deliveries                     users <- sessions
leases, audit_log stand alone

Indices over time have the end and not the start: what is asked for is nearly always recent, and
`end > since` leaves little where `start < until` leaves everything.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, UniqueConstraint, column
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.alerts.alerts import Severity
from pipeline.alerts.evidence import EvidenceKind
from pipeline.camera import ClockSource
from pipeline.footage.admission import Reason, Verdict
from pipeline.learning.registry import ModelState
from pipeline.store.account_rows import SessionRow, UserRow
from pipeline.store.base import (
    AlertKey,
    AnomalyKey,
    Base,
    CameraKey,
    FootageKey,
    HasPlace,
    Key,
    ModelKey,
    SegmentKey,
    one_of,
    partial_index,
)
from pipeline.store.drift_rows import ComparisonRow, DriftRow
from pipeline.store.feedback_rows import LooksRow, PatternRow, SuppressionRow
from pipeline.store.health_rows import HealthRow
from pipeline.store.lighting_rows import LightingRow
from pipeline.store.outbox_rows import DeliveryRow, DigestRow
from pipeline.store.retention_rows import HoldRow, PolicyRow, RemovalRow, ScoreHourRow
from pipeline.store.review_rows import REVIEW_VERDICTS, ReviewRow, WithdrawnReviewRow

__all__ = [
    "REVIEW_VERDICTS",
    "SCHEMA_REVISION",
    "AlertRow",
    "AnomalyRow",
    "AuditRow",
    "Base",
    "BlindRow",
    "CalibrationRow",
    "CameraRow",
    "ComparisonRow",
    "DeliveryRow",
    "DigestRow",
    "DriftRow",
    "EventRow",
    "EvidenceRow",
    "FootageRow",
    "HealthRow",
    "HoldRow",
    "LeaseRow",
    "LightingRow",
    "LooksRow",
    "ModelRow",
    "PatternRow",
    "PolicyRow",
    "PurposeRow",
    "RemovalRow",
    "ReviewRow",
    "ScoreHourRow",
    "ScoredSegmentRow",
    "SegmentRow",
    "SessionRow",
    "SuppressionRow",
    "TrainingMetricRow",
    "TrainingRunRow",
    "UserRow",
    "WithdrawnReviewRow",
]

SCHEMA_REVISION = "r0013"
"""The newest migration; a test holds it to the files in migrations/versions."""


class CameraRow(Base):
    """`pipeline.camera.Camera` as it is registered now."""

    __tablename__ = "cameras"
    __table_args__ = (one_of("clock", ClockSource),)

    name: Mapped[Key]
    source: Mapped[str]
    timezone: Mapped[str]
    purpose: Mapped[str]
    owner: Mapped[str]
    retention_days: Mapped[int]
    budget_per_day: Mapped[float]
    clock: Mapped[str]
    sequence_start_utc: Mapped[datetime | None]
    privacy_masks: Mapped[list[Any]]
    mask_names: Mapped[list[Any]] = mapped_column(server_default="[]")
    zones: Mapped[list[Any]] = mapped_column(server_default="[]")
    closed_hours: Mapped[str] = mapped_column(server_default="")


class PurposeRow(Base):
    """What a camera was for, who answered for it and how long it kept things, since when."""

    __tablename__ = "purposes"

    camera: Mapped[CameraKey] = mapped_column(primary_key=True)
    revision: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    purpose: Mapped[str]
    owner: Mapped[str]
    retention_days: Mapped[int]
    since_utc: Mapped[datetime]


class FootageRow(Base):
    """`pipeline.footage.admission.Footage`; end_utc is its last instant, for search."""

    __tablename__ = "footage"
    __table_args__ = (
        one_of("verdict", Verdict),
        one_of("reason", Reason),
        Index(None, "camera", "end_utc"),
        partial_index("ix_footage_refused", "camera", where=column("verdict") == "refused"),
    )

    footage_id: Mapped[Key]
    camera: Mapped[CameraKey]
    sha256: Mapped[str]
    path: Mapped[str]
    size_bytes: Mapped[int]
    verdict: Mapped[str]
    reason: Mapped[str | None]
    detail: Mapped[str]
    start_utc: Mapped[datetime | None]
    end_utc: Mapped[datetime | None]
    duration_us: Mapped[int]
    frames: Mapped[int]
    width_px: Mapped[int]
    height_px: Mapped[int]
    frame_rate: Mapped[float]
    removed_utc: Mapped[datetime | None]


class SegmentRow(Base):
    """`pipeline.footage.segments.Segment`."""

    __tablename__ = "segments"
    __table_args__ = (
        Index(None, "camera", "end_utc"),
        Index(None, "footage_id"),
        partial_index(
            "ix_segments_unsettled", "camera", "start_utc", where=column("settled_utc").is_(None)
        ),
    )

    segment_id: Mapped[Key]
    footage_id: Mapped[FootageKey]
    camera: Mapped[CameraKey]
    start_us: Mapped[int]
    end_us: Mapped[int]
    frames: Mapped[int]
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
    settled_utc: Mapped[datetime | None]
    """Since when no model has to score it: one that is or was active has, or its footage is gone.
    None: it may wait (`pipeline.store.settled`)."""


class BlindRow(Base):
    """`pipeline.footage.segments.Blind`."""

    __tablename__ = "blind_intervals"
    __table_args__ = (one_of("reason", Reason), Index(None, "camera", "end_utc"))

    blind_id: Mapped[Key]
    camera: Mapped[CameraKey]
    footage_id: Mapped[str | None] = mapped_column(ForeignKey("footage.footage_id"))
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
    reason: Mapped[str]
    detail: Mapped[str]


class CalibrationRow(Base):
    """What the scores of a model mean; the summary is `ModelRecord.calibration`."""

    __tablename__ = "calibrations"

    calibration_id: Mapped[Key]
    camera: Mapped[CameraKey]
    budget_per_day: Mapped[float | None]
    held_out_seconds: Mapped[float | None]
    summary: Mapped[dict[str, Any]]


class ModelRow(Base):
    """`pipeline.learning.registry.ModelRecord`; the partial index allows one active a camera."""

    __tablename__ = "models"
    __table_args__ = (
        one_of("state", ModelState),
        Index(None, "camera", "created_utc"),
        partial_index(
            "uq_models_active_camera", "camera", where=column("state") == "active", unique=True
        ),
    )

    model_id: Mapped[Key]
    camera: Mapped[CameraKey]
    state: Mapped[str]
    preset: Mapped[str]
    path: Mapped[str]
    digest: Mapped[str]
    created_utc: Mapped[datetime]
    activated_utc: Mapped[datetime | None]
    retired_utc: Mapped[datetime | None]
    files_removed_utc: Mapped[datetime | None]
    calibration_id: Mapped[str] = mapped_column(ForeignKey("calibrations.calibration_id"))
    manifest: Mapped[dict[str, Any]]


class TrainingRunRow(Base):
    """The training that made a model: how much footage it learnt from, how long it took, and the
    last value of each figure that was logged."""

    __tablename__ = "training_runs"
    __table_args__ = (UniqueConstraint("model_id"),)

    run_id: Mapped[Key]
    model_id: Mapped[ModelKey]
    camera: Mapped[CameraKey]
    preset: Mapped[str]
    seed: Mapped[int | None]
    footage_count: Mapped[int]
    footage_seconds: Mapped[float | None]
    work_seconds: Mapped[float | None]
    finished_utc: Mapped[datetime]
    logged_steps: Mapped[int]
    last_step: Mapped[float | None]
    last_figures: Mapped[dict[str, Any]]


class TrainingMetricRow(Base):
    """One logged step of a training run."""

    __tablename__ = "training_metrics"

    run_id: Mapped[str] = mapped_column(ForeignKey("training_runs.run_id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    figures: Mapped[dict[str, Any]]


class AnomalyRow(HasPlace, Base):
    """`pipeline.scoring.anomaly.Anomaly`: one row for each clip and model."""

    __tablename__ = "anomalies"
    # The third column makes the order complete, so that a stream can go on after any row.
    __table_args__ = (Index(None, "camera", "end_utc", "anomaly_id"),)

    anomaly_id: Mapped[Key]
    model_id: Mapped[ModelKey]
    camera: Mapped[CameraKey]
    segment_id: Mapped[SegmentKey]
    clip_id: Mapped[str]
    start_us: Mapped[int]
    end_us: Mapped[int]
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
    scores: Mapped[dict[str, Any]]
    score: Mapped[float]
    p_value: Mapped[float]
    expert: Mapped[str]
    parts: Mapped[dict[str, Any]] = mapped_column(server_default="{}")


class ScoredSegmentRow(Base):
    """The done mark: this segment is scored to its end by this model."""

    __tablename__ = "scored_segments"
    __table_args__ = (Index(None, "model_id"),)

    segment_id: Mapped[SegmentKey] = mapped_column(primary_key=True)
    model_id: Mapped[ModelKey] = mapped_column(primary_key=True)
    clips: Mapped[int]
    at_utc: Mapped[datetime]
    last_clip_utc: Mapped[datetime | None]
    """End of the last clip whose score was removed; None while all are there."""


class EventRow(HasPlace, Base):
    """`pipeline.alerts.events.Event`."""

    __tablename__ = "events"
    __table_args__ = (
        Index(None, "camera", "end_utc"),
        Index(None, "first_anomaly_id"),
        Index(None, "peak_anomaly_id"),
    )

    event_id: Mapped[Key]
    camera: Mapped[CameraKey]
    model_id: Mapped[ModelKey]
    policy_id: Mapped[str]
    first_anomaly_id: Mapped[AnomalyKey]
    peak_anomaly_id: Mapped[AnomalyKey]
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
    peak_utc: Mapped[datetime]
    peak_score: Mapped[float]
    clips: Mapped[int]
    expert: Mapped[str]
    closed: Mapped[bool]
    zone: Mapped[str] = mapped_column(server_default="")


class AlertRow(HasPlace, Base):
    """`pipeline.alerts.alerts.Alert`."""

    __tablename__ = "alerts"
    __table_args__ = (
        one_of("severity", Severity),
        Index(None, "camera", "start_utc"),
        Index(None, "start_utc"),
    )

    alert_id: Mapped[Key]
    event_id: Mapped[str] = mapped_column(ForeignKey("events.event_id"))
    camera: Mapped[CameraKey]
    model_id: Mapped[ModelKey]
    severity: Mapped[str]
    start_utc: Mapped[datetime]
    end_utc: Mapped[datetime]
    peak_utc: Mapped[datetime]
    score: Mapped[float]
    p_value: Mapped[float]
    expected_per_day: Mapped[float]
    expert: Mapped[str]
    zone: Mapped[str] = mapped_column(server_default="")


class EvidenceRow(Base):
    """`pipeline.alerts.evidence.Evidence`."""

    __tablename__ = "evidence"
    __table_args__ = (one_of("kind", EvidenceKind), UniqueConstraint("alert_id", "kind"))

    evidence_id: Mapped[Key]
    alert_id: Mapped[AlertKey]
    kind: Mapped[str]
    path: Mapped[str]
    sha256: Mapped[str]
    size_bytes: Mapped[int]
    removed_utc: Mapped[datetime | None]


class LeaseRow(Base):
    """Who may do a piece of work now; a row stays when given back, so that its fence grows."""

    __tablename__ = "leases"

    name: Mapped[Key]
    owner: Mapped[str]
    fence: Mapped[int]
    expires_utc: Mapped[datetime]


class AuditRow(Base):
    """Who did what to what; triggers refuse any change of a row."""

    __tablename__ = "audit_log"

    audit_id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True
    )
    at_utc: Mapped[datetime]
    who: Mapped[str]
    what: Mapped[str]
    subject: Mapped[str]
    detail: Mapped[dict[str, Any]]
