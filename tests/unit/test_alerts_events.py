"""Anomalies become events: hysteresis, merging, minimum length, causal smoothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.alerts.alerts import Severity, alerts_from_events
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event, join_anomalies
from pipeline.alerts.sequential import SumRule
from pipeline.identity import content_id
from tests.alerts_makers import MODEL, NOON, anomaly, clips, clips_at_rate, policy


def spans(events: list[Event]) -> list[tuple[float, float, bool]]:
    """Return start, end (seconds after NOON) and closed of each event."""
    return [
        ((e.start_utc - NOON).total_seconds(), (e.end_utc - NOON).total_seconds(), e.closed)
        for e in events
    ]


# name -> (scores one second apart, changes of the policy, expected spans)
CASES: dict[str, tuple[list[float], dict[str, float], list[tuple[float, float, bool]]]] = {
    "nothing": ([], {}, []),
    "quiet": ([0, 1, 2.9, 1], {}, []),
    "one clip": ([0, 3, 0, 0, 0, 0], {}, [(1, 1, True)]),
    "stays open above the closing score": ([0, 3, 2, 2.9, 1, 0, 0, 0], {}, [(1, 3, True)]),
    "the closing score does not open": ([0, 2.5, 0, 0, 0], {}, []),
    "joins over a gap of three seconds": ([3, 0, 0, 3, 0, 0, 0, 0], {}, [(0, 3, True)]),
    "parts over a gap of four": ([3, 0, 0, 0, 3, 0, 0, 0, 0], {}, [(0, 0, True), (4, 4, True)]),
    "ends inside": ([0, 3, 3], {}, [(1, 2, False)]),
    "ends within the merge gap": ([0, 3, 0, 0], {}, [(1, 1, False)]),
    "ends after the merge gap": ([0, 3, 0, 0, 0, 0], {}, [(1, 1, True)]),
    "no merge gap": ([3, 0, 3, 0], {"merge_gap_seconds": 0}, [(0, 0, True), (2, 2, True)]),
    "too short": ([0, 3, 0, 0, 0, 0], {"minimum_seconds": 1.5}, []),
    "long enough with its step": ([0, 3, 3, 0, 0, 0, 0], {"minimum_seconds": 2}, [(1, 2, True)]),
    "short parts that join": ([0, 3, 0, 3, 0, 0, 0, 0], {"minimum_seconds": 3}, [(1, 3, True)]),
    "first clip of all": ([3, 0, 0, 0, 0], {"minimum_seconds": 1}, [(0, 0, True)]),
}


@pytest.mark.parametrize("name", CASES)
def test_scores_become_events(name: str) -> None:
    scores, changes, expected = CASES[name]
    assert spans(list(join_anomalies(clips(scores), policy(**changes)))) == expected


def test_an_event_carries_its_peak_and_is_named_by_its_first_clip() -> None:
    stream = clips([0, 3, 7, 2.5, 0, 3, 0, 0, 0, 0])
    (event,) = join_anomalies(stream, policy())
    assert event.event_id == content_id("event", "line-1", "policy", stream[1].anomaly_id)
    assert event.first_anomaly_id == stream[1].anomaly_id
    assert event.peak_anomaly_id == stream[2].anomaly_id
    assert event.peak_utc == NOON + timedelta(seconds=2)
    assert event.peak_score == 7.0
    assert event.clips == 5  # the quiet clip between the two parts is in it
    assert event.model_id == MODEL


def test_smoothing_swallows_one_bad_clip_and_keeps_a_run_of_them() -> None:
    smooth = policy(smoothing_seconds=2.0)
    assert list(join_anomalies(clips([0, 0, 6, 0, 0, 0, 0]), smooth)) == []
    (event,) = join_anomalies(clips([0, 0, 6, 6, 6, 6, 0, 0, 0, 0, 0, 0]), smooth)
    assert (event.start_utc - NOON).total_seconds() == 3
    # 6 * (1 - exp(-4 / 2)): four steps of one second with a time constant of two.
    assert event.peak_score == pytest.approx(5.187988)


def test_smoothing_follows_time_and_not_the_number_of_clips() -> None:
    smooth = policy(smoothing_seconds=1.0, open_score=0.5)
    one = list(join_anomalies([anomaly(0, 0), anomaly(1, 5)], smooth))
    two = list(join_anomalies([anomaly(0, 0), anomaly(0.5, 5), anomaly(1, 5)], smooth))
    assert one[0].peak_score == pytest.approx(two[0].peak_score)


def test_a_hole_in_the_footage_ends_an_event_and_the_memory_of_scores() -> None:
    smooth = policy(smoothing_seconds=10.0)
    before = [anomaly(t, 9) for t in (0, 1, 2)]
    after = [anomaly(t, 2.5) for t in (10, 11)]
    events = list(join_anomalies([*before, *after], smooth))
    assert spans(events) == [(0, 2, True)]


def test_a_hole_shorter_than_the_merge_gap_does_not_part_an_event() -> None:
    stream = [anomaly(0, 5), anomaly(1, 5), anomaly(3.5, 5), anomaly(4.5, 0)]
    assert spans(list(join_anomalies(stream, policy()))) == [(0, 3.5, False)]


SELDOM = [0.6, 0.5, 0.2, 0.05]
"""Pictures a second of cameras of which two clips lie further apart than the merge gap."""


@pytest.mark.parametrize("frame_rate", SELDOM)
def test_a_camera_whose_clips_come_seldom_has_events_too(frame_rate: float) -> None:
    chosen = policy(minimum_seconds=0.3)
    (event,) = join_anomalies(clips_at_rate([0, 0, 5, 6, 5, 0, 0, 0, 0, 0], frame_rate), chosen)
    assert event.clips == 3
    assert event.closed
    assert (event.end_utc - event.start_utc).total_seconds() == pytest.approx(4 / frame_rate)
    (single,) = join_anomalies(clips_at_rate([0, 0, 5, 0, 0, 0, 0, 0], frame_rate), chosen)
    assert single.clips == 1


@pytest.mark.parametrize("frame_rate", SELDOM)
def test_where_clips_come_seldom_parts_that_share_footage_are_one_event(
    frame_rate: float,
) -> None:
    chosen = policy(minimum_seconds=0.3)
    near = clips_at_rate([0, 5, 0, 0, 5, 0, 0, 0, 0], frame_rate)
    assert [event.clips for event in join_anomalies(near, chosen)] == [4]
    far = clips_at_rate([0, 5, 0, 0, 0, 5, 0, 0, 0, 0], frame_rate)
    assert [event.clips for event in join_anomalies(far, chosen)] == [1, 1]


@pytest.mark.parametrize("frame_rate", SELDOM)
def test_a_hole_ends_an_event_where_clips_come_seldom(frame_rate: float) -> None:
    after = clips_at_rate([5, 5, 5], frame_rate, first_seconds=(6 + 7 + 3) / frame_rate)
    stream = [*clips_at_rate([0, 5, 5, 5], frame_rate), *after]
    events = list(join_anomalies(stream, policy(minimum_seconds=0.3)))
    assert [(event.clips, event.closed) for event in events] == [(3, True), (3, False)]


def test_a_lone_clip_is_long_enough_where_clips_come_seldom_only() -> None:
    chosen = policy(minimum_seconds=0.3)
    assert len(list(join_anomalies(clips_at_rate([5], 0.5), chosen))) == 1
    assert len(list(join_anomalies(clips_at_rate([5], 0.9), chosen))) == 1
    assert list(join_anomalies(clips_at_rate([5], 2.0), chosen)) == []


def test_what_adds_up_does_so_where_clips_come_seldom() -> None:
    chosen = replace(policy(), sums=(SumRule(drift=1.0, offset=0.0, gain=0.1),))
    assert len(list(join_anomalies(clips_at_rate([2.5] * 20, 0.5), chosen))) == 1


def test_clips_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="ends before"):
        list(join_anomalies([anomaly(1, 0), anomaly(0, 0)], policy()))


def test_clips_of_two_cameras_are_refused() -> None:
    with pytest.raises(ValueError, match="line-2"):
        list(join_anomalies([anomaly(0, 0), anomaly(1, 0, name="line-2")], policy()))


def test_events_come_before_the_stream_is_read_to_its_end() -> None:
    read = 0

    def stream():  # type: ignore[no-untyped-def]
        nonlocal read
        for one in clips([3, 0, 0, 0, 0] + [0] * 1000):
            read += 1
            yield one

    next(iter(join_anomalies(stream(), policy())))
    assert read == 5


TAIL = EventTail(threshold=2.0, events_per_day=100.0, scale=0.5, shape=0.0)


@pytest.mark.parametrize(
    ("peak", "severity"),
    [
        (4.4, Severity.NOTICE),  # 0.82 a day
        (5.4, Severity.NOTICE),  # 0.11 a day
        (5.5, Severity.WARNING),  # 0.09 a day
        (6.6, Severity.WARNING),  # 0.0101 a day
        (6.7, Severity.CRITICAL),  # 0.0083 a day
    ],
)
def test_severity_says_how_far_below_the_budget_it_is(peak: float, severity: Severity) -> None:
    (event,) = join_anomalies(clips([0, peak, 0]), policy())
    (alert,) = alerts_from_events([event], policy(), TAIL, 1.0)
    assert alert.severity is severity
    assert alert.alert_id == content_id("alert", event.event_id)
    assert alert.score == peak
    assert alert.p_value == pytest.approx(10**-peak)


def test_only_events_that_reach_the_alert_score_become_alerts() -> None:
    events = list(join_anomalies(clips([3.9, 0, 0, 0, 0, 4.0, 0]), policy()))
    assert [a.score for a in alerts_from_events(events, policy(), TAIL, 1.0)] == [4.0]


def test_the_expected_frequency_is_that_of_the_tail() -> None:
    events = list(join_anomalies(clips([4.5]), policy()))
    (alert,) = alerts_from_events(events, policy(), TAIL, 1.0)
    assert alert.expected_per_day == pytest.approx(0.673795)


def test_a_budget_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError):
        alerts_from_events([], policy(), TAIL, 0.0)


def test_a_score_beyond_any_float_still_has_a_chance_above_zero() -> None:
    (event,) = join_anomalies(clips([500.0]), policy())
    (alert,) = alerts_from_events([event], policy(), TAIL, 1.0)
    assert alert.p_value > 0.0
    assert alert.severity is Severity.CRITICAL
