"""What the evaluation report draws and shows."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import EvaluationError
from pipeline.evaluation.alarms import AlertSpan
from pipeline.evaluation.curves import Drawing, draw_curve, score_scale
from pipeline.evaluation.labels import Interval
from pipeline.evaluation.pictures import heat_overlay, shrink
from pipeline.evaluation.report_texts import TEXTS
from pipeline.evaluation.run import RowTimeline, VideoRun
from pipeline.evaluation.showcase import Kind, choose_moments, show_moments
from pipeline.evaluation.spool import MapSpool
from pipeline.evaluation.videos import TestVideo
from tests.evaluation_makers import FakeWorld, write_video

SECOND = 1_000_000
FRAMES = 100


def _span(start: float, end: float, *, score: float = 5.0) -> AlertSpan:
    return AlertSpan(
        first_frame_us=round(start * SECOND),
        start_us=round(start * SECOND),
        end_us=round(end * SECOND),
        known_us=round(start * SECOND),
        peak_us=round(start * SECOND),
        score=score,
        expert="critic",
    )


def _video(path: Path, *intervals: tuple[float, float]) -> TestVideo:
    return TestVideo(
        name=path.name,
        path=path,
        pts_us=np.arange(FRAMES) * SECOND // 10,
        height_px=48,
        width_px=64,
        intervals=tuple(
            Interval(start_us=round(a * SECOND), end_us=round(b * SECOND), line=2)
            for a, b in intervals
        ),
        labels=np.zeros(FRAMES, dtype=np.bool_),
        trivial={},
        mask_file=None,
        stretches=(),
    )


def _run(score: np.ndarray, *alerts: AlertSpan) -> VideoRun:
    timeline = RowTimeline(score=score, raw=score, alert=score > 3, alerts=alerts)
    return VideoRun(
        without={},
        clip_of_frame=np.arange(FRAMES) // 50,
        latency_seconds=0.35,
        clips=2,
        leading=("critic", "motion"),
        rows={"fused": timeline},
    )


def _ramp() -> np.ndarray:
    return np.linspace(0.0, 9.9, FRAMES)


def test_found_missed_and_false_are_told_apart(tmp_path: Path) -> None:
    path = write_video(tmp_path, "a.mp4", frames=FRAMES)
    video = _video(path, (2.0, 3.0), (5.0, 6.0))
    run = _run(_ramp(), _span(5.5, 6.5), _span(8.0, 8.5, score=7.0))
    found, missed, false_alarm = choose_moments([video], [run])
    assert (found.kind, found.frame, found.delay_seconds) == (Kind.FOUND, 59, 0.5)
    assert (missed.kind, missed.frame, missed.delay_seconds) == (Kind.MISSED, 29, None)
    assert (false_alarm.kind, false_alarm.frame, false_alarm.score) == (Kind.FALSE_ALARM, 80, 7.0)


def test_three_of_a_kind_are_shown_the_clearest_and_the_worst_first(tmp_path: Path) -> None:
    path = write_video(tmp_path, "a.mp4", frames=FRAMES)
    intervals = [(float(second), second + 0.5) for second in range(1, 9)]
    video = _video(path, *intervals)
    alerts = [_span(second + 0.1, second + 0.2) for second in range(1, 5)]
    moments = choose_moments([video], [_run(_ramp(), *alerts)])
    assert [(moment.kind, moment.start_us // SECOND) for moment in moments] == [
        (Kind.FOUND, 4),
        (Kind.FOUND, 3),
        (Kind.FOUND, 2),
        (Kind.MISSED, 5),
        (Kind.MISSED, 6),
        (Kind.MISSED, 7),
    ]


def test_pictures_share_one_heat_scale_and_name_the_expert_that_led(tmp_path: Path) -> None:
    path = write_video(tmp_path, "a.mp4", frames=FRAMES, unusual=(20, 70))
    video = _video(path, (2.0, 3.0), (6.0, 7.0))
    run = _run(_ramp(), _span(6.0, 7.0))
    spool = MapSpool(tmp_path)
    spool.append(0, {"fused": np.float32([[0.0, 2.0]])})
    spool.append(0, {"fused": np.float32([[0.0, 8.0]])})
    moments = choose_moments([video], [run])
    shown, full = show_moments(moments, [video], [run], spool, FakeWorld().parts())
    assert full == 8.0
    assert [item.expert for item in shown] == ["motion", "critic"]
    assert [item.at_seconds for item in shown] == [6.9, 2.9]
    assert shown[0].heat_uri != shown[1].heat_uri
    assert (shown[0].width, shown[0].height) == (64, 48)


def test_a_frame_that_is_gone_is_said(tmp_path: Path) -> None:
    path = write_video(tmp_path, "a.mp4", frames=10)
    video = _video(path, (5.0, 6.0))
    run = _run(_ramp())
    spool = MapSpool(tmp_path)
    for _ in range(2):
        spool.append(0, {"fused": np.zeros((1, 1), dtype=np.float32)})
    with pytest.raises(EvaluationError, match=r"no frame at 5\.900 s any more"):
        show_moments(choose_moments([video], [run]), [video], [run], spool, FakeWorld().parts())


def test_maps_come_back_from_the_spool_in_order(tmp_path: Path) -> None:
    spool = MapSpool(tmp_path)
    for value in (1.0, 2.0, 3.0):
        spool.append(4, {"fused": np.full((2, 3), value, dtype=np.float32)})
    assert spool.maps(4, "fused")[:, 1, 2].tolist() == [1.0, 2.0, 3.0]
    assert spool.maps(5, "fused").shape == (0, 1, 1)
    with pytest.raises(ValueError, match="not"):
        spool.append(4, {"fused": np.zeros((3, 2), dtype=np.float32)})


def test_the_heat_is_transparent_where_nothing_is_strange_and_strong_where_the_scale_ends() -> None:
    overlay = heat_overlay(np.float32([[0.0, 5.0, 10.0, 99.0]]), 10.0)
    alpha = overlay[0, :, 3]
    assert alpha[0] == 0
    assert alpha[0] < alpha[1] < alpha[2] == alpha[3] == 204
    assert heat_overlay(np.zeros((2, 2), dtype=np.float32), 0.0)[:, :, 3].max() == 0


def test_a_large_picture_is_reduced_by_block_means() -> None:
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    picture[0, 0] = 200
    small = shrink(picture, 3)
    assert small.shape == (2, 3, 3)
    assert small[0, 0].tolist() == [50, 50, 50]
    assert shrink(picture, 6) is picture


def test_a_curve_keeps_peaks_and_marks_labels_alerts_and_threshold() -> None:
    pts_us = np.arange(10_000) * SECOND // 10
    score = np.zeros(10_000)
    score[5_003] = 8.0  # one frame of 10,000 on 640 points
    curve = draw_curve(
        "a.mp4",
        pts_us,
        score,
        score > 3,
        [Interval(start_us=250 * SECOND, end_us=500 * SECOND, line=2)],
        threshold=3.0,
        top_score=8.0,
    )
    drawing = Drawing()
    points = [tuple(map(float, point.split(","))) for point in curve.points.split()]
    assert len(points) == 640
    assert min(y for _, y in points) == drawing.top
    assert max(y for _, y in points) == drawing.height - drawing.bottom
    inner = drawing.width - drawing.left - drawing.right
    (label,) = curve.labelled
    assert (label.x, label.width) == (drawing.left + inner / 4, pytest.approx(inner / 4, abs=0.1))
    assert len(curve.alerts) == 1
    assert drawing.top < curve.threshold_y < drawing.height - drawing.bottom
    assert [tick.text for tick in curve.x_ticks] == ["0", "200", "400", "600", "800", "1000"]
    assert [tick.text for tick in curve.y_ticks] == ["0", "1", "2", "5"]


@pytest.mark.parametrize("top", [1.0, 6.0, 440.0, 1e6])
def test_marks_of_the_score_axis_leave_each_other_room(top: float) -> None:
    curve = draw_curve(
        "a", np.array([0]), np.array([top]), np.array([False]), [], threshold=0.5, top_score=top
    )
    heights = [tick.at for tick in curve.y_ticks]
    assert len(heights) >= 2
    assert all(low - high >= 14.9 for low, high in pairwise(heights))


def test_the_scale_shows_every_score_and_the_threshold() -> None:
    assert score_scale([np.array([1.0, 7.0]), np.array([3.0])], 4.0) == 7.0
    assert score_scale([np.array([1.0])], 4.0) == pytest.approx(5.2)
    assert score_scale([np.empty(0)], 0.1) == 1.0


def test_every_text_is_there_in_english_and_japanese() -> None:
    for key, (english, japanese) in TEXTS.items():
        assert english.strip(), key
        assert japanese.strip(), key
