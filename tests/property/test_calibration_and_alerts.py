"""What holds for the calibration of any footage, and for the alerts of any events."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.alerts.alerts import Severity, alerts_from_events
from pipeline.alerts.budget import EventTail, expected_per_day, score_at_rate
from pipeline.alerts.events import join_anomalies
from pipeline.scoring.calibration import (
    clip_statistic,
    fit_places,
    shrunk_places,
    strangest_mean,
)
from pipeline.scoring.tail import TailModel, fit_tail
from tests.alerts_makers import anomaly, policy

SEEDS = st.integers(0, 2**31)
ORDER = {Severity.NOTICE: 0, Severity.WARNING: 1, Severity.CRITICAL: 2}


def held_out(seed: int, count: int, kind: str) -> NDArray[np.float64]:
    chance = np.random.default_rng(seed)
    drawn = {
        "normal": chance.normal(0.0, 1.0, count),
        "heavy": chance.standard_t(2, count),
        "equal": np.full(count, 0.25),
        "two values": chance.integers(0, 2, count).astype(np.float64),
    }
    return drawn[kind]


KINDS = st.sampled_from(["normal", "heavy", "equal", "two values"])


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, count=st.integers(20, 400), kind=KINDS, shift=st.floats(-5, 5))
def test_larger_values_are_never_less_surprising(
    seed: int, count: int, kind: str, shift: float
) -> None:
    values = held_out(seed, count, kind) + shift
    tail = fit_tail(values)
    probes = np.sort(np.concatenate([values, np.linspace(values.min() - 3, values.max() + 50, 60)]))
    surprise = tail.surprise(probes)
    assert np.isfinite(surprise).all()
    assert (surprise >= 0).all()
    # Where the tail begins, one clip more or less counts: the curve may step down by that much.
    step = math.log10((2.0 + 0.1 * count) / (1.0 + 0.1 * count))
    downs = np.minimum(np.diff(surprise), 0.0)
    assert downs.sum() >= -step - 1e-9
    assert (np.diff(surprise[probes <= tail.threshold]) >= -1e-9).all()
    assert (np.diff(surprise[probes > tail.threshold]) >= -1e-9).all()
    # Inside what was seen, the surprise is that of a conformal p-value: never below 1 / (1 + n).
    assert surprise[probes <= tail.threshold].max(initial=0.0) <= math.log10(1 + count) + 1e-9


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, count=st.integers(100, 500))
def test_normal_values_are_as_surprising_as_they_are_rare(seed: int, count: int) -> None:
    values = held_out(seed, count, "normal")
    surprise = fit_tail(values).surprise(values)
    for p in (0.5, 0.2, 0.1):
        share = float((surprise >= -math.log10(p)).mean())
        assert share <= p + 0.05, p


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, count=st.integers(20, 200), kind=KINDS)
def test_a_tail_survives_json_and_keeps_its_order(seed: int, count: int, kind: str) -> None:
    tail = fit_tail(held_out(seed, count, kind))
    again = TailModel.from_dict(tail.to_dict())
    assert again == tail
    drawn = tail.sample(50)
    assert (np.diff(drawn) >= 0).all()
    assert tail.body[0] <= drawn[0] <= drawn[-1] <= tail.body[-1]


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, windows=st.integers(2, 40), two_sided=st.booleans(), pooled=st.booleans())
def test_footage_that_was_learnt_is_rarely_stranger_than_the_edge_of_the_usual(
    seed: int, windows: int, two_sided: bool, pooled: bool
) -> None:
    chance = np.random.default_rng(seed)
    values = chance.normal(0.0, 1.0, (windows, 5, 6)).astype(np.float32)
    places = fit_places(values, two_sided=two_sided, pooled=pooled)
    strange = places.strangeness(values)
    assert np.isfinite(strange).all()
    assert (places.range_GW > 0).all()
    assert float((strange > 1.0).mean()) <= 0.05
    # What has no value is not strange; a value at the middle is not either.
    assert places.strangeness(np.full((1, 5, 6), np.nan, np.float32)).max() == 0.0
    assert np.abs(places.strangeness(places.middle_GW[None])).max() < 1e-5
    up = places.strangeness(values + np.float32(3.0))
    assert (up.max(axis=(1, 2)) >= strange.max(axis=(1, 2)) - (2 if two_sided else 0)).all()


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, weight=st.floats(0.0, 1.0))
def test_shrunk_places_lie_between_both(seed: int, weight: float) -> None:
    chance = np.random.default_rng(seed)
    own, pooled = (
        fit_places(chance.normal(m, 1.0, (12, 4, 4)).astype(np.float32), two_sided=True)
        for m in (0.0, 3.0)
    )
    between = shrunk_places(own, pooled, weight=weight)
    for name in ("middle_GW", "range_GW"):
        low = np.minimum(getattr(own, name), getattr(pooled, name)) - 1e-5
        high = np.maximum(getattr(own, name), getattr(pooled, name)) + 1e-5
        assert ((getattr(between, name) >= low) & (getattr(between, name) <= high)).all()
    ends = (shrunk_places(own, pooled, weight=w).middle_GW for w in (1.0, 0.0))
    for found, expected in zip(ends, (own.middle_GW, pooled.middle_GW), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(seed=SEEDS, cells=st.integers(1, 30))
def test_the_statistic_of_a_clip_is_that_of_its_four_strangest_cells(seed: int, cells: int) -> None:
    values = np.random.default_rng(seed).exponential(1.0, (3, 1, cells)).astype(np.float32)
    # In double precision: the logarithm of a mean near 1 shows the last digits of a single one.
    expected = [np.sort(one.ravel())[-4:].mean(dtype=np.float64) for one in values]
    np.testing.assert_allclose(strangest_mean(values), expected, rtol=1e-5)
    np.testing.assert_allclose(
        clip_statistic(values), np.log(np.maximum(expected, 0.01)), rtol=1e-4
    )


TAILS = st.builds(
    EventTail,
    threshold=st.floats(1.0, 5.0),
    events_per_day=st.floats(0.1, 100.0),
    scale=st.floats(0.05, 3.0),
    shape=st.floats(-0.2, 0.3),
)


@settings(max_examples=100, deadline=None)
@given(
    scores=st.lists(st.floats(0.0, 30.0), max_size=40),
    tail=TAILS,
    budget=st.floats(0.01, 50.0),
    alert_score=st.floats(3.0, 12.0),
)
def test_alerts_are_the_events_that_reach_the_level_each_once_and_graver_when_rarer(
    scores: list[float], tail: EventTail, budget: float, alert_score: float
) -> None:
    chosen = policy(alert_score=alert_score)
    stream = [anomaly(2.0 * number, score) for number, score in enumerate(scores)]
    events = list(join_anomalies(stream, chosen))
    alerts = alerts_from_events(events, chosen, tail, budget)
    reached = [event for event in events if event.peak_score >= alert_score]
    assert [alert.event_id for alert in alerts] == [event.event_id for event in reached]
    assert len({alert.alert_id for alert in alerts}) == len(alerts)
    for alert in alerts:
        assert 0.0 < alert.p_value <= 1.0
        assert alert.p_value == max(10.0**-alert.score, 2.2250738585072014e-308)
        assert alert.expected_per_day == expected_per_day(tail, alert.score)
        rare = alert.expected_per_day / budget
        expected = 2 if rare <= 0.01 else 1 if rare <= 0.1 else 0
        assert ORDER[alert.severity] == expected
    by_score = sorted(alerts, key=lambda alert: alert.score)
    grades = [ORDER[alert.severity] for alert in by_score]
    assert grades == sorted(grades)


@settings(max_examples=100, deadline=None)
@given(tail=TAILS, share=st.floats(1e-4, 0.999))
def test_the_level_of_a_rate_is_reached_at_that_rate(tail: EventTail, share: float) -> None:
    rate = share * tail.events_per_day
    level = score_at_rate(tail, rate)
    assert level >= tail.threshold
    assert math.isclose(expected_per_day(tail, level), rate, rel_tol=1e-5)
