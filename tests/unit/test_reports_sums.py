"""An alert of a sum of weak scores: reports and pages say what its score is of, and no more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pipeline.alerts.alerts import Alert, alerts_from_events
from pipeline.alerts.events import EventPolicy, join_anomalies
from pipeline.alerts.sequential import SumRule
from pipeline.assembly import Site
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.sums import is_of_a_sum
from pipeline.scoring.anomaly import Anomaly, PartScore
from tests.alerts_makers import MODEL, NOON, anomaly, camera, policy
from tests.dashboard_site import filled_site, signed_in
from tests.reports_makers import TAIL, footage_at, model, open_small_site, segment_of

SUMS = (SumRule(drift=1.0, offset=0.0, gain=1.0),)
OF_ALL = {
    "en": "of all its clips together; none of them reached it alone",
    "ja": "クリップ全体を合わせた値です。単独でここまで達したクリップはありません",
}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Return a site with the model of line-1 and ten minutes of footage without scores."""
    opened = open_small_site(tmp_path)
    opened.store.put_camera(camera())
    film = footage_at(0, 600, "noon.mp4")
    opened.store.add_footage(film, [segment_of(film, 0, 600)], [])
    opened.store.add_model(model(), [])
    opened.store.promote(MODEL, NOON)
    yield opened
    opened.close()


def scored(
    site: Site, scores: dict[range, float], sums: tuple[SumRule, ...] = SUMS, **changes: float
) -> Alert:
    """Store a clip a second, and return the one alert that this makes."""
    (segment,) = site.store.segments("line-1")
    clips: list[Anomaly] = []
    for second in range(1, 600):
        score = next((score for seconds, score in scores.items() if second in seconds), 0.4)
        made = anomaly(second, score)
        clips.append(replace(made, clip=replace(made.clip, segment_id=segment.segment_id)))
    rule: EventPolicy = replace(policy(**changes), sums=sums)
    events = list(join_anomalies(clips, rule))
    (alert,) = alerts_from_events(events, rule, TAIL, 1.0)
    site.store.add_anomalies(clips)
    site.store.put_events(events)
    site.store.add_alert(alert, [])
    return alert


def page_of(site: Site, language: str = "en") -> str:
    """Return the report of the ten minutes."""
    until = NOON + timedelta(minutes=10)
    page = write_camera_report(site, "line-1", since=NOON, until=until, language=language)
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_what_is_a_little_strange_for_a_while_is_said_to_be_a_sum(
    site: Site, language: str
) -> None:
    alert = scored(site, {range(300, 330): 2.2})
    assert alert.score > 30.0
    assert is_of_a_sum(site.store, alert)
    text = page_of(site, language)
    assert OF_ALL[language] in text
    said = {
        "en": "So does what stays below it and is a little unusual for some time",
        "ja": "しきい値に届かなくても、やや珍しい状態がしばらく続けばアラートになります。",
    }
    assert said[language] in text


@pytest.mark.parametrize("smoothing_seconds", [0.0, 2.0])
def test_a_strange_clip_is_not_said_to_be_a_sum(site: Site, smoothing_seconds: float) -> None:
    strange = {range(300, 305): 7.0, range(305, 308): 9.0, range(308, 312): 6.0}
    alert = scored(site, strange, sums=(), smoothing_seconds=smoothing_seconds)
    assert not is_of_a_sum(site.store, alert)
    assert OF_ALL["en"] not in page_of(site)


def test_nothing_is_said_of_what_is_not_stored(site: Site) -> None:
    alert = scored(site, {range(300, 330): 2.2})
    assert not is_of_a_sum(site.store, replace(alert, model_id="e" * 32))
    assert not is_of_a_sum(site.store, replace(alert, zone="belt"))
    assert not is_of_a_sum(site.store, replace(alert, peak_utc=NOON + timedelta(hours=5)))


def test_a_zone_is_compared_with_what_was_said_of_it(site: Site) -> None:
    (segment,) = site.store.segments("line-1")
    made = anomaly(100, 7.0)
    parts = {"belt": PartScore(score=2.0, expert="critic", place=made.place)}
    clip = replace(made.clip, segment_id=segment.segment_id)
    site.store.add_anomalies([replace(made, clip=clip, parts=parts)])
    alert = replace(scored(site, {range(300, 330): 2.2}), peak_utc=clip.end_utc, score=5.0)
    assert is_of_a_sum(site.store, replace(alert, zone="belt"))
    assert not is_of_a_sum(site.store, replace(alert, zone="gate"))
    assert not is_of_a_sum(site.store, alert)


def test_the_page_of_an_alert_says_it_too(tmp_path: Path) -> None:
    with filled_site(tmp_path, pictures=False) as filled:
        alert = filled.store.alerts("line-1")[0]
        address = f"/alerts/{alert.alert_id}"
        assert OF_ALL["en"] not in signed_in(filled, "vic").get(address).text
        grown = replace(alert, score=36.8, end_utc=alert.end_utc + timedelta(seconds=1))
        filled.store.add_alert(grown, [])
        text = signed_in(filled, "vic").get(address).text
        assert OF_ALL["en"] in text
        assert "36.8" in text
