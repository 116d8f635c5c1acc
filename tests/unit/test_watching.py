"""A camera is said to be watched only when its newest footage is scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.health.events import Trouble, health_event
from pipeline.recording.state import Activity, RecordingState, write_state
from pipeline.watching import Watching, camera_states, watching_of, with_trouble
from tests.alerts_makers import NOON
from tests.reports_makers import fill_morning, open_small_site

PATIENCE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


def health(**changes: Any) -> dict[str, object]:
    return {
        "camera": "line-1",
        "last_footage_end_utc": NOON - MINUTE,
        "last_scored_utc": NOON - MINUTE,
        "active_model_id": "m",
        "segments_to_score": 0,
        "open_alerts": 0,
        "alerts_last_day": 0,
        "blind_share_last_day": 0.0,
        **changes,
    }


@pytest.mark.parametrize(
    ("changes", "state", "since"),
    [
        ({}, Watching.WATCHING, None),
        ({"segments_to_score": 3}, Watching.WATCHING, None),
        ({"last_footage_end_utc": None}, Watching.EMPTY, None),
        ({"active_model_id": None, "last_scored_utc": None}, Watching.LEARNING, None),
        ({"active_model_id": None}, Watching.LEARNING, NOON - MINUTE),
        ({"last_footage_end_utc": NOON - 15 * MINUTE}, Watching.WATCHING, None),
        ({"last_footage_end_utc": NOON - 16 * MINUTE}, Watching.BLIND, NOON - 16 * MINUTE),
        (
            {"segments_to_score": 3, "last_scored_utc": NOON - 20 * MINUTE},
            Watching.BEHIND,
            NOON - 20 * MINUTE,
        ),
        ({"segments_to_score": 1, "last_scored_utc": None}, Watching.BEHIND, None),
    ],
)
def test_states(changes: dict[str, Any], state: Watching, since: object) -> None:
    found = watching_of(health(**changes), NOON, PATIENCE)
    assert (found.watching, found.since_utc) == (state, since)


def test_a_camera_that_is_covered_is_unwell_since_that_began(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    fill_morning(site)
    *_, before, newest = site.store.segments("line-1")
    (state,) = camera_states(site)
    watched = replace(state, watching=Watching.WATCHING, last_footage_utc=newest.end_utc)
    assert with_trouble(site, watched) == watched
    for one, trouble in ((before, Trouble.MOVED_SLIGHTLY), (newest, Trouble.COVERED)):
        start_us = one.end_us - 2_000_000
        event = health_event(one, trouble, start_us, one.end_us, found_us=one.end_us)
        site.store.put_health(one.segment_id, [event])
    found = with_trouble(site, watched)
    assert (found.watching, found.trouble) == (Watching.UNWELL, Trouble.COVERED)
    assert found.since_utc == newest.end_utc - timedelta(seconds=2)
    # No footage for an hour is another story, and the first one to tell.
    assert with_trouble(site, state) == state
    site.close()


def test_a_live_camera_that_is_covered_is_unwell_though_newer_frames_wait(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    fill_morning(site)
    *_, newest = site.store.segments("line-1")
    start_us = newest.end_us - 2_000_000
    event = health_event(newest, Trouble.COVERED, start_us, newest.end_us, found_us=newest.end_us)
    site.store.put_health(newest.segment_id, [event])
    (state,) = camera_states(site)
    live_frame = newest.end_utc + timedelta(seconds=40)
    # Nothing is scored where nothing is seen, so that it seems behind.
    for watching in (Watching.WATCHING, Watching.BEHIND):
        seen = replace(state, watching=watching, last_footage_utc=live_frame, segments_to_score=0)
        found = with_trouble(site, seen)
        assert (found.watching, found.trouble) == (Watching.UNWELL, Trouble.COVERED)
    waits = replace(state, watching=Watching.BEHIND, segments_to_score=1)
    assert with_trouble(site, waits) == waits
    site.close()


def test_states_of_a_site_have_times_with_a_zone(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    fill_morning(site)
    (found,) = camera_states(site)
    site.close()
    assert found.last_footage_utc == NOON + timedelta(hours=3)
    assert (found.watching, found.since_utc) == (Watching.BLIND, found.last_footage_utc)


def live(activity: Activity, last_frame: object, beat: object = NOON) -> Any:
    return RecordingState(
        activity=activity,
        since_utc=NOON - 5 * MINUTE,
        beat_utc=beat,  # type: ignore[arg-type]
        known_until_utc=NOON - 5 * MINUTE,
        last_frame_utc=last_frame,  # type: ignore[arg-type]
    )


OLD = {"last_footage_end_utc": NOON - 60 * MINUTE, "last_scored_utc": NOON - 60 * MINUTE}


@pytest.mark.parametrize(
    ("changes", "recorder", "state", "since"),
    [
        ({}, live(Activity.RECORDING, NOON), Watching.WATCHING, None),
        # Frames come, and nobody scores them.
        (OLD, live(Activity.RECORDING, NOON), Watching.BEHIND, NOON - 60 * MINUTE),
        # No frames come: blind at once, not after the patience that files get.
        (
            {},
            live(Activity.BLIND, NOON - MINUTE / 2),
            Watching.BLIND,
            NOON - MINUTE / 2,
        ),
        # The recorder is gone: what it said last is no news.
        ({}, live(Activity.BLIND, NOON, NOON - MINUTE), Watching.WATCHING, None),
        (OLD, live(Activity.RECORDING, NOON, NOON - MINUTE), Watching.BLIND, NOON - 60 * MINUTE),
        ({}, live(Activity.STOPPED, NOON), Watching.WATCHING, None),
        # The first minute of a new camera.
        (
            {"last_footage_end_utc": None, "last_scored_utc": None, "active_model_id": None},
            live(Activity.RECORDING, NOON),
            Watching.LEARNING,
            None,
        ),
    ],
)
def test_states_of_a_live_camera(
    changes: dict[str, Any], recorder: Any, state: Watching, since: object
) -> None:
    found = watching_of(health(**changes), NOON, PATIENCE, live=recorder)
    assert (found.watching, found.since_utc) == (state, since)


def test_the_newest_frame_of_a_live_camera_counts_as_footage(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    fill_morning(site)
    now = site.clock.now_utc()
    (site.folder / "recording" / "line-1").mkdir(parents=True)
    write_state(site.folder, "line-1", live(Activity.RECORDING, now, now))
    (found,) = camera_states(site)
    site.close()
    assert found.last_footage_utc == now
    assert found.watching is Watching.BEHIND
