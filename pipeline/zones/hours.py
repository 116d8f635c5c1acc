"""Hours: times of the week by the clock on the wall of the plant, such as `mon-fri 22:00-06:00`.

A moment lies within them when the clock on the wall reads so. In the night in which it is put
forward, a time that it never shows is in no hours; in the night in which it is put back, a time
that it shows twice is in them both times. Nobody has to know when that is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from pipeline.errors import CameraError
from pipeline.timebase import require_utc

__all__ = ["ALWAYS", "Hours", "parse_hours"]

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PART = re.compile(r"(?P<days>[a-z,\- ]*?)\s*(?P<begin>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2})")
_DAY_MINUTES = 24 * 60
_WEEK_MINUTES = 7 * _DAY_MINUTES
_LONGEST_LOOK = timedelta(days=8)
"""What lies within hours for longer than a week lies within them for ever."""
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Hours:
    """Times of the week. Clocks and the rules of time zones change at whole minutes, so a minute is
    within them or not."""

    text: str
    """As it was given, with single blanks and small letters; empty for no hours."""
    minutes: frozenset[int]
    """Minutes of the week since Monday 00:00 by the clock on the wall."""

    def hold(self, moment_utc: datetime, zone: ZoneInfo) -> bool:
        """Tell whether a moment lies within them in a time zone."""
        wall = require_utc(moment_utc).astimezone(zone)
        return (wall.weekday() * 24 + wall.hour) * 60 + wall.minute in self.minutes

    def meet(self, start_utc: datetime, end_utc: datetime, zone: ZoneInfo) -> bool:
        """Tell whether any moment from start to end, both included, lies within them."""
        return bool(self.minutes) and any(self._each(start_utc, end_utc, zone))

    def cover(self, start_utc: datetime, end_utc: datetime, zone: ZoneInfo) -> bool:
        """Tell whether every moment from start to end, both included, lies within them."""
        return bool(self.minutes) and all(self._each(start_utc, end_utc, zone))

    def _each(self, start_utc: datetime, end_utc: datetime, zone: ZoneInfo) -> Iterator[bool]:
        moment = require_utc(start_utc).astimezone(UTC).replace(second=0, microsecond=0)
        last = min(require_utc(end_utc), moment + _LONGEST_LOOK)
        while moment <= last:
            yield self.hold(moment, zone)
            moment += _MINUTE


ALWAYS = Hours("", frozenset(range(_WEEK_MINUTES)))
"""All of the week."""


def parse_hours(text: str, what: str) -> Hours:
    """Return the hours that a text gives; an empty one gives none.

    `mon-fri 22:00-06:00; sat,sun 00:00-24:00`: parts divided by semicolons; without days every day.
    A part that ends at or before its beginning ends on the day after. Raises CameraError naming
    `what` they are of.
    """
    tidy = "; ".join(" ".join(part.lower().split()) for part in text.split(";") if part.strip())
    minutes: set[int] = set()
    for part in filter(None, tidy.split("; ")):
        minutes |= set(_minutes(part, what))
    return Hours(tidy, frozenset(minutes))


def _minutes(part: str, what: str) -> Iterator[int]:
    found = _PART.fullmatch(part)
    if found is None:
        raise _unreadable(part, what)
    begin, end = (_minute_of_day(found[name], part, what) for name in ("begin", "end"))
    if begin == _DAY_MINUTES:
        raise _unreadable(part, what)
    if end <= begin:
        end += _DAY_MINUTES
    for day in _days(found["days"], part, what):
        for minute in range(begin, end):
            yield (day * _DAY_MINUTES + minute) % _WEEK_MINUTES


def _minute_of_day(text: str, part: str, what: str) -> int:
    hour, minute = (int(number) for number in text.split(":"))
    total = hour * 60 + minute
    if minute > 59 or total > _DAY_MINUTES:
        raise _unreadable(part, what)
    return total


def _days(text: str, part: str, what: str) -> Iterator[int]:
    if not text.strip():
        yield from range(7)
        return
    for name in text.replace(" ", "").split(","):
        first, dash, last = name.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise _unreadable(part, what)
        begin = _DAYS.index(first)
        length = (_DAYS.index(last) - begin) % 7 if dash else 0
        yield from ((begin + step) % 7 for step in range(length + 1))


def _unreadable(part: str, what: str) -> CameraError:
    return CameraError(
        f"{what}: {part!r} are no hours; give them like 'mon-fri 22:00-06:00; sat,sun 00:00-24:00'"
    )
