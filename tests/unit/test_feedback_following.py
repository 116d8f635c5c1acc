"""From a verdict to what is suppressed, opened, explained and woken, by what a site offers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from pipeline.alerts.events import Event
from pipeline.alerts.reviews import review_alert, take_back_review
from pipeline.assembly import Site
from pipeline.errors import FootageError, SettingsError, StoreError
from pipeline.feedback.explain import explain_alert
from pipeline.feedback.judging import HarmlessJudge
from pipeline.feedback.looking import strange_clips
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import PatternState
from pipeline.feedback.undo import remove_pattern
from pipeline.feedback.waking import wake_patterns
from pipeline.footage.admission import Reason
from pipeline.reports.facts import gather_facts
from pipeline.reports.views import suppressed_words
from pipeline.reports.words import Words
from pipeline.scoring.anomaly import Anomaly
from tests import store_samples as samples
from tests.fakes import FakeClock
from tests.feedback_makers import event_looks, look, suppression
from tests.reports_makers import open_small_site
from tests.store_samples import Line, alert, event, fill, model
from tests.synthesis_makers import camera_model


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    opened = replace(open_small_site(tmp_path), clock=FakeClock())
    yield opened
    opened.close()


def judged(site: Site, one: Line, number: int, looks: EventLooks) -> str:
    """Let an event come that looks so, as scoring does, and return the id of its alert."""
    joined = event(one.anomalies[number], one.anomalies[number + 1])
    raised = alert(joined)
    site.store.put_events([joined])
    site.store.add_alert(raised, [], looks=looks)  # as if its clips had been looked at
    judge = HarmlessJudge(
        site=site, camera=one.camera, model=cast(Any, None), stretch_of=cast(Any, None)
    )
    found = judge.judge(raised, joined)
    assert found.looks == looks
    return raised.alert_id if found.suppression is None else found.suppression.pattern_id


def line(site: Site) -> Line:
    one = fill(site.store, reviewed=False)
    site.store.add_alert(one.alert, [], looks=event_looks(one.model.model_id))
    return one


def quiet(site: Site, one: Line, number: int = 3) -> str:
    """Record a new alert that looks like the pattern, judged by it, and return its id."""
    joined = event(one.anomalies[number], one.anomalies[number + 1])
    raised = alert(joined)
    looks = event_looks(one.model.model_id, seconds=0.5)
    site.store.put_events([joined])
    (pattern,) = site.store.patterns("press-1")
    site.store.add_alert(
        raised, [], looks=looks, suppression=suppression(raised.alert_id, pattern.pattern_id)
    )
    return raised.alert_id


def test_what_looks_like_a_harmless_alert_is_suppressed_and_nothing_else(site: Site) -> None:
    one = line(site)
    seen = event_looks(one.model.model_id, seconds=0.5)
    # Nobody has said anything yet.
    assert judged(site, one, 1, seen) == alert(event(one.anomalies[1], one.anomalies[2])).alert_id
    review_alert(site, one.alert.alert_id, "known_harmless", "sato")
    (pattern,) = site.store.patterns("press-1")
    assert judged(site, one, 1, seen) == pattern.pattern_id
    other = replace(seen, looks=(look(10, 1),))
    assert judged(site, one, 3, other) != pattern.pattern_id
    site.store.add_model(model(number=1), [])
    site.store.promote(model(number=1).model_id, site.clock.now_utc())
    assert judged(site, one, 1, seen) != pattern.pattern_id


def test_an_alert_is_no_repeat_of_itself(site: Site) -> None:
    one = line(site)
    review_alert(site, one.alert.alert_id, "known_harmless", "sato")
    judge = HarmlessJudge(
        site=site, camera=one.camera, model=cast(Any, None), stretch_of=cast(Any, None)
    )
    looks = event_looks(one.model.model_id, seconds=3.5)
    site.store.add_alert(one.alert, [], looks=looks)
    assert judge.judge(one.alert, one.event).suppression is None


@pytest.mark.parametrize("undo", ["removed", "anomaly", "taken back", "other verdict"])
def test_every_way_of_undoing_opens_what_was_suppressed(site: Site, undo: str) -> None:
    one = line(site)
    review_alert(site, one.alert.alert_id, "known_harmless", "sato")
    (pattern,) = site.store.patterns("press-1")
    hidden = quiet(site, one)
    assert [one.alert_id for one in site.store.suppressions("press-1")] == [hidden]
    if undo == "removed":
        assert remove_pattern(site, pattern.pattern_id[:9], "rei")[1] == [hidden]
    elif undo == "anomaly":
        review_alert(site, hidden, "anomaly", "rei")
    elif undo == "taken back":
        take_back_review(site, one.alert.alert_id, "sato")
    else:
        cast(FakeClock, site.clock).advance(1.0)
        review_alert(site, one.alert.alert_id, "false_alarm", "sato", after=pattern.review_id)
    assert site.store.suppressions("press-1") == []
    assert site.store.pattern(pattern.pattern_id).state is PatternState.ENDED


def test_a_pattern_is_removed_once_and_by_somebody(site: Site) -> None:
    one = line(site)
    review_alert(site, one.alert.alert_id, "known_harmless", "sato")
    (pattern,) = site.store.patterns("press-1")
    with pytest.raises(SettingsError, match="name of whoever"):
        remove_pattern(site, pattern.pattern_id, " ")
    remove_pattern(site, pattern.pattern_id, "rei")
    with pytest.raises(SettingsError, match=r"by rei \(removed\)"):
        remove_pattern(site, pattern.pattern_id, "rei")
    with pytest.raises(StoreError, match="no pattern is or begins with"):
        remove_pattern(site, "ffffffff", "rei")


def test_why_an_alert_is_suppressed_is_said_with_the_verdict(site: Site) -> None:
    one = line(site)
    assert explain_alert(site, one.alert.alert_id).lines == [
        "not suppressed", "camera press-1 has no pattern",
    ]  # fmt: skip
    review_alert(site, one.alert.alert_id, "known_harmless", "sato", "the lift")
    hidden = quiet(site, one)
    said = explain_alert(site, hidden).lines
    assert said[0].startswith("suppressed: it looks like alert ")
    assert "sato called known and harmless (the lift)" in said[0]
    assert "alike, at 0% of the distance allowed" in said[1]
    assert "was made of this alert" in explain_alert(site, one.alert.alert_id).lines[1]
    (pattern,) = site.store.patterns("press-1")
    remove_pattern(site, pattern.pattern_id, "rei")
    assert explain_alert(site, hidden).lines[0].startswith("was suppressed until rei ended that")


def test_a_report_leaves_suppressed_alerts_out_and_counts_them_by_reviewer(site: Site) -> None:
    one = line(site)
    review_alert(site, one.alert.alert_id, "known_harmless", "sato")
    hidden = quiet(site, one)
    facts = gather_facts(site, "press-1", one.segment.start_utc, one.segment.end_utc)
    assert [item.alert.alert_id for item in facts.alerts] == [one.alert.alert_id]
    assert facts.suppressed == {"sato": 1}
    assert suppressed_words(facts, Words("en", "UTC")).startswith("1 more looked like something")
    assert "sato 1" in suppressed_words(facts, Words("ja", "UTC"))
    review_alert(site, hidden, "anomaly", "rei")
    facts = gather_facts(site, "press-1", one.segment.start_utc, one.segment.end_utc)
    assert len(facts.alerts) == 2
    assert suppressed_words(facts, Words("en", "UTC")) == ""


def test_patterns_sleep_aloud_where_a_student_scores(site: Site) -> None:
    one = line(site)
    review_alert(site, one.alert.alert_id, "known_harmless", "sato")
    said: list[str] = []
    student = cast(Any, object())
    woken = wake_patterns(site, one.camera, "another", student, cast(Any, None), said.append)
    assert woken == 0
    (line_said,) = said
    assert "of sato sleeps" in line_said
    assert wake_patterns(site, one.camera, one.model.model_id, student, cast(Any, None)) == 0


def test_an_alert_whose_clips_are_gone_is_told_and_stops_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fill(site.store, reviewed=False)

    def gone(*_: object) -> EventLooks:
        raise FootageError("20260131.mp4: no such file", reason=Reason.UNREADABLE)

    monkeypatch.setattr("pipeline.feedback.judging.looks_of_event", gone)
    judge = HarmlessJudge(
        site=site, camera=one.camera, model=camera_model(), stretch_of=cast(Any, None)
    )
    found = judge.judge(one.alert, one.event)
    assert (found.looks, found.suppression) == (None, None)


@pytest.mark.parametrize("strange", ["all the time", "for five seconds"])
def test_the_looks_of_an_event_of_an_hour_are_not_read_anew_for_every_segment(
    site: Site, monkeypatch: pytest.MonkeyPatch, strange: str
) -> None:
    one = fill(site.store, reviewed=False)
    looked = camera_model()
    least = looked.policy.open_score
    until = 3600 if strange == "all the time" else 5
    clips = [
        samples.anomaly(one.segment, one.model, 1_000 + 2 * second, score=score, p_value=10**-score)
        for second in range(3600)
        for score in [least + 1.0 if second < until else least - 0.1]
    ]
    site.store.add_anomalies(clips)

    def seen(_: object, event: Event, given: Iterable[Anomaly], *more: Any) -> EventLooks:
        found = strange_clips(given, event, least)
        length = (event.end_utc - event.start_utc).total_seconds()
        told = tuple(look(score=clip.score) for clip in found[:16])
        return event_looks(
            one.model.model_id, told, seconds=length, score=event.peak_score, whole=len(found) < 17
        )

    monkeypatch.setattr("pipeline.feedback.judging.looks_of_event", seen)
    pages, page = [0], site.store._page  # type: ignore[attr-defined]

    def counting(query: Any) -> list[Anomaly]:
        found: list[Anomaly] = page(query)
        pages[0] += len(found)
        return found

    monkeypatch.setattr(site.store, "_page", counting)
    judge = HarmlessJudge(site=site, camera=one.camera, model=looked, stretch_of=cast(Any, None))
    whole = event(
        clips[0], clips[-1], peak_score=clips[0].score, peak_anomaly_id=clips[0].anomaly_id
    )
    for number in range(60):
        joined = replace(whole, end_utc=clips[60 * number + 59].clip.end_utc, closed=number == 59)
        raised = alert(joined)
        site.store.put_events([joined])
        site.store.add_alert(raised, [], looks=judge.judge(raised, joined).looks)
    assert pages[0] <= 4 * len(clips)
    assert site.store.looks(raised.alert_id) == seen(None, whole, clips)
