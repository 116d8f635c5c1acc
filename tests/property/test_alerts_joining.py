"""What holds for the events of any stream of anomalies."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.alerts.budget import expected_per_day, fit_event_tail, score_at_rate
from pipeline.alerts.events import Event, EventPolicy, join_anomalies
from pipeline.scoring.anomaly import Anomaly
from tests.alerts_makers import anomaly, policy

STEPS = st.sampled_from([0.0, 0.1, 0.4, 0.4, 0.4, 1.0, 1.9, 2.5, 7.0])
SCORES = st.floats(0.0, 8.0).map(lambda value: round(value, 2))


@st.composite
def streams(draw: st.DrawFn) -> list[Anomaly]:
    at_seconds, stream = 0.0, []
    for step, score in draw(st.lists(st.tuples(STEPS, SCORES), max_size=60)):
        at_seconds += step
        stream.append(anomaly(at_seconds, score))
    return stream


@st.composite
def policies(draw: st.DrawFn) -> EventPolicy:
    return policy(
        open_score=3.0,
        close_score=draw(st.sampled_from([1.0, 2.0, 3.0])),
        smoothing_seconds=draw(st.sampled_from([0.0, 0.5, 2.0])),
        minimum_seconds=draw(st.sampled_from([0.0, 0.3, 1.0])),
        merge_gap_seconds=draw(st.sampled_from([0.0, 0.5, 1.5, 3.0])),
    )


def joined(stream: list[Anomaly], chosen: EventPolicy) -> list[Event]:
    return list(join_anomalies(stream, chosen))


@settings(max_examples=300, deadline=None)
@given(streams(), policies())
def test_events_are_disjoint_and_further_apart_than_the_gap(
    stream: list[Anomaly], chosen: EventPolicy
) -> None:
    for earlier, later in pairwise(joined(stream, chosen)):
        gap_seconds = (later.start_utc - earlier.end_utc).total_seconds()
        assert gap_seconds > chosen.merge_gap_seconds


@settings(max_examples=300, deadline=None)
@given(streams(), policies())
def test_the_peak_lies_inside_and_reaches_the_opening_score(
    stream: list[Anomaly], chosen: EventPolicy
) -> None:
    known = {one.anomaly_id for one in stream}
    for event in joined(stream, chosen):
        assert event.start_utc <= event.peak_utc <= event.end_utc
        assert event.peak_score >= chosen.open_score
        assert {event.first_anomaly_id, event.peak_anomaly_id} <= known
        assert 1 <= event.clips <= len(stream)


@settings(max_examples=300, deadline=None)
@given(streams(), policies(), st.integers(0, 60))
def test_a_prefix_gives_the_same_events_up_to_the_cut(
    stream: list[Anomaly], chosen: EventPolicy, cut: int
) -> None:
    whole = joined(stream, chosen)
    part = joined(stream[:cut], chosen)
    assert [e.event_id for e in part] == [e.event_id for e in whole[: len(part)]]
    assert all(event.closed for event in part[:-1])
    for before, after in zip(part, whole, strict=False):
        if before.closed:
            assert before == after
        else:
            assert before.start_utc == after.start_utc
            assert before.end_utc <= after.end_utc
            assert before.peak_score <= after.peak_score


@settings(max_examples=200, deadline=None)
@given(streams(), policies())
def test_only_the_last_event_may_be_unclosed(stream: list[Anomaly], chosen: EventPolicy) -> None:
    assert all(event.closed for event in joined(stream, chosen)[:-1])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(1.0, 30.0), max_size=120),
    st.floats(0.001, 100.0),
    st.lists(st.floats(1e-4, 1e4), min_size=2, max_size=6),
)
def test_rarer_rates_need_higher_scores(
    peaks: list[float], days: float, rates: list[float]
) -> None:
    tail = fit_event_tail(peaks, days)
    levels = [score_at_rate(tail, rate) for rate in sorted(rates)]
    assert levels == sorted(levels, reverse=True)
    assert min(levels) >= tail.threshold
    expected = [expected_per_day(tail, level) for level in levels]
    assert expected == sorted(expected)
