"""Reports of days, weeks and months: local midnights, the period before, the budget's interval."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from pipeline.alerts.reviews import review_alert
from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.rates import poisson_interval
from pipeline.reports.alert_rows import ALERT_COLUMNS, alerts_csv
from pipeline.reports.camera_report import write_camera_report, write_period_report
from pipeline.reports.comparison import budget_verdict, compared_rows
from pipeline.reports.coverage import WATCHED, CoverageSpan
from pipeline.reports.facts import ReportFacts, gather_facts
from pipeline.reports.period import PeriodKind, last_period, parse_date, period_of
from pipeline.reports.scheduled import artifact_key, write_scheduled_report
from pipeline.reports.words import Words
from pipeline.settings import Settings
from tests.alerts_makers import NOON, camera
from tests.fakes import FakeClock
from tests.reports_makers import add_alerts, fill_morning, open_small_site

DAY, WEEK, MONTH = PeriodKind.DAY, PeriodKind.WEEK, PeriodKind.MONTH
MORNING = period_of(DAY, date(2026, 3, 2), "Asia/Tokyo")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site with the morning of 2026-03-02 of line-1 and its three alerts."""
    opened = open_small_site(tmp_path)
    add_alerts(opened, fill_morning(opened))
    yield opened
    opened.close()


def facts_of_days(site: Site, days: float, *, budget: float) -> ReportFacts:
    """Return the facts of the morning as if its alerts had come in `days` watched days."""
    facts = gather_facts(site, "line-1", MORNING.since, MORNING.until)
    end = facts.since + timedelta(days=days)
    span = CoverageSpan(state=WATCHED, start_utc=facts.since, end_utc=end)
    registered = replace(facts.camera, budget_per_day=budget)
    return replace(facts, until=end, spans=[span], camera=registered)


@pytest.mark.parametrize(
    ("kind", "day", "zone", "since", "until", "name"),
    [
        (DAY, date(2026, 3, 2), "Asia/Tokyo", "2026-03-01T15", "2026-03-02T15", "day-2026-03-02"),
        pytest.param(
            *(DAY, date(2026, 3, 29), "Europe/Berlin", "2026-03-28T23", "2026-03-29T22"),
            "day-2026-03-29",
            id="23 hours",
        ),
        pytest.param(
            *(DAY, date(2026, 10, 25), "Europe/Berlin", "2026-10-24T22", "2026-10-25T23"),
            "day-2026-10-25",
            id="25 hours",
        ),
        pytest.param(
            *(DAY, date(2025, 9, 7), "America/Santiago", "2025-09-07T04", "2025-09-08T03"),
            "day-2025-09-07",
            id="midnight is left out",
        ),
        pytest.param(
            *(DAY, date(2025, 11, 2), "America/Havana", "2025-11-02T04", "2025-11-03T05"),
            "day-2025-11-02",
            id="midnight comes twice",
        ),
        (WEEK, date(2027, 1, 3), "UTC", "2026-12-28T00", "2027-01-04T00", "week-2026-W53"),
        pytest.param(
            *(WEEK, date(2026, 3, 25), "Europe/Berlin", "2026-03-22T23", "2026-03-29T22"),
            "week-2026-W13",
            id="167 hours",
        ),
        (MONTH, date(2028, 2, 29), "UTC", "2028-02-01T00", "2028-03-01T00", "month-2028-02"),
        (MONTH, date(2026, 12, 31), "UTC", "2026-12-01T00", "2027-01-01T00", "month-2026-12"),
    ],
)
def test_a_period_is_from_local_midnight_to_local_midnight(
    kind: PeriodKind, day: date, zone: str, since: str, until: str, name: str
) -> None:
    period = period_of(kind, day, zone)
    assert period.since == datetime.fromisoformat(since).replace(tzinfo=UTC)
    assert period.until == datetime.fromisoformat(until).replace(tzinfo=UTC)
    assert period.name == name


@pytest.mark.parametrize("kind", list(PeriodKind))
@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "America/Havana", "Pacific/Apia"])
def test_periods_follow_each_other_without_a_hole(kind: PeriodKind, zone: str) -> None:
    period = period_of(kind, date(2026, 12, 31), zone)
    for _ in range(60):
        before = period.before
        assert before.until == period.since
        assert before.next_first == period.first
        period = before


def test_the_last_period_is_over(site: Site) -> None:
    later = replace(site, clock=FakeClock(datetime(2026, 3, 3, 16, tzinfo=UTC)))
    # 01:00 on the 4th in Tokyo; the footage is of the 2nd, before the 3rd.
    assert last_period(later, "line-1", DAY).name == "day-2026-03-02"
    assert last_period(later, "line-1", MONTH).name == "month-2026-02"
    soon = replace(site, clock=FakeClock(datetime(2026, 3, 2, 16, tzinfo=UTC)))
    assert last_period(soon, "line-1", DAY).name == "day-2026-03-02"
    assert last_period(soon, "line-1", WEEK).name == "week-2026-W09"


def test_footage_that_ends_at_midnight_belongs_to_the_day_before(site: Site) -> None:
    site.store.put_camera(camera(timezone="Etc/GMT+6"))
    # The morning ends 05:45 UTC; seen from there an archive ends on the day before.
    later = replace(site, clock=FakeClock(datetime(2026, 5, 1, tzinfo=UTC)))
    assert last_period(later, "line-1", DAY).name == "day-2026-03-01"


