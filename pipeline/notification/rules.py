"""Rules: which alerts a sink is told of, and when it is left in peace."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from pipeline.alerts.alerts import Severity
from pipeline.notification.outbox import DEFAULT_SINK
from pipeline.notification.quiet import QuietHours, is_quiet

__all__ = ["DEFAULT_RULES", "Rules", "day_due", "sinks_for"]

_RANK = {severity: rank for rank, severity in enumerate(Severity)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What is the same for sinks of every kind."""

    name: str
    cameras: tuple[str, ...] = ("*",)
    """Names, * and ? stand for any text."""
    least_severity: Severity = Severity.NOTICE
    quiet: tuple[QuietHours, ...] = ()
    at_most: int | None = None
    """Messages in any `per_seconds`, all cameras together; None: any number."""
    per_seconds: int = 3600
    digest_at: time | None = None
    """When the daily digest of each camera is due, by the camera's clocks; None: never."""

    def is_about(self, camera: str) -> bool:
        """Return whether the sink is told of this camera."""
        return any(fnmatchcase(camera, pattern) for pattern in self.cameras)

    def is_quiet(self, now_utc: datetime, timezone: str) -> bool:
        """Return whether only the worst is told now, by the clocks of `timezone`."""
        return is_quiet(self.quiet, now_utc, timezone)

    def wants(self, camera: str, severity: Severity) -> bool:
        """Return whether the sink is told of an alert of this camera and severity."""
        return self.is_about(camera) and _RANK[severity] >= _RANK[self.least_severity]


DEFAULT_RULES = Rules(name=DEFAULT_SINK)
"""Where no sink is configured, every alert becomes a file."""


def sinks_for(rules: Iterable[Rules], camera: str, severity: Severity) -> tuple[str, ...]:
    """Return the names of the sinks that are told of such an alert."""
    return tuple(one.name for one in rules if one.wants(camera, severity))


def day_due(at: time, timezone: str, now_utc: datetime) -> tuple[str, datetime, datetime]:
    """Return the local day (2026-01-31) whose digest was due last, when it was due, and when the
    one before was. A time that clocks skip or show twice is the first such moment."""
    zone = ZoneInfo(timezone)
    today = now_utc.astimezone(zone).date()

    def due(days_ago: int) -> datetime:
        day = today - timedelta(days=days_ago)
        return datetime.combine(day, at, tzinfo=zone).astimezone(UTC)

    ago = 0 if due(0) <= now_utc else 1
    return (today - timedelta(days=ago)).isoformat(), due(ago), due(ago + 1)
