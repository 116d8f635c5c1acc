"""Every moment of a range has one state, and the figures draw it where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.footage.admission import Reason
from pipeline.health.events import Trouble, health_event
from pipeline.reports.coverage import coverage
from pipeline.reports.figures import Axis, ScoreCurve, ScoreLevels, drawn_axis
from tests.alerts_makers import MODEL, NOON, anomaly, policy, segment
from tests.reports_makers import blind_at

UNTIL = NOON + timedelta(seconds=100)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def states(
    segments: list[tuple[float, float]],
    blind: list[tuple[float, float]],
    *,
    unscored: tuple[int, ...] = (),
    last: dict[int, float] | None = None,
    unwell: Sequence[tuple[int, float, float]] = (),
) -> list[tuple[str, float, float]]:
    """Return (state, start, end) of [0, 100) s; without `last` a segment is scored to its end."""
    made = [segment(round(s * 1e6), round(e * 1e6)) for s, e in segments]
    ends = {n: segments[n][1] for n in range(len(segments))} if last is None else last
    spans = coverage(
        NOON,
        UNTIL,
        made,
        [blind_at(s, e, Reason.DAMAGED) for s, e in blind],
        unscored={made[n].segment_id for n in unscored},
        last_clip_utc={made[n].segment_id: at(end) for n, end in ends.items()},
        health=[
            health_event(made[n], kind, round(s * 1e6), round(e * 1e6), found_us=0)
            for n, s, e in unwell
            for kind in (Trouble.COVERED, Trouble.MOVED_SLIGHTLY)
        ],
    )
    return [
        (s.state, (s.start_utc - NOON).total_seconds(), (s.end_utc - NOON).total_seconds())
        for s in spans
    ]


def test_nothing_known_is_no_footage() -> None:
    assert states([], []) == [("no_footage", 0, 100)]


def test_a_scored_segment_is_watched_and_the_rest_is_not() -> None:
    assert states([(10, 40)], [(40, 60)]) == [
        ("no_footage", 0, 10),
        ("watched", 10, 40),
        ("damaged", 40, 60),
        ("no_footage", 60, 100),
    ]


def test_what_is_not_scored_yet_is_not_watched() -> None:
    assert states([(0, 100)], [], unscored=(0,), last={}) == [("waiting", 0, 100)]
    assert states([(0, 100)], [], unscored=(0,), last={0: 30}) == [
        ("watched", 0, 30),
        ("waiting", 30, 100),
    ]


def test_a_segment_too_short_for_a_clip_is_not_watched() -> None:
    assert states([(0, 100)], [], last={}) == [("too_short_to_score", 0, 100)]


def test_overlapping_footage_counts_once_and_the_better_state_wins() -> None:
    assert states([(0, 60), (40, 100)], [(30, 50)]) == [("watched", 0, 100)]


def test_the_part_of_a_segment_in_which_the_camera_was_covered_is_not_watched() -> None:
    assert states([(0, 100)], [], unwell=[(0, 20, 30), (0, 80, 100)]) == [
        ("watched", 0, 20),
        ("covered", 20, 30),
        ("watched", 30, 80),
        ("covered", 80, 100),
    ]
    # Not scored to its end, and seen by other footage at the same time.
    found = states(
        [(0, 100), (25, 60)], [], unscored=(0,), last={0: 50, 1: 60}, unwell=[(0, 20, 30)]
    )
    assert found == [
        ("watched", 0, 20),
        ("covered", 20, 25),
        ("watched", 25, 60),
        ("waiting", 60, 100),
    ]


def test_what_lies_outside_the_range_is_cut_off() -> None:
    assert states([(90, 200)], []) == [("no_footage", 0, 90), ("watched", 90, 100)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 130), st.integers(1, 60)), max_size=8),
    st.lists(st.tuples(st.integers(-20, 130), st.integers(1, 60)), max_size=8),
)
def test_spans_are_the_range_without_gap_or_overlap(
    segments: list[tuple[int, int]], blind: list[tuple[int, int]]
) -> None:
    spans = states([(s, s + n) for s, n in segments], [(s, s + n) for s, n in blind])
    assert spans[0][1] == 0
    assert spans[-1][2] == 100
    for earlier, later in pairwise(spans):
        assert earlier[2] == later[1]
        assert earlier[0] != later[0]
    watched = {t for s, n in segments for t in range(s, min(s + n, 100))}
    assert sum(e - s for state, s, e in spans if state == "watched") == len(watched)


def test_the_axis_is_drawn_around_what_is_known() -> None:
    spans = coverage(NOON, UNTIL, [segment(40_000_000, 50_000_000)], [], unscored=set(),
                     last_clip_utc={})  # fmt: skip
    assert drawn_axis(NOON, UNTIL, spans) == Axis(since=at(39.8), until=at(50.2))
    nothing = coverage(NOON, UNTIL, [], [], unscored=set(), last_clip_utc={})
    assert drawn_axis(NOON, UNTIL, nothing) == Axis(since=NOON, until=UNTIL)


def test_ticks_are_round_times_of_the_plant() -> None:
    axis = Axis(since=NOON + timedelta(minutes=7), until=NOON + timedelta(hours=11))
    local = [m.astimezone(ZoneInfo("Asia/Kolkata")) for m in axis.tick_moments(
        ZoneInfo("Asia/Kolkata"))]  # fmt: skip
    assert [f"{m:%H:%M}" for m in local] == ["10:00", "12:00", "14:00", "16:00", "18:00"]


@pytest.mark.parametrize("hours", [0.001, 0.01, 0.3, 1, 5, 24, 100, 1000, 20_000])
def test_there_are_neither_no_ticks_nor_a_crowd_of_them(hours: float) -> None:
    axis = Axis(since=NOON, until=NOON + timedelta(hours=hours))
    assert 1 <= len(axis.tick_moments(ZoneInfo("Asia/Tokyo"))) <= 8


def test_a_short_band_is_widened_and_stays_inside() -> None:
    axis = Axis(since=NOON, until=NOON + timedelta(days=1))
    band = axis.band(axis.until - timedelta(seconds=1), axis.until, "notice", "")
    assert band.width_percent == 0.25
    assert band.at_percent + band.width_percent == pytest.approx(100.0)


def test_a_curve_of_many_clips_keeps_the_largest_of_each_bucket() -> None:
    axis = Axis(since=NOON, until=NOON + timedelta(hours=12))
    curve = ScoreCurve(axis, MODEL)
    for number in range(43_200):
        curve.add(anomaly(number, 9.0 if number == 20_000 else 1.0), None)
    points = curve.points()
    assert len(points) == 720
    assert [p.at_utc for p in points if p.score == 9.0] == [at(20_000)]
    assert len(curve.runs()) == 1


def test_the_curve_shows_the_smoothed_score_that_the_threshold_is_for() -> None:
    axis = Axis(since=NOON, until=at(10))
    curve = ScoreCurve(axis, MODEL)
    for second, score in enumerate([0.0, 6.0, 0.0]):
        curve.add(anomaly(second, score), policy(smoothing_seconds=1.0))
    # 6 * (1 - exp(-1)) after one second.
    assert max(p.score for p in curve.points()) == pytest.approx(3.792723)


def test_the_active_models_score_is_drawn_where_two_models_scored() -> None:
    axis = Axis(since=NOON, until=at(7200))
    curve = ScoreCurve(axis, MODEL)
    curve.add(replace(anomaly(1, 8.0), model_id="older"), None)
    curve.add(anomaly(2, 1.0), None)
    curve.add(replace(anomaly(100, 5.0), model_id="older"), None)
    assert [p.score for p in curve.points()] == [1.0, 5.0]


def test_no_line_is_drawn_across_a_hole() -> None:
    axis = Axis(since=NOON, until=at(100))
    curve = ScoreCurve(axis, MODEL)
    for second in (1, 2, 3, 50, 51):
        curve.add(anomaly(second, 1.0), None)
    assert [len(run) for run in curve.runs()] == [3, 2]


def test_the_levels_hold_every_score_and_the_threshold() -> None:
    levels = ScoreLevels.holding([1.0, 3.0], 50.0)
    assert levels.percent(0.0) == 100.0
    assert 0.0 < levels.percent(50.0) < levels.percent(3.0) < 100.0
    places = [tick.at_percent for tick in levels.ticks()]
    assert places == sorted(places, reverse=True)
    assert next(tick.label for tick in levels.ticks()) == "0"


def test_paths_stay_inside_the_box() -> None:
    axis = Axis(since=NOON, until=at(10))
    curve = ScoreCurve(axis, MODEL)
    curve.add(anomaly(5, 2.0), None)
    (run,) = curve.runs()
    levels = ScoreLevels(top=2.0)
    assert levels.path(axis, run, filled=False) == "M50.000 0.00L50.050 0.00"
    assert levels.path(axis, run, filled=True) == "M50.000 100L50.000 0.00L50.050 0.00L50.050 100Z"