@pytest.mark.parametrize("text", ["", "2026-02-30", "31.1.2026", "24h"])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="is no day"):
        parse_date(text)


def test_a_report_of_a_day_is_named_by_it_and_stands_beside_the_day_before(site: Site) -> None:
    done = write_period_report(site, "line-1", MORNING, language="en")
    html = done.page.read_text(encoding="utf-8")
    assert done.page == site.reports_folder / "line-1" / "day-2026-03-02.en.html"
    assert (done.page.parent / "day-2026-03-02.csv").exists()
    assert "Daily report, 2026-03-02" in html
    assert "Beside the period before" in html
    assert len(done.facts.alerts) == 3
    assert len(done.before.alerts) == 0
    rows = {
        row.label: (row.now, row.before)
        for row in compared_rows(done.facts, done.before, done.words)
    }
    assert rows["Alerts"] == ("3", "0")
    assert rows["Time watched"] == ("2 h 43 min (11.3 %)", "0 s (0 %)")
    assert rows["Alerts a day of watched time"][1] == "nothing was watched"


def test_a_report_of_a_range_has_a_table_too_and_no_comparison(site: Site) -> None:
    page = write_camera_report(
        site, "line-1", since=NOON, until=NOON + timedelta(hours=3), language="ja"
    )
    html = page.read_text(encoding="utf-8")
    assert "前の期間" not in html
    (table,) = page.parent.glob("*.csv")
    assert table.name in html


def test_the_rate_has_garwoods_interval() -> None:
    # Garwood (1936): 3 counts, 0.6187 to 8.7673; none, 0 to 3.6889.
    assert poisson_interval(3, 2.0) == pytest.approx((0.6187 / 2, 8.7673 / 2), abs=1e-4)
    assert poisson_interval(0, 1.0) == pytest.approx((0.0, 3.6889), abs=1e-4)


@pytest.mark.parametrize(
    ("days", "budget", "verdicts", "said"),
    [
        pytest.param(10, 1.0, [], "yes: ", id="even all three are few"),
        pytest.param(2, 1.0, [], "not decided: between 0 and 4.4", id="nobody looked"),
        pytest.param(2, 1.0, ["false_alarm"] * 3, "not decided: between 0.31", id="all false"),
        pytest.param(2, 0.1, ["false_alarm"] * 3, "no: at least 0.31", id="too many"),
        pytest.param(4, 1.0, ["anomaly"] * 3, "yes: ", id="all real"),
        pytest.param(2, 1.0, ["anomaly"] * 3, "not decided: between 0 and 1.8", id="short"),
    ],
)
def test_whether_the_budget_was_kept_is_said_only_where_it_is_certain(
    site: Site, days: float, budget: float, verdicts: list[str], said: str
) -> None:
    for alert, verdict in zip(site.store.alerts("line-1"), verdicts, strict=False):
        review_alert(site, alert.alert_id, verdict, "K. Sato")
    facts = facts_of_days(site, days, budget=budget)
    assert budget_verdict(facts, Words("en", "Asia/Tokyo")).startswith(said)


def test_nothing_watched_is_no_kept_budget(site: Site) -> None:
    facts = gather_facts(site, "line-1", NOON - timedelta(days=9), NOON - timedelta(days=8))
    assert budget_verdict(facts, Words("en", "UTC")) == "not known: nothing was watched"


def test_the_table_holds_every_alert_with_its_verdict_and_no_formula(site: Site) -> None:
    first = site.store.alerts("line-1")[0]
    review_alert(site, first.alert_id, "false_alarm", "K. Sato", "=HYPERLINK(1)")
    facts = gather_facts(site, "line-1", MORNING.since, MORNING.until)
    text = alerts_csv(facts).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == ALERT_COLUMNS
    assert [row["alert"] for row in rows] == [a.alert_id for a in site.store.alerts("line-1")]
    assert (rows[0]["verdict"], rows[0]["note"]) == ("false_alarm", "'=HYPERLINK(1)")
    assert rows[0]["start_local"] == "2026-03-02 12:21:50+09:00"
    assert rows[0]["start_utc"] == "2026-03-02T03:21:50Z"
    assert rows[1]["verdict"] == ""


def test_the_scheduled_report_follows_the_setting_and_sums_itself_up(site: Site) -> None:
    later = FakeClock(datetime(2026, 3, 9, 3, tzinfo=UTC))
    weekly = replace(site, settings=Settings(report_period="week", language="ja"), clock=later)
    done = write_scheduled_report(weekly, "line-1")
    assert done.page.name == "week-2026-W10.ja.html"
    assert done.alerts == 3
    assert "週報 2026年 第10週" in done.markdown
    assert re.search(r"^\| アラート件数 \| 3 \| 0 \|$", done.markdown, re.MULTILINE)
    assert done.page.as_uri() in done.markdown


def test_cameras_do_not_share_a_series_of_summaries() -> None:
    keys = {artifact_key(name) for name in ("a-b", "a_b", "ab")}
    assert len(keys) == 3
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in keys)
