"""Turns and backlog: a camera with much to catch up on lets others in, and what a live camera
cannot have scored in time is let go, loudly."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from pipeline.alerts.budget import EventTail
from pipeline.health.events import Trouble
from pipeline.learning.registry import ModelRecord
from pipeline.recording.configuration import RecordTable
from pipeline.reports.facts import gather_facts
from pipeline.scoring import score_camera as scoring
from pipeline.scoring.score_camera import ScoreSummary, score_camera
from tests import footage_maker as make
from tests.alerts_makers import policy
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.health_makers import AfraidOfStrangePictures, frames
from tests.store_samples import model

FILES = 4


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the four files."""
    folder = tmp_path_factory.mktemp("films")
    video = np.stack([frame.image for frame in frames(20 * FILES)])
    for number in range(FILES):
        part = video[20 * number : 20 * (number + 1), ..., None]
        make.encode(folder / f"{number}.mp4", np.repeat(part, 3, axis=3))
    return folder


@pytest.fixture
def line(films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FootageSite]:
    """Return a site with four files to score and a model that finds nothing strange."""
    fake = AfraidOfStrangePictures(
        health=None,
        policy=policy(),
        tail=EventTail(threshold=3.0, events_per_day=1.0, scale=1.0, shape=0.0),
    )
    with footage_site(tmp_path) as line:
        shutil.copytree(films, line.source, dirs_exist_ok=True)
        line.ingest()
        record = replace(model(CAMERA), camera=CAMERA)
        line.site.store.add_model(record, [])
        chosen = [record]
        monkeypatch.setattr(scoring, "_model_for", lambda *_: (chosen[-1], fake))
        yield line


def turn(line: FootageSite, seconds: float | None = None) -> ScoreSummary:
    line.lines = []
    return score_camera(line.site, CAMERA, turn_seconds=seconds, progress=line.lines.append)


def live(line: FootageSite, behind: timedelta) -> None:
    """Make it a live camera, at so long after the end of its newest footage."""
    table = RecordTable(camera=CAMERA, url="rtsp://127.0.0.1:8554/line")
    settings = line.site.settings.model_copy(update={"record": [table], "most_behind_seconds": 100})
    wanted = line.site.store.segments(CAMERA)[-1].end_utc + behind
    line.clock.advance((wanted - line.clock.now_utc()).total_seconds())
    line.site = replace(line.site, settings=settings)


def test_a_turn_ends_after_so_much_footage_and_the_next_goes_on(line: FootageSite) -> None:
    first = turn(line, 3.0)
    assert (first.segments, first.waiting) == (2, 2)
    second = turn(line, 3.0)
    assert (second.segments, second.waiting) == (2, 0)
    assert turn(line).segments == 0


def test_a_run_says_where_its_time_went(line: FootageSite) -> None:
    done = turn(line)
    assert {"decode", "light", "windows", "store", "events"} <= set(done.stage_seconds)
    assert all(spent >= 0.0 for spent in done.stage_seconds.values())
    assert max(done.stage_seconds.values()) <= done.wall_seconds
    said = line.lines[-1]
    assert said == f"{CAMERA}: {done.stages_line()}"
    assert f"{done.wall_seconds:.1f} s, {done.clips / done.wall_seconds:.1f} clips a second" in said
    # Nothing to score: nothing to say.
    assert turn(line).stages_line() == ""


def test_a_turn_takes_one_file_at_least(line: FootageSite) -> None:
    assert (done := turn(line, 0.1)).segments == 1
    assert done.waiting == FILES - 1


