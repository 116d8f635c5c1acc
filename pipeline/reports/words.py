"""Words: times, lengths, shares, places and frequencies as people read them, in one language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.alerts.alerts import Alert
from pipeline.errors import SettingsError
from pipeline.reports.period import Period, PeriodKind
from pipeline.scoring.anomaly import Place

__all__ = ["LANGUAGES", "Words", "catalogue"]

LANGUAGES = ("en", "ja")

_DAYS_PER_YEAR = 365.25


@cache
def catalogue(language: str, package: str = "pipeline.reports.text") -> Mapping[str, str]:
    """Return the texts of a language by key; SettingsError when there are none."""
    if language not in LANGUAGES:
        raise SettingsError(f"language {language!r}: use one of {', '.join(LANGUAGES)}")
    text = resources.files(package).joinpath(f"{language}.json")
    texts: dict[str, str] = json.loads(text.read_text(encoding="utf-8"))
    return texts


class Words:
    """The texts of one language, with times in one time zone.

    `packages`: of catalogues beside that of the reports, such as `pipeline.trial.text`.
    """

    def __init__(self, language: str, timezone: str, *packages: str) -> None:
        self.language = language
        self.zone = ZoneInfo(timezone)
        self._texts = dict(catalogue(language))
        for package in packages:
            self._texts.update(catalogue(language, package))

    def __call__(self, key: str, **values: Any) -> str:
        """Return the text of `key` with `values` filled in."""
        return self._texts[key].format(**values)

    def knows(self, key: str) -> bool:
        """Tell whether there is a text of that key."""
        return key in self._texts

    # times -------------------------------------------------------------------------------------

    def time(self, moment: datetime, form: str = "full") -> str:
        """Return a moment in the camera's time zone; `form` is full, minute, clock or tick*."""
        local = moment.astimezone(self.zone)
        return self(
            f"time.{form}",
            year=local.year,
            month=local.month,
            day=local.day,
            hour=local.hour,
            minute=local.minute,
            second=local.second,
        )

    def times(self, start: datetime, end: datetime) -> str:
        """Return a stretch of time, the date once when it begins and ends on one local day."""
        same_day = start.astimezone(self.zone).date() == end.astimezone(self.zone).date()
        last = self.time(end, "clock" if same_day else "full")
        return self("alert.when", start=self.time(start), end=last)

    def period(self, period: Period) -> str:
        """Return the name of a day, week or month, as the title of its report."""
        first = period.first
        year, week, _ = first.isocalendar()
        return self(
            f"period.{period.kind}",
            year=year if period.kind is PeriodKind.WEEK else first.year,
            week=week,
            month=first.month,
            day=first.day,
        )

    def length(self, seconds: float) -> str:
        """Return a length of time in its two largest units."""
        whole = round(seconds)
        if whole < 60:
            fine = seconds < 9.95 and not float(seconds).is_integer()
            return self("length.seconds", seconds=f"{seconds:.1f}" if fine else whole)
        if whole < 3600:
            return self("length.minutes", minutes=whole // 60, seconds=whole % 60)
        minutes = round(seconds / 60)
        if minutes < 48 * 60:
            return self("length.hours", hours=minutes // 60, minutes=minutes % 60)
        hours = round(seconds / 3600)
        return self("length.days", days=hours // 24, hours=hours % 24)

    # numbers -----------------------------------------------------------------------------------

    def number(self, value: float) -> str:
        """Return a number >= 0 with about two digits, whole from 10 on, never in powers."""
        if value >= 10 or value == int(value):
            return f"{value:,.0f}"
        if value >= 1:
            return f"{value:.1f}"
        if value >= 0.1:
            return f"{value:.2f}"
        return f"{value:.3f}" if value >= 0.001 else "< 0.001"

    def share(self, share: float) -> str:
        """Return a share of 1 in per cent; what is not nothing and not all never looks so."""
        percent = 100.0 * share
        if 0 < percent < 0.1:
            return "< 0.1 %"
        if 99.9 < percent < 100:
            return "> 99.9 %"
        return f"{percent:.0f} %" if percent in (0.0, 100.0) else f"{percent:.1f} %"

    # sentences ---------------------------------------------------------------------------------

    def often(self, per_day: float) -> str:
        """Return how often a rate of events a day is, in words."""
        days = 1.0 / per_day
        if days > 10 * _DAYS_PER_YEAR:
            return self("often.hardly_ever")
        if days >= 2 * _DAYS_PER_YEAR:
            return self("often.once_in_years", count=round(days / _DAYS_PER_YEAR))
        if days >= 1.5:
            return self("often.once_in_days", count=round(days))
        if days > 0.75:
            return self("often.once_a_day")
        if days > 0.25:
            return self("often.once_in_hours", count=round(days * 24))
        return self("often.many_a_day", count=round(per_day))

    def place(self, place: Place) -> str:
        """Return where in the picture a place lies and how much of it it covers."""
        column = min(int(3 * (place.x + place.width / 2)), 2)
        row = min(int(3 * (place.y + place.height / 2)), 2)
        name = (
            ("upper_left", "upper", "upper_right"),
            ("left", "centre", "right"),
            ("lower_left", "lower", "lower_right"),
        )[row][column]
        covered = f"{max(1, round(100 * place.width * place.height))} %"
        return self("place", place=self(f"place.{name}"), share=covered)

    def where(self, alert: Alert) -> str:
        """Return where in the picture an alert is, with the name of its zone."""
        place = self.place(alert.place)
        return f"{place} ({alert.zone})" if alert.zone else place

    def state(self, state: str) -> str:
        """Return a state of coverage in words."""
        if self.knows(f"coverage.{state}"):
            return self(f"coverage.{state}")
        return self("coverage.blind", reason=self(f"reason.{state}"))

    def light(self, state: str) -> str:
        """Return what a lighting state is called; the second of a kind has its number."""
        kind, _, number = state.rpartition("_")
        if not number.isdigit():
            return self(f"light.{state}")
        return self("light.numbered", state=self(f"light.{kind}"), number=number)

    def expert(self, name: str) -> str:
        """Return what an expert is called; one without words goes by its name."""
        return self(f"expert.{name}") if self.knows(f"expert.{name}") else name

    def expert_meaning(self, name: str) -> str:
        """Return what it means that this expert found something."""
        key = f"expert.{name}.meaning"
        return self(key if self.knows(key) else "expert.other.meaning")
