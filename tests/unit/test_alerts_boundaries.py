"""Events, alerts and tails exactly at their limits, with the values written out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from pipeline.alerts.alerts import Severity, alerts_from_events
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event, EventPolicy, ScoreSmoother, join_anomalies
from pipeline.scoring.calibration import (
    PlaceStatistics,
    fit_places,
    log_strangeness,
    shrunk_places,
    strangest_mean,
)
from pipeline.scoring.tail import LEAST_HELD_OUT, fit_tail
from tests.alerts_makers import anomaly, policy


def events_at(scores: dict[float, float], chosen: EventPolicy | None = None) -> list[Event]:
    stream = [anomaly(at_seconds, score) for at_seconds, score in scores.items()]
    return list(join_anomalies(stream, chosen or policy()))


def lengths(events: list[Event]) -> list[float]:
    return [(event.end_utc - event.start_utc).total_seconds() for event in events]


def test_a_pause_of_two_seconds_belongs_to_a_run_and_a_longer_one_begins_another() -> None:
    near = policy(merge_gap_seconds=1.0)
    assert lengths(events_at({0: 5, 1: 5, 3: 5}, near)) == [3.0]
    assert lengths(events_at({0: 5, 1: 5, 3.1: 5}, near)) == [1.0, 0.0]
    # Where the merge gap is longer, it says how long a pause may be.
    assert lengths(events_at({0: 5, 1: 5, 4: 5})) == [4.0]
    assert lengths(events_at({0: 5, 1: 5, 4.1: 5})) == [1.0, 0.0]


def test_an_event_opens_at_its_score_and_stays_open_at_the_closing_one() -> None:
    assert events_at({0: 2.99, 1: 2.99}) == []
    assert lengths(events_at({0: 3.0, 1: 2.0, 2: 1.99, 3: 0})) == [1.0]


def test_an_event_opens_again_within_the_gap_and_not_after_it() -> None:
    quiet = dict.fromkeys((1.0, 2.0, 3.0), 0.0)
    assert lengths(events_at({0: 3.0, **quiet, 3.0: 3.0})) == [3.0]
    (first, second) = events_at({0: 3.0, **quiet, 3.1: 3.0})
    assert (first.closed, first.clips, second.clips) == (True, 1, 1)
    # To open again takes the opening score, not the closing one.
    assert lengths(events_at({0: 3.0, 1: 0.0, 2: 2.5})) == [0.0]


def test_clips_between_the_parts_of_an_event_count_and_those_behind_it_do_not() -> None:
    (event,) = events_at({0: 3.0, 1: 0.0, 2: 3.0, 3: 0.0, 4: 0.0})
    assert (event.clips, event.closed) == (3, False)


def test_the_first_of_two_equal_peaks_is_the_peak() -> None:
    (event,) = events_at({0: 4.0, 1: 6.0, 2: 6.0, 3: 5.0})
    assert (event.peak_utc - event.start_utc).total_seconds() == 1.0
    assert event.peak_score == 6.0


@pytest.mark.parametrize(("minimum", "kept"), [(2.0, 1), (2.01, 0)])
def test_the_length_of_an_event_has_one_clip_step_more_than_its_ends(
    minimum: float, kept: int
) -> None:
    # Two clips at the beginning of a run, half a second apart: the second one tells the step.
    begun = policy(minimum_seconds=minimum - 1.0)
    assert len(events_at({0: 3.0, 0.5: 3.0, 1: 0.0}, begun)) == kept
    # In the middle of a run it is the time since the clip before.
    later = policy(minimum_seconds=minimum - 1.5)
    assert len(events_at({0: 0.0, 0.5: 3.0, 1.0: 0.0, 4.5: 0.0}, later)) == kept


def test_two_clips_that_end_together_are_no_step_back() -> None:
    smoother = ScoreSmoother(policy(smoothing_seconds=2.0))
    assert smoother.after(anomaly(1.0, 4.0)) == (4.0, None)
    assert smoother.after(anomaly(1.0, 8.0)) == (4.0, 0.0)
    mean, step = smoother.after(anomaly(2.0, 8.0))
    assert step == 1.0
    assert mean == pytest.approx(8.0 - 4.0 * math.exp(-0.5))
    with pytest.raises(ValueError, match="ends before"):
        smoother.after(anomaly(1.9, 0.0))


# A tail under which a score of x is expected 10 ** (2 - x) times a day above 1.
TAIL = EventTail(threshold=1.0, events_per_day=10.0, scale=math.log10(math.e), shape=0.0)


@pytest.mark.parametrize(
    ("score", "severity"),
    [
        (3.9, Severity.NOTICE),
        (4.001, Severity.WARNING),
        (4.9, Severity.WARNING),
        (5.001, Severity.CRITICAL),
    ],
)
def test_ten_and_a_hundred_times_rarer_than_the_budget_are_graver(
    score: float, severity: Severity
) -> None:
    (event,) = events_at({0: score})
    (alert,) = alerts_from_events([event], policy(alert_score=3.0), TAIL, 0.1)
    assert alert.expected_per_day == pytest.approx(10.0 ** (2.0 - score))
    assert alert.p_value == pytest.approx(10.0**-score)
    assert alert.severity is severity


def test_an_event_at_the_alert_score_is_an_alert() -> None:
    (event,) = events_at({0: 5.0})
    named = replace(event, zone="gate")
    (alert,) = alerts_from_events([named], policy(alert_score=5.0), TAIL, 1.0)
    assert (alert.score, alert.zone, alert.expert) == (5.0, "gate", event.expert)
    assert alerts_from_events([event], policy(alert_score=5.001), TAIL, 1.0) == []
    for budget in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="budget"):
            alerts_from_events([event], policy(), TAIL, budget)


def test_a_tail_of_a_hundred_values_in_figures() -> None:
    tail = fit_tail(np.arange(100.0))
    assert (tail.count, tail.tail_share) == (100, 0.1)
    assert tail.threshold == pytest.approx(89.1)
    assert tail.scale == pytest.approx(94.5 - 89.1)
    assert len(tail.body) == 257
    assert (tail.body[0], tail.body[-1]) == (0.0, 99.0)
    found = tail.surprise(np.array([-5.0, 0.0, 49.5, 89.0, 200.0]))
    assert found[:2].tolist() == [0.0, 0.0]
    assert found[2] == pytest.approx(-math.log10(51 / 101))
    assert found[3] == pytest.approx(-math.log10((1 + 100 * (1 - 89 / 99)) / 101))
    beyond = -math.log10(11 / 101) + (200.0 - 89.1) / 5.4 / math.log(10.0)
    assert found[4] == pytest.approx(beyond)


def test_the_scale_is_drawn_to_its_prior_and_never_below_it() -> None:
    values = np.arange(100.0)
    assert fit_tail(values, least_scale=7.0).scale == 7.0
    drawn = fit_tail(values, least_scale=2.0, prior_weight=30.0)
    assert drawn.scale == pytest.approx((10 * 5.4 + 30 * 2.0) / 40)
    flat = fit_tail(np.full(20, 3.0), least_scale=0.5)
    assert (flat.scale, flat.tail_share) == (0.5, 0.0)
    assert flat.surprise(np.array([3.0])).tolist() == [0.0]


@pytest.mark.parametrize("values", [np.arange(LEAST_HELD_OUT - 1.0), np.array([np.nan] * 30)])
def test_too_few_values_and_values_that_are_none_are_refused(values: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="held-out values"):
        fit_tail(values)


def test_the_four_strangest_cells_count_and_the_rest_does_not() -> None:
    cells = np.array([[[9.0, 1.0, 7.0], [0.0, 5.0, 3.0]], [[0.0] * 3, [0.0] * 3]], np.float32)
    assert strangest_mean(cells).tolist() == [6.0, 0.0]
    assert log_strangeness(np.array([0.0, 0.01, 1.0])) == pytest.approx(
        [math.log(0.01), math.log(0.01), 0.0]
    )


def test_one_range_for_all_cells_is_that_of_the_strangest_place() -> None:
    values = np.zeros((101, 2, 2), np.float32)
    values[:, 0, 1] = np.arange(101.0)  # its 98th percentile is 98
    one = fit_places(values, two_sided=False, pooled=True)
    assert one.middle_GW.tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert one.range_GW == pytest.approx(np.full((2, 2), 98.0))
    least = fit_places(values, two_sided=False, pooled=True, least_range=200.0)
    assert least.range_GW == pytest.approx(np.full((2, 2), 200.0))
    low = fit_places(-values, two_sided=False, pooled=True)
    assert low.range_GW == pytest.approx(np.full((2, 2), 1e-6))
    assert fit_places(-values, two_sided=True, pooled=True).range_GW == pytest.approx(
        np.full((2, 2), 98.0)
    )


def test_one_range_for_all_cells_is_measured_from_the_middle_of_all() -> None:
    values = np.full((101, 2, 2), 5.0, np.float32)
    values[:, 0, 1] = 5.0 + np.arange(101.0)
    for two_sided in (True, False):
        one = fit_places(values, two_sided=two_sided, pooled=True)
        assert one.middle_GW == pytest.approx(np.full((2, 2), 5.0))
        assert one.range_GW == pytest.approx(np.full((2, 2), 98.0))


def test_a_mean_over_less_than_a_second_is_a_mean() -> None:
    smoother = ScoreSmoother(policy(smoothing_seconds=0.5))
    smoother.after(anomaly(0.0, 4.0))
    mean, _ = smoother.after(anomaly(0.5, 8.0))
    assert mean == pytest.approx(8.0 - 4.0 * math.exp(-1.0))


def test_places_of_a_part_are_weighted_with_those_of_all() -> None:
    own, pooled = (
        PlaceStatistics(
            middle_GW=np.full((1, 1), middle, np.float32),
            range_GW=np.full((1, 1), reach, np.float32),
            two_sided=True,
        )
        for middle, reach in ((8.0, 2.0), (4.0, 6.0))
    )
    found = shrunk_places(own, pooled, weight=0.25)
    assert (found.middle_GW.item(), found.range_GW.item()) == (5.0, 5.0)


def test_footage_without_any_value_finds_nothing_strange() -> None:
    values = np.full((5, 2, 2), np.nan, np.float32)
    places = fit_places(values, two_sided=True)
    assert places.strangeness(np.full((1, 2, 2), 1e9, np.float32)).max() < 1e-20
