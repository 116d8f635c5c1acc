"""What holds for the events of any stream of anomalies."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipeline.alerts.budget import expected_per_day, fit_event_tail, score_at_rate
from pipeline.alerts.events import Event, EventPolicy, GoingOn, ScoreSmoother, join_anomalies
from pipeline.alerts.sequential import SumRule
from pipeline.scoring.anomaly import Anomaly
from tests.alerts_makers import anomaly, clips_at_rate, policy

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


@settings(max_examples=300, deadline=None)
@given(streams(), policies(), st.integers(0, 60), st.sampled_from([0.0, 0.3]))
def test_what_goes_on_is_joined_from_where_it_was(
    stream: list[Anomaly], chosen: EventPolicy, cut: int, gain: float
) -> None:
    chosen = replace(chosen, sums=(SumRule(drift=1.0, offset=0.0, gain=gain),) if gain else ())
    whole, part = joined(stream, chosen), joined(stream[:cut], chosen)
    assume(part)
    before = part[-1]
    assume(sum(one.clip.end_utc == before.end_utc for one in stream) == 1)
    smoother = ScoreSmoother(chosen)
    scores = [(one.anomaly_id, smoother.after(one)[0]) for one in stream]
    # Two clips of one moment and length have one name here; the peak is the higher of them.
    peak = max(score for name, score in scores if name == before.peak_anomaly_id)
    going_on = GoingOn(event=before, score_at_peak=peak)
    assert list(join_anomalies(stream, chosen, going_on=going_on)) == whole[len(part) - 1 :]


@st.composite
def usual_streams(draw: st.DrawFn) -> list[Anomaly]:
    """Return clips of a camera of two pictures a second or more, between holes."""
    frame_rate = draw(st.sampled_from([2.0, 2.5, 5.0, 10.0, 25.0]))
    at_seconds, stream = 0.0, list[Anomaly]()
    for scores in draw(st.lists(st.lists(SCORES, min_size=1, max_size=12), max_size=6)):
        stream += clips_at_rate(scores, frame_rate, first_seconds=at_seconds)
        hole_seconds = draw(st.sampled_from([1.0, 1.6, 2.5, 7.0])) / frame_rate
        at_seconds += (len(scores) - 1) * 2 / frame_rate + hole_seconds + 7 / frame_rate
    return stream


@settings(max_examples=300, deadline=None)
@given(usual_streams(), policies())
def test_at_two_pictures_a_second_or_more_only_the_ends_of_clips_count(
    stream: list[Anomaly], chosen: EventPolicy
) -> None:
    bare = [
        replace(one, clip=replace(one.clip, start_us=one.clip.end_us, start_utc=one.clip.end_utc))
        for one in stream
    ]
    assert joined(stream, chosen) == joined(bare, chosen)


@st.composite
def seldom_streams(draw: st.DrawFn) -> list[Anomaly]:
    """Return clips of a camera of less than one picture a second, without a hole."""
    frame_rate = draw(st.sampled_from([0.05, 0.2, 0.5, 0.6, 0.9]))
    return clips_at_rate(draw(st.lists(SCORES, max_size=40)), frame_rate)


@settings(max_examples=200, deadline=None)
@given(seldom_streams(), policies(), st.integers(0, 40))
def test_where_clips_come_seldom_a_prefix_gives_the_same_events_too(
    stream: list[Anomaly], chosen: EventPolicy, cut: int
) -> None:
    whole, part = joined(stream, chosen), joined(stream[:cut], chosen)
    assert [e.event_id for e in part] == [e.event_id for e in whole[: len(part)]]
    assert all(a == b for a, b in zip(part, whole, strict=False) if a.closed)
    if chosen.smoothing_seconds == 0.0:
        inside = [(e.start_utc, e.end_utc) for e in whole]
        for one in stream:
            if one.score >= chosen.open_score:
                assert any(start <= one.clip.end_utc <= end for start, end in inside)


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
