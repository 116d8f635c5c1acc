"""Small real classes that stand in for the outside. Shared: add to it, change nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["FakeClock"]


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now_utc: datetime = datetime(2026, 1, 31, 12, tzinfo=UTC)) -> None:
        self._now_utc = now_utc
        self._seconds = 0.0

    def now_utc(self) -> datetime:
        return self._now_utc

    def monotonic(self) -> float:
        return self._seconds

    def advance(self, seconds: float) -> None:
        """Let time go on."""
        self._now_utc += timedelta(seconds=seconds)
        self._seconds += seconds
