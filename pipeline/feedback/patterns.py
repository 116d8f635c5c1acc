"""Patterns: what people called known and harmless, and the alerts that are suppressed for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.feedback.looks import EventLooks
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Place

__all__ = ["EndReason", "Pattern", "PatternState", "Suppression", "pattern_id_of"]


class EndReason(StrEnum):
    """Why a pattern, or the suppression of an alert, is over."""

    REMOVED = "removed"
    """Somebody removed the pattern."""
    ANOMALY = "anomaly"
    """Somebody called an alert that it had suppressed an anomaly."""
    VERDICT = "verdict"
    """The verdict that made it was changed or taken back."""
    CHANGED = "changed"
    """Only of a suppression: the event went on and became something else."""


class PatternState(StrEnum):
    """What a pattern does now."""

    ACTIVE = "active"
    """It suppresses alerts of its camera."""
    ASLEEP = "asleep"
    """It was made with a model that is not the active one of its camera, and suppresses nothing."""
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """How an alert looked that a person called known and harmless."""

    pattern_id: str
    """content_id("pattern", review_id, model_id)."""
    review_id: str
    """The verdict that it stands on."""
    alert_id: str
    """The alert that the verdict is about."""
    camera: str
    model_id: str
    made_utc: datetime
    looks: EventLooks
    reviewer: str
    """Who gave the verdict."""
    note: str
    """What they wrote beside it."""
    place: Place
    """Where the alert was strangest."""
    alert_start_utc: datetime
    active_model: bool
    """Whether its model is the active one of its camera."""
    suppresses: int
    """Alerts that are suppressed for it now."""
    ended_utc: datetime | None = None
    ended_by: str | None = None
    ended_why: EndReason | None = None

    @property
    def state(self) -> PatternState:
        """What it does now."""
        if self.ended_utc is not None:
            return PatternState.ENDED
        return PatternState.ACTIVE if self.active_model else PatternState.ASLEEP


@dataclass(frozen=True, kw_only=True, slots=True)
class Suppression:
    """An alert that nobody was told of, for it looked like a pattern. It is kept when it ends."""

    alert_id: str
    pattern_id: str
    at_utc: datetime
    nearness: float
    """Distance of its least alike place from the pattern, as a share of the largest allowed."""
    ended_utc: datetime | None = None
    ended_by: str | None = None
    ended_why: EndReason | None = None


def pattern_id_of(review_id: str, model_id: str) -> str:
    """Return the name of the pattern of a verdict with a model."""
    return content_id("pattern", review_id, model_id)
