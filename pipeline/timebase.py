"""Time: media time in whole microseconds, wall time in aware UTC, waiting on a monotonic clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

__all__ = [
    "Clock",
    "SystemClock",
    "microseconds",
    "moment_in",
    "require_utc",
    "seconds",
    "shift_utc",
]

MICROSECONDS_PER_SECOND = 1_000_000


class Clock(Protocol):
    """Where the time comes from; passed in, so that tests can set it."""

    def now_utc(self) -> datetime:
        """Return the wall time, aware, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for measuring waits."""


class SystemClock:
    """The clock of this machine."""

    def now_utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def microseconds(value_seconds: float) -> int:
    """Return seconds as whole microseconds, rounded to the nearest."""
    return round(value_seconds * MICROSECONDS_PER_SECOND)


def seconds(value_us: int) -> float:
    """Return whole microseconds as seconds."""
    return value_us / MICROSECONDS_PER_SECOND


def require_utc(value: datetime) -> datetime:
    """Return the same instant in UTC; a naive datetime is a mistake of ours and raises
    ValueError."""
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    return value.astimezone(UTC)


def shift_utc(start_utc: datetime, offset_us: int) -> datetime:
    """Return the wall time `offset_us` microseconds after `start_utc`."""
    return require_utc(start_utc) + timedelta(microseconds=offset_us)


def moment_in(timezone: str, text: str) -> datetime:
    """Return a moment of ISO 8601 in UTC; without an offset it is meant in `timezone`. ValueError
    when it is none."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(timezone))
    return moment.astimezone(UTC)
