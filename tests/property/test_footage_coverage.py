"""Whatever comes out of a decoder, every moment is either seen or blind, and never both."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.footage.admission import Reason
from pipeline.footage.media_clock import MediaClock
from pipeline.footage.segments import Coverage

FRAMES = st.lists(
    st.tuples(
        st.sampled_from([1, 33_000, 100_000, 100_000, 100_000, 400_000, 600_000, 3_000_000]),
        st.sampled_from([False] * 9 + [True]),
        st.booleans(),
    ),
    min_size=1,
    max_size=200,
)


@settings(max_examples=300, deadline=None)
@given(
    frames=FRAMES,
    claimed_us=st.integers(0, 10**12),
    tail=st.sampled_from([None, Reason.STALLED, Reason.DAMAGED]),
    damaged_end=st.booleans(),
    late_us=st.integers(0, 2_000_000),
)
def test_segments_and_blind_intervals_cover_all_of_the_time_exactly_once(
    frames: list[tuple[int, bool, bool]],
    claimed_us: int,
    tail: Reason | None,
    damaged_end: bool,
    late_us: int,
) -> None:
    coverage, clock = Coverage(), MediaClock(10.0)
    claimed, placed = late_us, []
    for step_us, damaged, key in frames:
        claimed += step_us
        time_us, _ = clock.place(claimed)
        coverage.add(time_us, damaged=damaged, key=key, step_us=clock.step_us)
        placed.append((time_us, damaged))
    end_us = coverage.end_us
    spans = coverage.spans(tail=tail, claimed_us=claimed_us, damaged_end=damaged_end)
    assert spans[0].start_us == 0
    assert spans[-1].end_us >= end_us
    for before, after in pairwise(spans):
        assert before.end_us == after.start_us
    for span in spans:
        assert span.end_us > span.start_us
        inside = [(t, bad) for t, bad in placed if span.start_us <= t < span.end_us]
        if span.reason is None:
            assert span.end_us - span.start_us >= 1_000_000
            assert len(inside) == span.frames
            assert not any(bad for _, bad in inside)


@settings(max_examples=300, deadline=None)
@given(
    times=st.lists(st.integers(-(10**7), 10**10), min_size=1, max_size=100),
    rate=st.floats(allow_nan=True, allow_infinity=True),
)
def test_media_time_grows_whatever_is_claimed(times: list[int], rate: float) -> None:
    clock = MediaClock(rate)
    placed = [clock.place(time_us)[0] for time_us in times]
    assert placed[0] >= 0
    assert all(a < b for a, b in pairwise(placed))
    assert clock.step_us >= 1
