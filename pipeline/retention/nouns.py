"""Nouns of retention: holds, removals, the files they are of, and what scores came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.alerts.evidence import Evidence
from pipeline.learning.registry import ModelState
from pipeline.retention.policy import Kind, Why

__all__ = [
    "HOLD_MARGIN",
    "Hold",
    "KeptEvidence",
    "ModelUse",
    "Removal",
    "ScoreHour",
    "StoredFile",
]

HOLD_MARGIN = timedelta(seconds=60)
"""Kept before and after what is held: what led to it is part of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """Somebody's word that a camera's time must not be removed, until it is taken back."""

    hold_id: str
    """content_id("hold", camera, alert_id, since, until, who, at)."""
    camera: str
    alert_id: str | None
    """The alert that is held; None when a span of time is."""
    since_utc: datetime
    until_utc: datetime
    """What was asked for; of an alert its time as known now, which may grow."""
    reason: str
    who: str
    at_utc: datetime
    released_utc: datetime | None = None
    released_by: str | None = None

    def covers(self, start_utc: datetime, end_utc: datetime) -> bool:
        """Tell whether [start, end] touches what is held, its margin included."""
        return end_utc >= self.since_utc - HOLD_MARGIN and start_utc <= self.until_utc + HOLD_MARGIN


@dataclass(frozen=True, kw_only=True, slots=True)
class StoredFile:
    """One file that may be removed."""

    name: str
    """Below the root of its removal, as `pipeline.footage.names.stored_path` writes it."""
    start_utc: datetime
    end_utc: datetime
    """The time that is seen in it."""
    size_bytes: int
    evidence_id: str | None = None
    """Of evidence that a row tells of."""
    model_id: str | None = None
    """Of a model: then it is the folder of the model, or its one file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptEvidence:
    """The evidence of an alert that is still there."""

    alert_id: str
    start_utc: datetime
    end_utc: datetime
    files: Sequence[Evidence]


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelUse:
    """The life of one model, by which it is told since when nobody uses it."""

    model_id: str
    path: str
    """Relative to the site, as in its record."""
    state: ModelState
    created_utc: datetime
    activated_utc: datetime | None
    retired_utc: datetime | None
    files_removed_utc: datetime | None
    teacher: str | None
    """Of a student: the model that it learnt from."""
    for_trial: bool
    """It was made to be tried beside the active model, by retraining."""
    trials: Sequence[tuple[datetime, bool]]
    """When it was tried, and whether it was not worse; in order of time."""
    first_alert_utc: datetime | None
    """Start of its first alert."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """A number of things of one kind and one day that were removed together, or are being."""

    removal_id: str
    """content_id("removal", camera, kind, why, day, planned, names); of rows their number and first
    moment instead of the names."""
    camera: str
    kind: Kind
    why: Why
    since_utc: datetime
    until_utc: datetime
    """From the first to the last moment that was in them."""
    items: int
    """Files, or rows."""
    size_bytes: int
    """Of files; 0 for rows."""
    unscored_segments: int = 0
    """Of footage: segments that no model had scored."""
    planned_utc: datetime
    """When rows began to say that it is gone."""
    finished_utc: datetime | None = None
    """When it was; None while files may be left."""
    root: str = ""
    """Of files: folder, relative to the site or absolute."""
    files: Sequence[str] = ()
    """Names below `root` that may be left; none once it is finished."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScoreHour:
    """What the removed scores of one model in one hour came to."""

    camera: str
    model_id: str
    hour_utc: datetime
    clips: int
    score_sum: float
    score_max: float
    p_value_min: float
    first_utc: datetime
    last_utc: datetime
    """Ends of the first and of the last of these clips."""
