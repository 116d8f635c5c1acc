"""The views say what the tables hold: figures worked out by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipeline.footage.admission import Reason
from pipeline.health.events import Trouble
from pipeline.store.schema import SCHEMA_REVISION
from pipeline.store.sql import SqlStore
from pipeline.store.views import PUBLIC_VIEWS, view_texts
from tests.store_samples import (
    MORNING,
    SECOND_US,
    alert,
    anomaly,
    blind,
    camera,
    event,
    fill,
    footage,
    health,
    model,
    review,
    segment,
)

pytest_plugins = ("tests.store_fixtures",)


def ask(store: SqlStore, sql: str) -> list[dict[str, Any]]:
    """Return rows by column, times as text on both databases."""
    columns, rows = store.query(sql)
    return [
        {
            name: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
            if isinstance(value, datetime)
            else value
            for name, value in zip(columns, row, strict=True)
        }
        for row in rows
    ]


def shown(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def test_the_views_change_only_with_a_new_revision() -> None:
    # A database keeps the views of its revision. So: a changed view needs a migration, even an
    # empty one; then put the new revision and digest here.
    texts = "\n".join(f"{name}: {text}" for name, text in sorted(PUBLIC_VIEWS.items()))
    digest = hashlib.sha256(texts.encode()).hexdigest()[:16]
    assert (SCHEMA_REVISION, digest) == ("r0013", "9454d98d4a2288a4")


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_no_word_of_the_templates_is_left(dialect: str) -> None:
    for text in view_texts(dialect).values():
        for word in ("EPOCH_US[", "UTC_OF_US[", "HOUR_OF[", "DAY_BEFORE["):
            assert word not in text


def test_a_flagged_clip_tells_everything_of_its_alert(store: SqlStore) -> None:
    one = fill(store)
    (row,) = ask(store, "SELECT * FROM flagged_clips")
    raised = one.alert
    folder = f"evidence/press-1/{raised.alert_id}"
    assert row == {
        "alert_id": raised.alert_id,
        "camera": "press-1",
        "severity": "warning",
        "start_utc": "2026-01-31 08:00:07.723456",
        "end_utc": "2026-01-31 08:00:11.223456",
        "peak_utc": "2026-01-31 08:00:11.223456",
        "duration_seconds": 3.5,
        "score": raised.score,
        "p_value": raised.p_value,
        "expected_per_day": 0.05,
        "expert": "critic",
        "place_x": 0.1,
        "place_y": 0.25,
        "place_width": 1 / 3,
        "place_height": 0.5,
        "clip_path": f"{folder}/clip",
        "heat_map_path": f"{folder}/heat_map",
        "strip_path": f"{folder}/strip",
        "peak_frame_path": f"{folder}/peak_frame",
        "verdict": "anomaly",
        "reviewer": "sato",
        "model_id": one.model.model_id,
        "preset": "compact",
        "footage_path": one.footage.path,
        "footage_sha256": one.footage.sha256,
        "suppressed_by": None,
        "evidence_removed_utc": None,
        "footage_removed_utc": None,
        "zone": "",
    }


def test_an_alert_without_evidence_and_verdict_is_shown_and_open(store: SqlStore) -> None:
    one = fill(store, reviewed=False)
    bare = event(one.anomalies[3], one.anomalies[4])
    store.put_events([bare])
    store.add_alert(alert(bare), [])
    rows = ask(store, "SELECT alert_id, clip_path, verdict FROM flagged_clips ORDER BY start_utc")
    assert rows[0] == {"alert_id": alert(bare).alert_id, "clip_path": None, "verdict": None}
    assert len(ask(store, "SELECT * FROM open_alerts")) == 2
    store.add_review(review(alert(bare), "known_harmless"))
    (left,) = ask(store, "SELECT * FROM open_alerts")
    assert left["alert_id"] == one.alert.alert_id


def test_hours_are_cut_at_their_borders_and_add_up(store: SqlStore) -> None:
    store.put_camera(camera())
    begin = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)
    film = footage(start_utc=begin, duration_us=3 * 3600 * SECOND_US)
    # Seen 23:30 to 01:45:00.25, blind to 02:30: over a midnight and into a third hour.
    seen_us = (2 * 3600 + 15 * 60) * SECOND_US + SECOND_US // 4
    good = segment(film, 0, seen_us)
    bad = blind(film, seen_us, 3 * 3600 * SECOND_US, Reason.GAP)
    store.add_footage(film, [good], [bad])
    rows = ask(store, "SELECT * FROM camera_hours ORDER BY hour_utc")
    assert [
        (row["hour_utc"], row["seen_seconds"], row["blind_seconds"], row["clips"], row["alerts"])
        for row in rows
    ] == [
        ("2026-01-31 23:00:00.000000", 1800.0, 0.0, 0, 0),
        ("2026-02-01 00:00:00.000000", 3600.0, 0.0, 0, 0),
        ("2026-02-01 01:00:00.000000", 2700.25, 899.75, 0, 0),
        ("2026-02-01 02:00:00.000000", 0.0, 1800.0, 0, 0),
    ]


def test_time_in_which_a_camera_could_not_see_is_blind_and_not_seen(store: SqlStore) -> None:
    store.put_camera(camera())
    film = footage(
        start_utc=datetime(2026, 1, 31, 23, 30, tzinfo=UTC), duration_us=3600 * SECOND_US
    )
    good = segment(film, 0, 3600 * SECOND_US)
    store.add_footage(film, [good], [])
    covered = health(good, 1700 * SECOND_US, 1900 * SECOND_US, Trouble.COVERED)
    store.put_health(good.segment_id, [covered, health(good)])
    rows = ask(store, "SELECT seen_seconds, blind_seconds FROM camera_hours ORDER BY hour_utc")
    assert rows == [
        {"seen_seconds": 1700.0, "blind_seconds": 100.0},
        {"seen_seconds": 1700.0, "blind_seconds": 100.0},
    ]
    (row,) = ask(store, "SELECT * FROM camera_health")
    assert (row["seen_seconds_last_day"], row["blind_seconds_last_day"]) == (3400.0, 200.0)
    assert row["blind_share_last_day"] == pytest.approx(200 / 3600)
    found = ask(
        store, "SELECT trouble, blind, duration_seconds FROM camera_troubles ORDER BY trouble"
    )
    assert found == [
        {"trouble": "covered", "blind": 1, "duration_seconds": 200.0},
        {"trouble": "moved_slightly", "blind": 0, "duration_seconds": 10.0},
    ]


def test_hours_count_clips_once_though_two_models_scored_them(store: SqlStore) -> None:
    one = fill(store)
    other = model(number=1)
    store.add_model(other, [])
    store.add_anomalies([anomaly(one.segment, other, number) for number in range(15)])
    rows = ask(store, "SELECT clips, alerts FROM camera_hours WHERE clips > 0")
    assert rows == [{"clips": 20, "alerts": 1}]


def test_an_hour_with_only_an_alert_or_only_clips_is_shown(store: SqlStore) -> None:
    one = fill(store)
    far = anomaly(one.segment, one.model, 7_200)  # ends an hour later
    store.add_anomalies([far])
    late = event(far, far)
    store.put_events([late])
    store.add_alert(alert(late), [])
    (row,) = ask(store, "SELECT * FROM camera_hours WHERE hour_utc >= '2026-01-31 09:00:00'")
    assert (row["clips"], row["alerts"], row["seen_seconds"]) == (1, 1, 0.0)


def test_health_is_of_the_last_day_of_footage(store: SqlStore) -> None:
    one = fill(store)
    store.put_camera(camera("press-2"))
    last = footage(number=30)  # 30 hours after the first
    good = segment(last, 0, 60 * SECOND_US)
    # Blind from 3 hours before to 1 hour after the day begins, then 40 s at its end.
    end = MORNING + timedelta(hours=30, seconds=100)
    border = end - timedelta(hours=24)
    gap = replace(
        blind(last), blind_id="gap", footage_id=None,
        start_utc=border - timedelta(hours=3), end_utc=border + timedelta(hours=1),
    )  # fmt: skip
    store.add_footage(last, [good], [gap, blind(last)])
    by_camera: Mapping[str, dict[str, Any]] = {
        row["camera"]: row for row in ask(store, "SELECT * FROM camera_health")
    }
    assert by_camera["press-1"] == {
        "camera": "press-1",
        "last_footage_end_utc": shown(end),
        "last_scored_utc": shown(one.anomalies[-1].clip.end_utc),
        "active_model_id": one.model.model_id,
        "active_model_created_utc": shown(MORNING),
        "segments_to_score": 1,
        "footage_refused": 1,
        "open_alerts": 0,
        "alerts_last_day": 0,
        "seen_seconds_last_day": 60.0,
        "blind_seconds_last_day": 3640.0,
        "blind_share_last_day": 3640 / 3700,
    }
    fresh = by_camera["press-2"]
    assert fresh["last_footage_end_utc"] is fresh["active_model_id"] is None
    assert fresh["blind_share_last_day"] is None
    assert (fresh["segments_to_score"], fresh["seen_seconds_last_day"]) == (0, 0.0)


def test_what_an_earlier_active_model_has_scored_does_not_wait_for_the_next(
    store: SqlStore,
) -> None:
    one = fill(store)
    unscored = footage(number=1)
    store.add_footage(unscored, [segment(unscored)], [])
    next_one = model(number=1)
    store.add_model(next_one, [])
    store.promote(next_one.model_id, MORNING + timedelta(hours=1))
    (row,) = ask(store, "SELECT active_model_id, segments_to_score FROM camera_health")
    assert row == {"active_model_id": next_one.model_id, "segments_to_score": 1}
    # A candidate that somebody scored with watches nothing.
    candidate = model(number=2)
    store.add_model(candidate, [])
    store.mark_scored(segment(unscored).segment_id, candidate.model_id, 1, MORNING)
    (row,) = ask(store, "SELECT segments_to_score FROM camera_health")
    assert row == {"segments_to_score": 1}
    store.mark_scored(segment(unscored).segment_id, next_one.model_id, 1, MORNING)
    (row,) = ask(store, "SELECT segments_to_score FROM camera_health")
    assert (row, one.model.model_id != next_one.model_id) == ({"segments_to_score": 0}, True)


def test_performance_counts_the_latest_verdicts_of_a_model(store: SqlStore) -> None:
    one = fill(store)
    verdicts = ["anomaly", "false_alarm", "known_harmless", None, None]
    for number, verdict in enumerate(verdicts):
        joined = event(one.anomalies[number], one.anomalies[number])
        store.put_events([joined])
        store.add_alert(alert(joined), [])
        if verdict:
            store.add_review(review(alert(joined), verdict))
    (row,) = ask(store, "SELECT * FROM model_performance")
    assert row == {
        "model_id": one.model.model_id,
        "camera": "press-1",
        "preset": "compact",
        "state": "active",
        "created_utc": shown(MORNING),
        "activated_utc": shown(MORNING),
        "retired_utc": None,
        "clips_scored": 20,
        "hours_scored": pytest.approx(60 / 3600),
        "alerts": 6,
        "verdict_anomaly": 2,
        "verdict_known_harmless": 1,
        "verdict_false_alarm": 1,
        "unreviewed": 2,
        "precision": 0.5,
        "alerts_per_day": pytest.approx(6 * 24 * 60),
        "budget_per_day": 2.0,
    }


def test_a_model_that_scored_nothing_has_no_precision_and_no_rate(store: SqlStore) -> None:
    store.put_camera(camera())
    store.add_model(model(), [])
    (row,) = ask(store, "SELECT * FROM model_performance")
    assert (row["alerts"], row["clips_scored"], row["hours_scored"]) == (0, 0, 0)
    assert row["precision"] is row["alerts_per_day"] is None


def test_a_run_shows_what_the_manifest_and_the_last_step_say(store: SqlStore) -> None:
    one = fill(store)
    stages = model(number=1, manifest={"stage_seconds": {"training": 10.5, "calibration": 2.0}})
    phases = [{"step": 40.0, "critic.loss": 0.5}, {"step": 20.0, "encoder.loss": 0.25}]
    store.add_model(stages, phases)
    first, second = ask(store, "SELECT * FROM runs ORDER BY finished_utc")
    assert first.pop("run_id") != second["run_id"]
    figures = first.pop("last_figures")
    assert '"critic_loss": -0.125' in figures
    assert first == {
        "model_id": one.model.model_id,
        "camera": "press-1",
        "preset": "compact",
        "state": "active",
        "seed": 7,
        "footage_count": 2,
        "footage_seconds": 3600.0,
        "work_seconds": None,
        "finished_utc": shown(MORNING),
        "logged_steps": 2,
        "last_step": 200.0,
        "held_out_seconds": 1800.5,
        "budget_per_day": 2.0,
    }
    assert (second["work_seconds"], second["last_step"], second["seed"]) == (12.5, 20.0, None)
    assert json.loads(second["last_figures"]) == {
        "step": 20.0, "critic.loss": 0.5, "encoder.loss": 0.25,
    }  # fmt: skip
