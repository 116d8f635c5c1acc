"""Quiet hours: times of the week, by the clocks on the wall, in which only the worst is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

__all__ = ["DAYS", "QuietHours", "is_quiet", "parse_quiet"]

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(
    r"(?:(?P<days>[a-z]{3}(?:[-, ]+[a-z]{3})*) )?"
    r"(?P<start>\d\d:\d\d)-(?P<end>\d\d:\d\d)"
)
_MIDNIGHT_AFTER = "24:00"


@dataclass(frozen=True, kw_only=True, slots=True)
class QuietHours:
    """A stretch of the day on some days of the week."""

    days: frozenset[int]
    """Of its beginning; 0 = Monday."""
    start: time
    end: time | None
    """Not included. Earlier than the start, or equal: on the next day. None: midnight after it."""

    def holds(self, local: datetime) -> bool:
        """Return whether it is quiet at a local time.

        Wall-clock times are compared, so 22:00-06:00 is an hour longer in the night in which clocks
        go back, and an hour shorter in the one in which they go forward.
        """
        now = local.time().replace(tzinfo=None)
        today, yesterday = local.weekday(), (local - timedelta(days=1)).weekday()
        if self.end is None:
            return today in self.days and now >= self.start
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        return (today in self.days and now >= self.start) or (
            yesterday in self.days and now < self.end
        )


def parse_quiet(text: str) -> QuietHours:
    """Return quiet hours from `22:00-06:00`, `sat,sun 00:00-24:00` or `mon-fri 18:00-07:00`.

    Raises ValueError, which says what to write and does not repeat the text.
    """
    form = "write 22:00-06:00, or with days of the week: mon-fri 18:00-07:00, sat,sun 00:00-24:00"
    found = _FORM.fullmatch(text.strip().lower())
    if found is None:
        raise ValueError(form)
    try:
        start = time.fromisoformat(found["start"])
        last = found["end"]
        end = None if last == _MIDNIGHT_AFTER else time.fromisoformat(last)
        days = _days(found["days"]) if found["days"] else frozenset(range(7))
    except ValueError:
        raise ValueError(form) from None
    return QuietHours(days=days, start=start, end=end)


def _days(text: str) -> frozenset[int]:
    days: set[int] = set()
    for part in re.split(r"[, ]+", text):
        first, _, last = part.partition("-")
        at, end = DAYS.index(first), DAYS.index(last or first)
        # fri-mon goes over the end of the week.
        days |= {(at + step) % 7 for step in range((end - at) % 7 + 1)}
    return frozenset(days)


def is_quiet(hours: Iterable[QuietHours], now_utc: datetime, timezone: str) -> bool:
    """Return whether it is quiet now where the clocks show the time of `timezone`."""
    local = now_utc.astimezone(ZoneInfo(timezone))
    return any(one.holds(local) for one in hours)
