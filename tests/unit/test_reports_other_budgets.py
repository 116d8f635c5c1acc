"""Promise: the settings of a camera tell what other budgets would have raised, as `what-if`."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.alerts.budget import EventTail, score_at_rate
from pipeline.assembly import Site, open_site
from pipeline.health.events import Trouble
from pipeline.reports.budget_rows import budgets_lately
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.other_budgets import other_budgets
from pipeline.reports.what_if import what_if
from pipeline.reports.words import Words
from pipeline.scoring.policy import policy_within
from tests.store_samples import (
    METRICS,
    MORNING,
    SECOND_US,
    Line,
    camera,
    event,
    fill,
    health,
    model,
)

TAIL = EventTail(threshold=1.0, events_per_day=300.0, scale=0.4, shape=0.0)
BUDGET = 2.0
PEAKS = {
    "half": score_at_rate(TAIL, BUDGET / 2) + 0.05,
    "own": score_at_rate(TAIL, BUDGET) + 0.05,
    "twice": score_at_rate(TAIL, 2 * BUDGET) + 0.05,
    "four times": score_at_rate(TAIL, 4 * BUDGET) + 0.05,
}


@pytest.fixture
def line(tmp_path: Path) -> tuple[Site, Line]:
    """Return a site whose camera has a model with four events, one for each budget."""
    (tmp_path / "kizashi.toml").touch()
    site = open_site(tmp_path)
    line = fill(site.store, reviewed=False)
    assert camera().budget_per_day == BUDGET
    known = {"tail": TAIL.to_dict(), "policy": policy_within(TAIL, BUDGET).to_dict()}
    record = model(number=1)
    site.store.add_model(replace(record, calibration={**record.calibration, **known}), METRICS)
    site.store.promote(record.model_id, MORNING)
    quiet = [
        replace(one, anomaly_id=f"{number:032d}", model_id=record.model_id, score=0.1)
        for number, one in enumerate(line.anomalies)
    ]
    places = range(2, len(quiet), len(quiet) // 4)
    scored = list(quiet)
    for at, score in zip(places, PEAKS.values(), strict=False):
        scored[at] = replace(scored[at], score=score)
    site.store.add_anomalies(scored)
    events = [
        event(scored[at], scored[at], event_id=f"{at:032d}")
        for at, _ in zip(places, PEAKS, strict=False)
    ]
    site.store.put_events(events)
    site.store.mark_scored(line.segment.segment_id, record.model_id, len(scored), MORNING)
    return site, line


def test_each_budget_has_the_events_that_reach_it(line: tuple[Site, Line]) -> None:
    site, filled = line
    begin, end = filled.segment.start_utc, filled.segment.end_utc + timedelta(microseconds=1)
    found = other_budgets(site, "press-1", begin, end)
    assert [one.budget_per_day for one in found] == [1.0, 2.0, 4.0, 8.0]
    assert [len(one.alerts) for one in found] == [1, 2, 3, 4]
    assert {one.watched_seconds for one in found} == {60.0}
    # The alert of the store is kept or silent, as when the scores are joined again.
    again = what_if(site, "press-1")
    assert [one.alert_score for one in found] == [one.alert_score for one in again]
    assert [one.kept + len(one.silent) for one in found] == [1] * 4


def test_events_in_time_that_is_not_counted_are_not_counted_either(
    line: tuple[Site, Line],
) -> None:
    site, filled = line
    begin, end = filled.segment.start_utc, filled.segment.end_utc + timedelta(microseconds=1)
    # Scored, and found since by another model to be of a covered camera: the strongest event is in
    # the first three seconds.
    covered = health(filled.segment, 0, 3 * SECOND_US, Trouble.COVERED)
    site.store.put_health(filled.segment.segment_id, [covered])
    found = other_budgets(site, "press-1", begin, end)
    assert [len(one.alerts) for one in found] == [0, 1, 2, 3]
    assert {one.watched_seconds for one in found} == {57.0}


def test_a_budget_that_events_open_too_late_for_is_left_out(line: tuple[Site, Line]) -> None:
    site, filled = line
    begin, end = filled.segment.start_utc, filled.segment.end_utc + timedelta(microseconds=1)
    registered = site.store.camera("press-1")
    site.store.put_camera(replace(registered, budget_per_day=100.0))
    # The model opens events for two a day; fifty and more begin below that.
    opens = policy_within(TAIL, BUDGET).open_score
    asked = [50.0, 100.0, 200.0, 400.0]
    told = [one for one in asked if policy_within(TAIL, one).alert_score >= opens]
    assert [one.budget_per_day for one in other_budgets(site, "press-1", begin, end)] == told


def test_the_settings_say_it_in_words_and_nothing_where_nothing_is_known(
    line: tuple[Site, Line], tmp_path: Path
) -> None:
    site, _ = line
    shown = budgets_lately(site, site.store.camera("press-1"), Words("en", "UTC"))
    assert shown.watched == "1 min 0 s"
    assert [(row.budget, row.own, row.alerts) for row in shown.rows] == [
        ("1", False, 1),
        ("2", True, 2),
        ("4", False, 3),
        ("8", False, 4),
    ]
    assert all(row.lost == row.spared == 0 for row in shown.rows)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "kizashi.toml").touch()
    empty = open_site(tmp_path / "empty")
    empty.store.put_camera(camera())
    assert budgets_lately(empty, camera(), Words("en", "UTC")).rows == ()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_report_of_a_camera_says_it_too(line: tuple[Site, Line], language: str) -> None:
    site, filled = line
    begin, end = filled.segment.start_utc, filled.segment.end_utc + timedelta(microseconds=1)
    page = write_camera_report(site, "press-1", since=begin, until=end, language=language)
    words = Words(language, "UTC")
    html = page.read_text(encoding="utf-8")
    section = html.split(f"{words('budgets.title')}</h2>")[1].split("</section>")[0]
    rows = section.split("<tr>")[2:]
    budgets = ["1", words("budgets.own", budget="2"), "4", "8"]
    assert [row.split("</th>")[0].removeprefix('<th scope="row">') for row in rows] == budgets
    assert [row.split('class="number">')[1].split("<")[0] for row in rows] == ["1", "2", "3", "4"]
    line_before = write_camera_report(
        site, "press-1", since=begin - timedelta(days=2), until=begin, language=language
    )
    assert words("budgets.title") not in line_before.read_text(encoding="utf-8")
