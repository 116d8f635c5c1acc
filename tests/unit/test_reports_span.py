"""The stretch of time that a report covers when nobody names one: what is known, seen or blind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.errors import SettingsError
from pipeline.footage.admission import Reason
from pipeline.footage.gaps import blind_without_footage
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.period import PeriodKind, last_period
from pipeline.reports.span import report_span
from tests.fakes import FakeClock
from tests.store_samples import MORNING, blind, fill, footage, segment

DAY = timedelta(days=1)
HOURS_OF_NINE_DAYS = 9 * 24


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site that saw press-1 on one morning, on the 10th day after it."""
    (tmp_path / "kizashi.toml").touch()
    opened = open_site(tmp_path)
    fill(opened.store)
    yield at(opened, 10 * DAY)
    opened.close()


def at(site: Site, later: timedelta) -> Site:
    """Return a site whose clock stands some time after the morning."""
    return replace(site, clock=FakeClock(MORNING + later))


def add_blind_footage(site: Site, reason: Reason = Reason.DAMAGED) -> None:
    """Record a file of 100 s, nine days after the morning, of which nothing could be seen."""
    film = footage(number=HOURS_OF_NINE_DAYS)
    site.store.add_footage(film, [], [blind(film, 0, 100_000_000, reason)])


@pytest.mark.parametrize("reason", [Reason.DAMAGED, Reason.TRUNCATED])
def test_a_report_reaches_to_the_newest_footage_when_that_is_blind(
    site: Site, reason: Reason
) -> None:
    add_blind_footage(site, reason)
    end = MORNING + 9 * DAY + timedelta(seconds=100)
    archive = at(site, 400 * DAY)
    assert report_span(archive, "press-1") == (end - DAY, end)
    assert report_span(at(site, 9 * DAY + timedelta(hours=1)), "press-1")[1] == (
        MORNING + 9 * DAY + timedelta(hours=1)
    )


def test_a_report_reaches_to_what_was_not_recorded_and_says_why(site: Site) -> None:
    start, end = MORNING + 9 * DAY, MORNING + 9 * DAY + timedelta(hours=2)
    cause = Reason.NOT_RECORDED, "refused: nothing listens there"
    site.store.add_blind([blind_without_footage("press-1", start, end, *cause)])
    now = end + timedelta(minutes=5)
    today = at(site, now - MORNING)
    since, until = report_span(today, "press-1")
    assert (since, until) == (now - DAY, now)
    assert report_span(today, "press-1", since=now - DAY) == (now - DAY, now)
    page = write_camera_report(today, "press-1", since=since, until=until, language="en")
    assert "2 h 0 min" in page.read_text(encoding="utf-8")
    assert "nothing was recorded" in page.read_text(encoding="utf-8")


def test_the_blind_end_of_the_last_file_is_in_the_report(site: Site) -> None:
    film = footage(number=HOURS_OF_NINE_DAYS)
    tail = blind(film, 60_000_000, 100_000_000, Reason.TRUNCATED)
    site.store.add_footage(film, [segment(film)], [tail])
    assert report_span(at(site, 400 * DAY), "press-1")[1] == tail.end_utc


def test_a_clock_ahead_is_followed_only_where_nothing_is_known_of_today(site: Site) -> None:
    add_blind_footage(site)
    end = MORNING + 9 * DAY + timedelta(seconds=100)
    assert report_span(at(site, 5 * DAY), "press-1") == (end - DAY, end)
    now = MORNING + timedelta(hours=1)
    assert report_span(at(site, timedelta(hours=1)), "press-1") == (now - DAY, now)


def test_the_last_period_is_that_of_the_newest_footage_when_that_is_blind(site: Site) -> None:
    add_blind_footage(site)
    # 17:00 in Tokyo on 9 February; the next day is over, or not.
    assert last_period(at(site, 10 * DAY), "press-1", PeriodKind.DAY).name == "day-2026-02-09"
    assert last_period(at(site, 12 * DAY), "press-1", PeriodKind.DAY).name == "day-2026-02-09"
    assert last_period(at(site, 60 * DAY), "press-1", PeriodKind.MONTH).name == "month-2026-02"


def test_a_day_that_has_not_begun_is_no_report(site: Site) -> None:
    now = site.clock.now_utc()
    for until in (now + DAY, now + 2 * DAY, now + 900 * DAY):
        with pytest.raises(SettingsError, match=r"--until .* is still to come"):
            report_span(site, "press-1", until=until)
        with pytest.raises(SettingsError, match=r"--since .* is still to come"):
            report_span(site, "press-1", since=until - timedelta(hours=1), until=until)
    begun = now + timedelta(hours=23)
    assert report_span(site, "press-1", until=begun) == (begun - DAY, begun)
    assert report_span(site, "press-1", since=now - DAY, until=now + DAY) == (now - DAY, now + DAY)


def test_what_is_stored_of_a_camera_whose_clock_is_ahead_has_been(site: Site) -> None:
    add_blind_footage(site)
    early = at(site, timedelta(hours=1))  # footage of today, and of nine days ahead
    end = MORNING + 9 * DAY + timedelta(seconds=100)
    assert report_span(early, "press-1", until=end) == (end - DAY, end)
    assert report_span(early, "press-1", since=end - DAY) == (end - DAY, end)
    with pytest.raises(SettingsError, match="is still to come"):
        report_span(early, "press-1", until=end + DAY)
