"""Frames and alerts over time: causal, and the same as in operation."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.alerts.events import join_anomalies
from pipeline.evaluation.alarms import (
    AlarmCount,
    AlertSpan,
    alert_clips,
    alert_spans,
    count_alarms,
    normal_hours,
)
from pipeline.evaluation.labels import Interval
from pipeline.evaluation.timeline import hysteresis, literature_scores, newest_clip, smooth
from tests.evaluation_makers import TAIL, anomaly_ending, policy

SECOND = 1_000_000


def _span(**changes: int) -> AlertSpan:
    fields = {
        "first_frame_us": 9 * SECOND,
        "start_us": 10 * SECOND,
        "end_us": 12 * SECOND,
        "known_us": 11 * SECOND,
        "peak_us": 11 * SECOND,
    }
    return AlertSpan(**{**fields, **changes}, score=4.0, expert="critic")


def _interval(start: float, end: float) -> Interval:
    return Interval(start_us=round(start * SECOND), end_us=round(end * SECOND), line=2)


def test_a_frame_has_the_newest_clip_that_ended_by_then_and_the_first_frames_the_first() -> None:
    end_us = np.array([300, 500, 700])
    pts_us = np.array([0, 100, 300, 400, 500, 699, 700, 900])
    assert newest_clip(end_us, pts_us).tolist() == [0, 0, 0, 0, 1, 1, 2, 2]


@pytest.mark.parametrize("length_us", [700_000, 12_000_000], ids=["usual", "seldom"])
def test_the_peak_of_every_event_is_the_largest_smoothed_score(length_us: int) -> None:
    """Holds our smoothing to that of join_anomalies, pauses included."""
    generator = np.random.default_rng(5)
    steps = generator.choice(
        [100_000, 200_000, 2_500_000, 4_000_000], size=400, p=[0.6, 0.3, 0.05, 0.05]
    )
    if length_us > 1_000_000:
        # Clips that share footage, and holes.
        steps = generator.choice([4_000_000, 15_000_000], size=400, p=[0.9, 0.1])
    end_us = np.cumsum(steps)
    start_us = end_us - length_us
    scores = generator.gamma(2.0, 1.0, size=400)
    rule = policy(smoothing_seconds=0.5, merge_gap_seconds=0.6)
    smoothed = smooth(start_us, end_us, scores, rule)
    anomalies = [
        anomaly_ending(int(e), float(s), start_us=int(e) - length_us)
        for e, s in zip(end_us, scores, strict=True)
    ]
    place = {anomaly.anomaly_id: index for index, anomaly in enumerate(anomalies)}
    events = list(join_anomalies(anomalies, rule))
    assert len(events) > 20
    for event in events:
        assert smoothed[place[event.peak_anomaly_id]] == pytest.approx(event.peak_score, rel=1e-12)


def test_an_event_stays_open_between_the_two_thresholds() -> None:
    scores = np.array([1.5, 2.0, 1.5, 1.0, 0.9, 1.5, 2.5])
    assert hysteresis(scores, policy()).tolist() == [False, True, True, True, False, False, True]


def test_an_alert_is_known_when_the_peak_suffices_and_not_before() -> None:
    scores = np.array([0.0, 2.0, 2.5, 3.5, 3.0, 0.0, 0.0])
    anomalies = [
        anomaly_ending((i + 1) * SECOND, float(s), start_us=i * SECOND)
        for i, s in enumerate(scores)
    ]
    (span,) = alert_spans(anomalies, scores, policy(), TAIL, 1.0)
    assert span.first_frame_us == 1 * SECOND
    assert (span.start_us, span.end_us) == (2 * SECOND, 5 * SECOND)
    assert span.known_us == 4 * SECOND
    assert span.peak_us == 3.5 * SECOND  # what it was alerted on lies around the clip's middle
    end_us = np.array([anomaly.clip.end_us for anomaly in anomalies])
    alerting = alert_clips(end_us, hysteresis(scores, policy()), [span])
    assert alerting.tolist() == [False, False, False, True, True, False, False]


def test_an_alert_is_known_only_when_it_is_long_enough() -> None:
    scores = np.array([0.0, 3.5, 3.5, 3.5, 3.5, 0.0])
    anomalies = [anomaly_ending(i * SECOND, float(s)) for i, s in enumerate(scores)]
    (span,) = alert_spans(anomalies, scores, policy(minimum_seconds=3.0), TAIL, 1.0)
    assert span.known_us == 3 * SECOND


def test_an_event_below_the_alert_score_is_no_alert() -> None:
    scores = np.array([0.0, 2.9, 2.9, 0.0])
    anomalies = [anomaly_ending(i * SECOND, float(s)) for i, s in enumerate(scores)]
    assert alert_spans(anomalies, scores, policy(), TAIL, 1.0) == []


@pytest.mark.parametrize(
    ("start", "end", "touches"),
    [
        pytest.param(0.0, 9.0, False, id="ends where the first frame begins"),
        pytest.param(0.0, 9.1, True, id="reaches into the first clip"),
        pytest.param(12.0, 20.0, True, id="begins at the last frame"),
        pytest.param(12.1, 20.0, False, id="begins after it"),
        pytest.param(10.5, 10.6, True, id="inside"),
    ],
)
def test_an_alert_touches_what_its_frames_touch(start: float, end: float, touches: bool) -> None:
    assert _span().touches(_interval(start, end)) is touches


def test_alarms_are_counted_against_intervals() -> None:
    elsewhere = _span(
        first_frame_us=99 * SECOND,
        start_us=100 * SECOND,
        end_us=100 * SECOND,
        known_us=100 * SECOND,
    )
    spans = [_span(), elsewhere]
    intervals = [_interval(9.5, 10.5), _interval(11.5, 11.6), _interval(50, 60)]
    assert count_alarms(spans, intervals) == AlarmCount(
        intervals=3,
        found=2,
        false_alarms=1,
        delay_seconds=(1.5, 0.0),
    )


def test_an_alert_raised_before_an_interval_is_false_and_finds_nothing_by_lasting_into_it() -> None:
    intervals = [_interval(11.5, 30.0)]
    assert count_alarms([_span(end_us=20 * SECOND)], intervals) == AlarmCount(
        intervals=1, found=0, false_alarms=1
    )


def test_counts_of_videos_add_up() -> None:
    one = AlarmCount(intervals=1, found=1, false_alarms=2, delay_seconds=(0.5,))
    assert one + one == AlarmCount(intervals=2, found=2, false_alarms=4, delay_seconds=(0.5, 0.5))


def test_normal_time_is_that_of_the_unlabelled_frames() -> None:
    pts_us = np.array([0, 1, 2, 4, 5]) * SECOND
    labels = np.array([False, True, False, False, False])
    # 1 s + 2 s (a slow frame) + 1 s + the last as long as the median, 1 s.
    assert normal_hours(pts_us, labels) == pytest.approx(5 / 3600)
    assert normal_hours(pts_us[:1], labels[:1]) == 0.0


def test_the_literatures_score_runs_from_0_to_1_of_its_own_video_and_looks_ahead() -> None:
    scores = np.zeros(100)
    scores[50:] = 7.0
    counted = literature_scores(scores)
    assert counted[0] == pytest.approx(0.0, abs=1e-6)
    assert counted[-1] == pytest.approx(1.0, abs=1e-6)
    assert counted[48] > 0.3
    assert literature_scores(np.full(5, 3.0)).tolist() == [0.0] * 5
    assert literature_scores(np.empty(0)).tolist() == []