def test_a_live_camera_lets_the_oldest_go_and_says_so_everywhere(line: FootageSite) -> None:
    live(line, timedelta(seconds=30))
    done = turn(line)
    assert (done.segments, done.let_go_seconds) == (2, pytest.approx(4.0, abs=0.3))
    store = line.site.store
    segments = store.segments(CAMERA)
    gone = store.health(CAMERA)
    assert [event.trouble for event in gone] == [Trouble.BACKLOG] * 2
    assert [event.segment_id for event in gone] == [s.segment_id for s in segments[:2]]
    assert {a.clip.segment_id for a in store.anomalies(CAMERA)} == {
        s.segment_id for s in segments[2:]
    }
    (warning,) = [said for said in line.lines if said.startswith("warning")]
    assert "camera line-1 is behind: 4 s of footage" in warning
    facts = gather_facts(line.site, CAMERA, segments[0].start_utc, segments[-1].end_utc)
    assert facts.seconds_of("backlog") == pytest.approx(done.let_go_seconds)
    # What was let go stays so, and is told once.
    assert (again := turn(line)).let_go_seconds == 0.0
    assert again.segments == 0
    assert line.lines == []


def test_footage_that_was_laid_into_a_folder_may_be_as_old_as_it_likes(line: FootageSite) -> None:
    line.clock.advance(timedelta(days=400).total_seconds())
    done = turn(line)
    assert (done.segments, done.let_go_seconds) == (FILES, 0.0)


def test_a_new_model_sees_the_present_first_and_lets_go_of_nothing_that_was_seen(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn(line, 3.0)
    fake = scoring._model_for(line.site, CAMERA, None)[1]
    newer: ModelRecord = replace(
        model(CAMERA, 2), camera=CAMERA, model_id="f" * 32, digest="f" * 64
    )
    line.site.store.add_model(newer, [])
    monkeypatch.setattr(scoring, "_model_for", lambda *_: (newer, fake))
    live(line, timedelta(seconds=30))
    segments = line.site.store.segments(CAMERA)
    assert turn(line, 3.0).let_go_seconds == 0.0
    scored = {a.clip.segment_id for a in line.site.store.anomalies(CAMERA, newer.model_id)}
    assert scored == {s.segment_id for s in segments[2:]}
    assert turn(line).segments == 2


def test_a_model_that_is_promoted_scores_the_rest_and_not_the_past_again(
    line: FootageSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    (older,) = line.site.store.models(CAMERA)
    line.site.store.promote(older.model_id, line.site.store.segments(CAMERA)[0].start_utc)
    turn(line, 3.0)
    fake = scoring._model_for(line.site, CAMERA, None)[1]
    newer = replace(model(CAMERA, 2), camera=CAMERA)
    line.site.store.add_model(newer, [])
    line.site.store.promote(newer.model_id, line.clock.now_utc())
    monkeypatch.setattr(scoring, "_model_for", lambda *_: (newer, fake))
    assert (done := turn(line, 0.1)).segments == 1
    assert done.waiting == 1
    assert turn(line).segments == 1
    scored = {a.clip.segment_id for a in line.site.store.anomalies(CAMERA, newer.model_id)}
    assert scored == {s.segment_id for s in line.site.store.segments(CAMERA)[2:]}


def test_what_the_first_model_learnt_from_is_scored_last_and_never_let_go(
    line: FootageSite,
) -> None:
    segments = line.site.store.segments(CAMERA)
    (record,) = line.site.store.models(CAMERA)
    live(line, timedelta(seconds=30))
    line.site.store.promote(record.model_id, segments[1].end_utc)
    assert turn(line, 3.0).let_go_seconds == pytest.approx(0.0)
    scored = {a.clip.segment_id for a in line.site.store.anomalies(CAMERA)}
    assert scored == {s.segment_id for s in segments[2:]}
    assert turn(line).segments == 2


def test_what_another_program_cleared_is_passed_over_in_one_line_and_takes_no_turn(
    line: FootageSite,
) -> None:
    for number in (0, 1, 2):
        (line.source / f"{number}.mp4").unlink()
    done = turn(line, 0.1)
    assert (done.segments, done.unreadable, done.waiting) == (1, 3, 0)
    said = [one for one in line.lines if one.startswith("not scored")]
    assert said == ["not scored: 3 segments whose files are gone, such as 0.mp4"]
    assert turn(line).unreadable == 3
