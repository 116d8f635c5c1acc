"""Nouns of the store: what its calls give and take beside the nouns of other rooms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from pipeline.alerts.alerts import Alert
from pipeline.feedback.patterns import Suppression

__all__ = ["AlertFilter", "Lease", "Review", "ReviewedAlert", "ScorePeak", "ViewColumn"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A person's verdict on an alert. The latest one counts."""

    review_id: str
    """content_id("review", alert_id, reviewer, verdict, at_utc)."""
    alert_id: str
    verdict: str
    """anomaly | known_harmless | false_alarm."""
    reviewer: str
    note: str
    at_utc: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewedAlert:
    """An alert with the verdict that counts, and what it is suppressed for now."""

    alert: Alert
    review: Review | None
    suppression: Suppression | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertFilter:
    """Which alerts; None means all."""

    cameras: Collection[str] | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Those that overlap [since, until)."""
    severity: str | None = None
    verdict: str | None = None
    """One of the verdicts, `none` for those that wait for one, or `suppressed` for those that are
    suppressed now, which wait for none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScorePeak:
    """The largest score of one model in a step of time."""

    from_utc: datetime
    """Where the step begins."""
    model_id: str
    score: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to do one piece of work, until it expires. `fence` grows with every grant."""

    name: str
    owner: str
    fence: int
    expires_utc: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ViewColumn:
    """A column of a public view."""

    name: str
    kind: str
    """text | time | whole | real."""
