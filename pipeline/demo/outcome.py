"""Outcome: which faults of the demo line were found, how late, and what was flagged for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.alerts.alerts import Alert
from pipeline.demo.truth import TruthRow
from pipeline.scoring.anomaly import Place

__all__ = ["FaultOutcome", "LineOutcome", "compare"]

_BEFORE = timedelta(seconds=0.5)
_AFTER = timedelta(seconds=3.0)
"""An alert belongs to a fault when it overlaps [start - 0.5 s, end + 3 s]: the line needs a moment
to be itself again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultOutcome:
    """What became of one fault."""

    truth: TruthRow
    alerts: tuple[Alert, ...]
    """Every alert that belongs to it, by start."""

    @property
    def found(self) -> bool:
        """True when an alert belongs to it."""
        return bool(self.alerts)

    @property
    def strongest(self) -> Alert | None:
        """Return the alert with the largest score, or None when there is none."""
        return max(self.alerts, key=lambda alert: alert.score, default=None)

    @property
    def delay_seconds(self) -> float | None:
        """Seconds from the begin of the fault to that of its first alert; negative when the alert
        was there before."""
        if not self.alerts:
            return None
        return (self.alerts[0].start_utc - self.truth.start_utc).total_seconds()

    @property
    def on_the_spot(self) -> bool | None:
        """Tell whether the middle of the strongest alert's place lies where the fault shows."""
        strongest = self.strongest
        return None if strongest is None else _holds_middle(self.truth.place, strongest.place)


@dataclass(frozen=True, kw_only=True, slots=True)
class LineOutcome:
    """What became of a stretch of the line."""

    faults: tuple[FaultOutcome, ...]
    false_alerts: tuple[Alert, ...]
    """Alerts that belong to no fault, by start."""
    normal_seconds: float
    """Footage of the stretch that lies outside of every fault's margins."""

    @property
    def found(self) -> int:
        """How many faults were found."""
        return sum(fault.found for fault in self.faults)


def compare(
    truth: Sequence[TruthRow], alerts: Sequence[Alert], *, since: datetime, until: datetime
) -> LineOutcome:
    """Lay the alerts of [since, until) beside the truth. An alert may belong to several faults."""
    ordered = sorted(alerts, key=lambda alert: alert.start_utc)
    faults = tuple(
        FaultOutcome(truth=row, alerts=tuple(a for a in ordered if _belongs(a, row)))
        for row in truth
    )
    false = tuple(a for a in ordered if not any(_belongs(a, row) for row in truth))
    normal, seen_until = 0.0, since
    for row in sorted(truth, key=lambda row: row.start_utc):
        normal += max(0.0, (row.start_utc - _BEFORE - seen_until).total_seconds())
        seen_until = max(seen_until, row.end_utc + _AFTER)
    normal += max(0.0, (until - seen_until).total_seconds())
    return LineOutcome(faults=faults, false_alerts=false, normal_seconds=normal)


def _belongs(alert: Alert, row: TruthRow) -> bool:
    return alert.start_utc <= row.end_utc + _AFTER and alert.end_utc >= row.start_utc - _BEFORE


def _holds_middle(place: Place, other: Place) -> bool:
    x, y = other.x + other.width / 2.0, other.y + other.height / 2.0
    return place.x <= x <= place.x + place.width and place.y <= y <= place.y + place.height
