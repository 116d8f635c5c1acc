"""Periods: the local days, weeks and months of a camera, which reports are written of.

A day of a time zone has 23 or 25 hours when its clocks change; a period is from local midnight to
local midnight, whatever lies between.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.assembly import Site

__all__ = ["Period", "PeriodKind", "last_period", "parse_date", "period_of"]

_DAY = timedelta(days=1)


class PeriodKind(StrEnum):
    """How long a period is."""

    DAY = "day"
    WEEK = "week"
    """From Monday, as ISO 8601 counts."""
    MONTH = "month"


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """One day, week or month of a time zone."""

    kind: PeriodKind
    first: date
    """Its first local day."""
    timezone: str

    @property
    def next_first(self) -> date:
        """First local day of the next period."""
        if self.kind is PeriodKind.MONTH:
            return (self.first.replace(day=28) + 4 * _DAY).replace(day=1)
        return self.first + (7 if self.kind is PeriodKind.WEEK else 1) * _DAY

    @property
    def since(self) -> datetime:
        """Its first moment, in UTC."""
        return _midnight(self.first, self.timezone)

    @property
    def until(self) -> datetime:
        """The first moment after it, in UTC."""
        return _midnight(self.next_first, self.timezone)

    @property
    def before(self) -> Period:
        """The period before this one."""
        return period_of(self.kind, self.first - _DAY, self.timezone)

    @property
    def name(self) -> str:
        """Name of its files: day-2026-01-31, week-2026-W05, month-2026-01."""
        year, week, _ = self.first.isocalendar()
        shown = {
            PeriodKind.DAY: self.first.isoformat(),
            PeriodKind.WEEK: f"{year:04d}-W{week:02d}",
            PeriodKind.MONTH: self.first.isoformat()[:7],
        }[self.kind]
        return f"{self.kind}-{shown}"


def period_of(kind: PeriodKind, day: date, timezone: str) -> Period:
    """Return the period of a time zone that holds a local day."""
    first = {
        PeriodKind.DAY: day,
        PeriodKind.WEEK: day - day.weekday() * _DAY,
        PeriodKind.MONTH: day.replace(day=1),
    }[kind]
    return Period(kind=kind, first=first, timezone=timezone)


def last_period(site: Site, camera_name: str, kind: PeriodKind) -> Period:
    """Return the last period that is over, or, for an archive of which nothing is known in it any
    more, seen or blind, the one in which what is known ends."""
    zone = site.store.camera(camera_name).timezone
    now = site.clock.now_utc()
    over = period_of(kind, now.astimezone(ZoneInfo(zone)).date(), zone).before
    known = site.store.known_until(camera_name)
    if known is None or known > over.since:
        return over
    # The last moment that is known, not the first after it: that may be another day already.
    last = known - timedelta(microseconds=1)
    return period_of(kind, last.astimezone(ZoneInfo(zone)).date(), zone)


def parse_date(text: str) -> date:
    """Return the day that `2026-01-31` means; SettingsError for anything else."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{text!r} is no day; give one like 2026-01-31") from error


def _midnight(day: date, timezone: str) -> datetime:
    # Where midnight comes twice the first counts (fold 0); where clocks skip it, this is the moment
    # at which they do.
    return datetime.combine(day, time(), tzinfo=ZoneInfo(timezone)).astimezone(UTC)
