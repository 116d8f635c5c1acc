"""What lies at the borders of a report: days whose clocks change, alerts over midnight, days that
are not over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.assembly import Site
from pipeline.reports.camera_report import write_period_report
from pipeline.reports.figures import Axis
from pipeline.reports.period import PeriodKind, period_of
from tests.alerts_makers import NOON
from tests.fakes import FakeClock
from tests.reports_makers import add_alerts, fill_morning, open_small_site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return open_small_site(tmp_path)


@pytest.mark.parametrize("first", [date(2026, 3, 1), date(2026, 10, 1)], ids=["spring", "autumn"])
def test_ticks_of_days_stand_at_midnight_beyond_a_change_of_clocks(first: date) -> None:
    month = period_of(PeriodKind.MONTH, first, "Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    ticks = Axis(since=month.since, until=month.until).tick_moments(zone)
    local = [tick.astimezone(zone) for tick in ticks]
    assert {(tick.hour, tick.minute) for tick in local} == {(0, 0)}
    assert {later.date() - tick.date() for tick, later in pairwise(local)} == {timedelta(days=7)}


def test_ticks_of_hours_are_round_beyond_a_change_of_clocks_and_never_go_back() -> None:
    zone = ZoneInfo("Europe/Berlin")
    for day in (date(2026, 3, 29), date(2026, 10, 25)):
        whole = period_of(PeriodKind.DAY, day, "Europe/Berlin")
        for hours in (24, 5):
            axis = Axis(since=whole.since, until=whole.since + timedelta(hours=hours))
            ticks = axis.tick_moments(zone)
            assert ticks == sorted(set(ticks))
            assert {tick.astimezone(zone).minute for tick in ticks} == {0}
    half = Axis(since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 1, 1, 6, tzinfo=UTC))
    assert {
        t.astimezone(ZoneInfo("Asia/Kolkata")).minute
        for t in half.tick_moments(ZoneInfo("Asia/Kolkata"))
    } == {0}


def test_an_alert_over_midnight_counts_in_the_day_in_which_it_began(site: Site) -> None:
    first, *_ = fill_morning(site)
    midnight = NOON + timedelta(hours=12)  # in Tokyo
    over = replace(
        first,
        start_utc=midnight - timedelta(minutes=1),
        peak_utc=midnight - timedelta(seconds=30),
        end_utc=midnight + timedelta(minutes=1),
    )
    add_alerts(site, [over])
    day = period_of(PeriodKind.DAY, date(2026, 3, 2), "Asia/Tokyo")
    week = period_of(PeriodKind.WEEK, date(2026, 3, 2), "Asia/Tokyo")
    site = replace(site, clock=FakeClock(week.until))
    counts, texts = [], []
    for number in range(7):
        one = period_of(PeriodKind.DAY, day.first + timedelta(days=number), "Asia/Tokyo")
        done = write_period_report(site, "line-1", one, language="en")
        counts.append(len(done.facts.alerts))
        texts.append(done.page.read_text(encoding="utf-8"))
    whole = write_period_report(site, "line-1", week, language="en")
    assert counts == [1, 0, 0, 0, 0, 0, 0]
    assert len(whole.facts.alerts) == sum(counts)
    said = "1 alert began before this time and went on into it; it is counted where it began."
    assert said in texts[1]
    assert "There was no alert" not in texts[1]
    assert said not in texts[0] + texts[2]


def test_what_lies_ahead_is_not_taken_for_time_that_somebody_missed(site: Site) -> None:
    fill_morning(site)  # the clock stands at 18:00 in Tokyo
    today = period_of(PeriodKind.DAY, date(2026, 3, 2), "Asia/Tokyo")
    text = write_period_report(site, "line-1", today, language="en").page.read_text("utf-8")
    assert "6 h 0 min of it were still to come when this was written" in text
    yesterday = write_period_report(site, "line-1", today.before, language="en").page
    assert "still to come" not in yesterday.read_text("utf-8")
