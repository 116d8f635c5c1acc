"""Alerts: the events that the alarm budget lets through, with severity. The row SQL users query."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.alerts.budget import EventTail, expected_per_day
from pipeline.alerts.events import Event, EventPolicy
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Place

__all__ = ["Alert", "Severity", "alerts_from_events"]


class Severity(StrEnum):
    """How seldom normal operation would look like this."""

    NOTICE = "notice"
    """Within the budget: up to one a budget period is expected in normal operation."""
    WARNING = "warning"
    """Ten times rarer than the budget."""
    CRITICAL = "critical"
    """A hundred times rarer, or more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """An event worth a person's time."""

    alert_id: str
    """content_id("alert", event_id)."""
    event_id: str
    camera: str
    model_id: str
    severity: Severity
    start_utc: datetime
    end_utc: datetime
    peak_utc: datetime
    score: float
    """The event's peak score, -log10 p."""
    p_value: float
    """10 ** -score."""
    expected_per_day: float
    """How many events this strange a day of normal operation is expected to hold."""
    expert: str
    place: Place
    zone: str = ""
    """The zone of the camera that it is in; empty for the rest of the picture."""


def alerts_from_events(
    events: Iterable[Event], policy: EventPolicy, tail: EventTail, budget_per_day: float
) -> list[Alert]:
    """Return an alert for every event whose peak reaches the policy's alert score, in their order.

    Raises ValueError for a budget <= 0.
    """
    if not budget_per_day > 0.0:
        raise ValueError(f"a budget of {budget_per_day} a day")
    return [
        _alert(event, expected_per_day(tail, event.peak_score), budget_per_day)
        for event in events
        if event.peak_score >= policy.alert_score
    ]


def _alert(event: Event, expected: float, budget_per_day: float) -> Alert:
    return Alert(
        alert_id=content_id("alert", event.event_id),
        event_id=event.event_id,
        camera=event.camera,
        model_id=event.model_id,
        severity=_severity(expected, budget_per_day),
        start_utc=event.start_utc,
        end_utc=event.end_utc,
        peak_utc=event.peak_utc,
        score=event.peak_score,
        # Beyond 10 ** -308 a float would be 0, and no p-value is.
        p_value=max(10.0**-event.peak_score, sys.float_info.min),
        expected_per_day=expected,
        expert=event.expert,
        place=event.place,
        zone=event.zone,
    )


def _severity(expected: float, budget_per_day: float) -> Severity:
    if expected <= budget_per_day / 100.0:
        return Severity.CRITICAL
    if expected <= budget_per_day / 10.0:
        return Severity.WARNING
    return Severity.NOTICE
