"""Local days and schedules over the nights on which clocks change: none missing, none twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pipeline.errors import FootageError
from pipeline.footage.segments import Segment
from pipeline.footage.start_time import time_in_name
from pipeline.reports.coverage import WATCHED, coverage
from pipeline.reports.period import PeriodKind, period_of
from pipeline.settings import Settings
from tests.promises import Promise

ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # its clocks change by half an hour
    "Asia/Kathmandu",
    "Asia/Tokyo",
]
TICK = timedelta(minutes=15)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("years", [1, pytest.param(10, marks=pytest.mark.full)])
def test_a_local_day_is_as_long_as_the_quarters_of_an_hour_in_it(
    years: int, promise: Promise
) -> None:
    first, last = date(2026, 1, 1), date(2026 + years, 1, 1)
    days = 0
    for name in ZONES:
        zone = ZoneInfo(name)
        moment = datetime(2025, 12, 31, tzinfo=UTC)
        quarters: Counter[date] = Counter()
        while (there := moment.astimezone(zone).date()) <= last:
            quarters[there] += 1
            moment += TICK
        day, end = first, None
        while day < last:
            period = period_of(PeriodKind.DAY, day, name)
            assert period.until - period.since == quarters[day] * TICK, (name, day)
            assert end is None or period.since == end, (name, day)
            day, end, days = day + timedelta(days=1), period.until, days + 1
    promise("T2", f"{days} days of {len(ZONES)} zones: each as long as it is, none apart")


@pytest.mark.parametrize(("zone", "day"), [(ZONES[0], 29), (ZONES[1], 8), (ZONES[2], 5)])
def test_what_is_watched_in_local_days_adds_up_to_what_was_watched(zone: str, day: int) -> None:
    month = {29: 3, 8: 3, 5: 4}[day]  # the Sunday of 2026 on which clocks change
    begin = datetime(2026, month, day, tzinfo=UTC) - timedelta(days=3)
    segments = [hour_seen(begin + number * 2 * HOUR) for number in range(84)]
    ends = {one.segment_id: one.start_utc + HOUR for one in segments}
    seen = timedelta()
    for offset in range(-1, 9):
        there = (begin + timedelta(days=offset)).astimezone(ZoneInfo(zone)).date()
        period = period_of(PeriodKind.DAY, there, zone)
        spans = coverage(
            period.since, period.until, segments, [], unscored=set(), last_clip_utc=ends
        )
        assert sum(span.seconds for span in spans) == (period.until - period.since).total_seconds()
        seen += timedelta(seconds=sum(span.seconds for span in spans if span.state == WATCHED))
    assert seen == len(segments) * HOUR


def hour_seen(start_utc: datetime) -> Segment:
    """Return a segment of an hour."""
    return Segment(
        segment_id=start_utc.isoformat(),
        footage_id="f",
        camera="line-1",
        start_us=0,
        end_us=3_600_000_000,
        frames=36_000,
        start_utc=start_utc,
    )


def changes_of_2026(zone: str) -> list[datetime]:
    """Return the moments in which clocks change, found by looking at every quarter."""
    there = ZoneInfo(zone)
    moment, found = datetime(2026, 1, 1, tzinfo=UTC), []
    while moment.year == 2026:
        before, after = (at.astimezone(there).utcoffset() for at in (moment - TICK, moment))
        if before != after:
            found.append(moment)
        moment += TICK
    return found


@pytest.mark.parametrize("zone", ZONES[:3])
def test_every_minute_that_comes_twice_or_never_is_refused_and_every_other_is_right(
    zone: str, promise: Promise
) -> None:
    there = ZoneInfo(zone)
    # Every local minute that has a UTC minute, with all that it may be.
    changes = changes_of_2026(zone)
    assert len(changes) == 2
    told = refused = 0
    for change in changes:
        around = [change + timedelta(minutes=number) for number in range(-240, 240)]
        meant: dict[datetime, list[datetime]] = {}
        for moment in around:
            meant.setdefault(moment.astimezone(there).replace(tzinfo=None), []).append(moment)
        local = min(meant) + 2 * HOUR
        while local < max(meant) - 2 * HOUR:
            name = f"{local:%Y-%m-%dT%H-%M-%S}.mp4"
            found = meant.get(local, [])
            if len(found) == 1:
                assert time_in_name(name, zone) == found[0]
                told += 1
            else:
                with pytest.raises(FootageError, match="occurs twice or never"):
                    time_in_name(name, zone)
                refused += 1
            local += timedelta(minutes=1)
    assert refused in (60, 120)
    promise("T3", f"{zone}: {refused} minutes that come twice or never refused, {told} right")


@pytest.mark.prefect
def test_a_schedule_of_five_minutes_runs_288_times_on_every_day(
    tmp_path: Path, promise: Promise
) -> None:
    from prefect.server.schemas.schedules import IntervalSchedule

    from flows.deployments import deployments_of

    settings = Settings(ingest_interval_seconds=300)
    watch = next(d for d in deployments_of(tmp_path, settings) if d.flow_name == "kizashi-watch")
    (entry,) = watch.schedules or []
    said: Any = entry.schedule
    schedule = IntervalSchedule(
        interval=said.interval, anchor_date=said.anchor_date, timezone=said.timezone
    )
    days = 0
    for zone in ZONES[:3]:
        for change in changes_of_2026(zone):
            midnight = datetime(change.year, change.month, change.day, tzinfo=UTC)
            since, until = midnight - timedelta(days=1), midnight + timedelta(days=2)
            dates = asyncio.run(schedule.get_dates(n=2000, start=since, end=until))
            due = sorted({moment.astimezone(UTC) for moment in dates if since <= moment < until})
            assert due == [since + timedelta(minutes=5 * number) for number in range(3 * 288)]
            assert len(dates) - len(due) <= 1  # the end is in it
            days += 3
    promise("T4", f"{days} days around changes of clocks: 288 rounds a day, 0 missing, 0 doubled")
