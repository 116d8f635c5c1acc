"""From an alert to its pictures: in the light that was found, and an alert stays without them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from dashboards.facts import score_series
from pipeline.alerts.budget import EventTail
from pipeline.camera import Polygon
from pipeline.clips.history import HistoryShape
from pipeline.clips.reader import ClipReader, WindowBatch
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.footage.frames import View
from pipeline.health.events import Trouble
from pipeline.learning.registry import ModelRecord
from pipeline.notification.rules import sinks_for
from pipeline.reports.coverage import NO_FOOTAGE, WAITING
from pipeline.reports.facts import gather_facts
from pipeline.reports.words import Words
from pipeline.scoring import score_camera as scoring
from pipeline.scoring.fusion import CalibratedClips
from pipeline.scoring.peak import picture_of
from pipeline.store.contract import AlertFilter
from pipeline.watching import camera_states
from tests import footage_maker as make
from tests.alerts_makers import policy
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.health_makers import AfraidOfStrangePictures, Image, critic_alone, frames
from tests.lighting_makers import HEIGHT_PX, RATE, WIDTH_PX, lit, two_states
from tests.store_samples import model, review

HOW: dict[str, Any] = {
    "health": None,
    "policy": policy(),
    "tail": EventTail(threshold=3.0, events_per_day=1.0, scale=1.0, shape=0.0),
}
BAR = (slice(40, 52), slice(70, 82))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[FootageSite]:
    with footage_site(tmp_path) as line:
        line.site.store.add_model(replace(model(CAMERA), camera=CAMERA), [])
        yield line


def score(line: FootageSite) -> scoring.ScoreSummary:
    line.lines = []
    return scoring.score_camera(line.site, CAMERA, progress=line.lines.append)


def use(fake: AfraidOfStrangePictures, patch: pytest.MonkeyPatch) -> None:
    record = replace(model(CAMERA), camera=CAMERA)
    patch.setattr(scoring, "_model_for", lambda *_: (record, fake))


def twice_strange(index: int, image: Image) -> Image:
    if 40 <= index < 50 or 220 <= index < 230:
        image[20:60, 40:90] = 255 * (index % 2)
    return image


@cache
def twice_strange_video() -> NDArray[np.uint8]:
    return np.stack([f.image for f in frames(300, paint=twice_strange)])[..., None]


def test_an_alert_whose_pictures_cannot_be_made_stays_and_holds_no_other_back(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(AfraidOfStrangePictures(**HOW), monkeypatch)
    video = twice_strange_video()
    make.encode(line.source / "0.mp4", np.repeat(video, 3, axis=3))
    line.ingest()
    asked: list[str] = []

    def first_is_gone(*given: Any, **how: Any) -> Any:
        asked.append(given[2].anomaly_id)
        if len(asked) == 1:
            raise FootageError("0.mp4: was replaced", reason=Reason.UNREADABLE)
        return picture_of(*given, **how)

    monkeypatch.setattr(scoring, "picture_of", first_is_gone)
    done = score(line)
    assert (done.segments, done.unreadable, done.alerts) == (1, 0, 2)
    store = line.site.store
    first, second = store.alerts(CAMERA)
    assert [len(store.evidence(one.alert_id)) for one in (first, second)] == [0, 4]
    (warning,) = [said for said in line.lines if said.startswith("warning")]
    assert warning == f"warning: alert {first.alert_id[:12]} has no pictures: 0.mp4: was replaced"
    (sink,) = sinks_for(line.site.settings.notify_rules(), CAMERA, first.severity)
    waiting = store.fresh_deliveries(sink, CAMERA, 10)
    assert {one.alert.alert_id for one in waiting} == {first.alert_id, second.alert_id}
    # It is done: not scored again, until what comes after it brings its surroundings up again.
    assert score(line).segments == 0
    make.encode(line.source / "1.mp4", np.repeat(video[:30], 3, axis=3))
    line.ingest()
    assert score(line).alerts == 0
    assert len(store.evidence(first.alert_id)) == 4
    assert not [said for said in line.lines if said.startswith("warning")]


def promoted(line: FootageSite, patch: pytest.MonkeyPatch) -> tuple[ModelRecord, ModelRecord]:
    """Score footage with two alerts by a model, promote another one, and take in a file more with
    one; return both models."""
    fake = AfraidOfStrangePictures(**HOW)
    older, newer = (replace(model(CAMERA, number), camera=CAMERA) for number in (0, 2))
    video = twice_strange_video()
    for number, (record, part) in enumerate(((older, video), (newer, video[200:]))):
        line.site.store.add_model(record, [])
        line.site.store.promote(record.model_id, line.clock.now_utc())
        patch.setattr(scoring, "_model_for", lambda *_, record=record: (record, fake))
        make.encode(line.source / f"{number}.mp4", np.repeat(part, 3, axis=3))
        line.ingest()
        if record is older:
            assert score(line).alerts == 2
    return older, newer


def test_an_incident_shows_once_and_keeps_its_verdict_when_a_model_is_promoted(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = promoted(line, monkeypatch)
    store = line.site.store
    first, second = store.alerts(CAMERA)
    store.add_review(review(first, "anomaly"))
    counts = store.row_counts()["anomalies"]
    done = score(line)
    assert (done.segments, done.alerts) == (1, 1)
    shown = store.browse_alerts(AlertFilter(cameras=[CAMERA]))
    assert [one.alert.model_id for one in shown] == [newer.model_id, older.model_id, older.model_id]
    assert [one.review.verdict if one.review else "" for one in shown] == ["", "", "anomaly"]
    assert [one.alert for one in shown[:0:-1]] == [first, second]
    segments = store.segments(CAMERA)
    new = {one.clip.segment_id for one in store.anomalies(CAMERA, newer.model_id)}
    assert new == {segments[1].segment_id}
    assert store.row_counts()["anomalies"] == counts + done.clips
    # Nothing waits, neither on the pages nor in a report: what the older one has seen was watched.
    (state,) = camera_states(line.site)
    assert (state.segments_to_score, state.open_alerts) == (0, 2)
    when = segments[0].start_utc, segments[1].end_utc
    facts = gather_facts(line.site, CAMERA, *when)
    assert (len(facts.alerts), facts.seconds_of(WAITING)) == (3, 0.0)
    assert facts.watched_seconds == sum((s.end_utc - s.start_utc).total_seconds() for s in segments)
    words = Words("en", "UTC")
    drawn = score_series(line.site, store.camera(CAMERA), words, *when)
    assert [hole["says"] for hole in drawn["blind"]] == [words.state(NO_FOOTAGE)]


def test_who_asks_for_it_has_the_past_scored_again_and_nobody_is_told_again(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    promoted(line, monkeypatch)
    store = line.site.store
    told = {one.alert.alert_id for one in store.fresh_deliveries("file", CAMERA, 10)}
    assert told == {alert.alert_id for alert in store.alerts(CAMERA)}
    assert scoring.score_camera(line.site, CAMERA, again=True).segments == 2
    # All of it is on the pages; told is what nobody had looked at yet.
    (fresh,) = {one.alert.alert_id for one in store.fresh_deliveries("file", CAMERA, 10)} - told
    alerts = {alert.alert_id: alert for alert in store.alerts(CAMERA)}
    assert len(alerts) == 5
    assert alerts[fresh].start_utc >= store.segments(CAMERA)[1].start_utc
    assert scoring.score_camera(line.site, CAMERA, again=True).segments == 0


def test_a_student_that_is_named_scores_the_past_and_the_active_model_still_what_is_new(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, newer = promoted(line, monkeypatch)
    student = replace(model(CAMERA, 3), camera=CAMERA)
    line.site.store.add_model(student, [])
    fake = scoring._model_for(line.site, CAMERA, None)[1]
    monkeypatch.setattr(
        scoring, "_model_for", lambda _, __, named: (student if named else newer, fake)
    )
    done = scoring.score_camera(line.site, CAMERA, exported=Path("student.onnx"))
    assert (done.segments, done.alerts) == (2, 3)
    # It never was the active one: what it alone has scored waits for the model that watches.
    done = score(line)
    assert (done.segments, done.alerts) == (1, 1)


@dataclass
class AfraidOfTheBar(AfraidOfStrangePictures):
    """A model that knows lamps and infrared, and fears what differs where the bar is."""

    watches: ClipReader = field(default_factory=lambda: _lit_reader())
    drawn_in: list[str] = field(default_factory=list)
    """The light of each clip that was decoded again."""

    def reader(self, masks: tuple[Polygon, ...] = ()) -> ClipReader:
        return self.watches

    def look(
        self, reader: ClipReader, windows: WindowBatch, *, leave_one_out: bool = False
    ) -> CalibratedClips:
        apart = np.abs(windows.pictures[:, -1] - 1.0 * reader.background_of(windows.lighting))
        return critic_alone(apart[:, *BAR].mean(axis=(1, 2)) / 8.0)

    def expected_pictures(self, reader: ClipReader, windows: WindowBatch) -> NDArray[np.uint8]:
        self.drawn_in.append(windows.lighting)
        return np.repeat(reader.background_of(windows.lighting)[None], len(windows.pictures), 0)


def _lit_reader() -> ClipReader:
    lighting = two_states()
    return ClipReader(
        view=View(width_px=WIDTH_PX, height_px=HEIGHT_PX, frame_rate=float(RATE)),
        frames=8,
        planes=("grey",),
        background_HW=lighting.backgrounds["bright"],
        flow=None,
        history=HistoryShape(steps=10, frames_a_step=4),
    ).in_light(lighting)


def test_pictures_are_of_the_light_that_was_found_and_leave_none_behind(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = AfraidOfTheBar(**HOW)
    use(fake, monkeypatch)
    video = lit(12.0, ["lamps", "infrared"])
    # Just after the light was switched: what went before the clip is of the other light. And faint,
    # or the light would not be steady yet.
    video[123:131, *BAR] += 45
    make.encode(line.source / "0.mp4", video, rate=RATE)
    make.encode(line.source / "1.mp4", lit(4.0, ["infrared"]), rate=RATE)
    line.ingest()
    assert score(line).alerts == 1
    assert fake.drawn_in == ["infrared"]
    first, second = line.site.store.segments(CAMERA)
    found = [(one.segment_id, one.state) for one in line.site.store.lighting(CAMERA)]
    assert found == [
        (first.segment_id, "bright"),
        (first.segment_id, "infrared"),
        (second.segment_id, "infrared"),
    ]
    assert len(line.site.store.health(CAMERA)) == 1


def test_light_that_another_model_found_since_is_not_taken_for_what_this_one_names(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = AfraidOfTheBar(**HOW)
    use(fake, monkeypatch)
    make.encode(line.source / "0.mp4", lit(4.0, ["lamps"]), rate=RATE)
    line.ingest()
    assert score(line).segments == 1
    store = line.site.store
    (segment,) = store.segments(CAMERA)
    mine, other = (replace(model(CAMERA, number), camera=CAMERA) for number in (0, 1))

    def known_to(record: ModelRecord) -> list[str]:
        run = scoring._ScoringRun(line.site, store.camera(CAMERA), record, fake)
        return [spell.state for spell in run.stretch_of(segment.segment_id).known_light]

    assert known_to(mine) == ["bright"]
    # Another model was promoted, scored the segment, and is rolled back.
    store.add_model(other, [])
    line.clock.advance(60.0)
    store.mark_scored(segment.segment_id, other.model_id, 1, line.clock.now_utc())
    assert known_to(other) == ["bright"]
    assert known_to(mine) == []


def test_a_student_that_knows_no_lighting_states_leaves_what_was_found_of_them(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = AfraidOfTheBar(**HOW)
    use(fake, monkeypatch)
    make.encode(line.source / "0.mp4", lit(8.0, ["lamps", "infrared"]), rate=RATE)
    line.ingest()
    assert score(line).segments == 1
    store = line.site.store
    light, switches = store.lighting(CAMERA), store.health(CAMERA)
    assert [one.state for one in light] == ["bright", "infrared"]
    assert [one.trouble for one in switches] == [Trouble.STATE_CHANGE]
    blind = replace(_lit_reader(), lighting=None, backgrounds={})
    student = AfraidOfTheBar(**HOW, watches=blind)
    record = replace(model(CAMERA, 1), camera=CAMERA)
    store.add_model(record, [])
    monkeypatch.setattr(scoring, "_model_for", lambda *_: (record, student))
    done = scoring.score_camera(line.site, CAMERA, exported=Path("student.onnx"))
    assert (done.segments, done.health_events) == (1, 0)
    assert (store.lighting(CAMERA), store.health(CAMERA)) == (light, switches)
    # It is not taken for its own.
    run = scoring._ScoringRun(line.site, store.camera(CAMERA), record, student)
    assert run.stretch_of(light[0].segment_id).known_light == ()
