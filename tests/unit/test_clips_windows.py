"""Windows of frames: every stride, never over a hole, named by their content."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clips.windows import windows
from pipeline.footage.frames import WorkingFrame
from pipeline.footage.segments import Segment

SEGMENT = Segment(
    segment_id="s",
    footage_id="f",
    camera="line-1",
    start_us=5_000_000,
    end_us=15_000_000,
    frames=100,
    start_utc=datetime(2026, 1, 31, 8, tzinfo=UTC),
)


def frames(*times_ms: int, holes: frozenset[int] = frozenset()) -> list[WorkingFrame]:
    return [
        WorkingFrame(
            pts_us=5_000_000 + time_ms * 1000,
            image=np.full((2, 3), index, np.uint8),
            follows_hole=time_ms in holes,
        )
        for index, time_ms in enumerate(times_ms)
    ]


def spans_ms(given: list[WorkingFrame], length: int, stride: int) -> list[tuple[int, int]]:
    cut = windows(given, segment=SEGMENT, length=length, stride=stride)
    return [(c.start_us // 1000 - 5000, c.end_us // 1000 - 5000) for c, _ in cut]


def test_windows_begin_every_stride() -> None:
    given = frames(*range(0, 1000, 100))
    assert spans_ms(given, 4, 2) == [(0, 300), (200, 500), (400, 700), (600, 900)]
    assert spans_ms(given, 4, 4) == [(0, 300), (400, 700)]
    assert spans_ms(given, 10, 1) == [(0, 900)]
    assert spans_ms(given, 11, 1) == []
    assert len(spans_ms(given, 1, 1)) == 10


def test_a_stride_longer_than_the_window_leaves_frames_out() -> None:
    assert spans_ms(frames(*range(0, 1000, 100)), 2, 4) == [(0, 100), (400, 500), (800, 900)]


def test_a_window_holds_its_frames_in_order_and_is_the_callers_own() -> None:
    cut = windows(frames(*range(0, 600, 100)), segment=SEGMENT, length=3, stride=3)
    kept = [window.pictures for _, window in cut]
    assert [window[:, 0, 0].tolist() for window in kept] == [[0, 1, 2], [3, 4, 5]]
    kept[0][:] = 99
    assert kept[1].max() == 5


def with_flows(given: list[WorkingFrame]) -> list[WorkingFrame]:
    """Return the frames, each with its number as flow to the right."""
    return [
        replace(frame, flow_HW2=partial(np.full, (2, 3, 2), number, np.float16))
        for number, frame in enumerate(given)
    ]


def test_the_first_frame_of_a_window_has_the_flow_of_its_second() -> None:
    given = with_flows(frames(*range(0, 600, 100)))
    kept = [window for _, window in windows(given, segment=SEGMENT, length=3, stride=1)]
    flows = [window.flow_THW2[:, 0, 0, 0].tolist() for window in kept]
    assert flows == [[1, 1, 2], [2, 2, 3], [3, 3, 4], [4, 4, 5]]
    assert kept[0].flow_THW2.shape == (3, 2, 3, 2)
    kept[0].flow_THW2[:] = 99
    assert kept[1].flow_THW2.max() == 3


def test_a_window_of_one_frame_has_the_flow_of_that_frame() -> None:
    given = with_flows(frames(0, 100, 200))
    cut = windows(given, segment=SEGMENT, length=1, stride=1)
    assert [window.flow_THW2[:, 0, 0, 0].tolist() for _, window in cut] == [[0], [1], [2]]


def test_windows_of_frames_without_flow_have_none() -> None:
    given = frames(*range(0, 600, 100))
    given[3:] = with_flows(given[3:])  # the first frame of a window is never asked
    cut = windows(given, segment=SEGMENT, length=3, stride=3)
    assert [window.flow_THW2 is None for _, window in cut] == [True, False]
    cut = windows(given, segment=SEGMENT, length=3, stride=1)
    assert [window.flow_THW2 is None for _, window in cut] == [True, True, False, False]


def test_no_window_spans_a_hole() -> None:
    given = frames(*range(0, 500, 100), *range(1500, 2000, 100))
    assert spans_ms(given, 4, 1) == [(0, 300), (100, 400), (1500, 1800), (1600, 1900)]


def test_no_window_spans_a_hole_that_only_the_reader_saw() -> None:
    given = frames(*range(0, 800, 100), holes=frozenset({400}))
    assert spans_ms(given, 4, 1) == [(0, 300), (400, 700)]


def test_uneven_steps_of_a_resampled_source_are_no_holes() -> None:
    assert len(spans_ms(frames(0, 133, 200, 333, 400, 533, 600), 7, 1)) == 1


def test_a_camera_that_slows_down_is_seen_again_after_a_few_frames() -> None:
    # From ten pictures a second to three, as many cameras do at night.
    slow = range(3000, 12_000, 333)
    cut = spans_ms(frames(*range(0, 3000, 100), *slow), 4, 1)
    night = [span for span in cut if span[0] >= 3000]
    assert cut[-1][1] == slow[-1]
    assert night[0][1] <= slow[12]
    assert all(end - start == 3 * 333 for start, end in night)
    # A hole is still one, before and after.
    holes = spans_ms(frames(*range(0, 3000, 100), *range(5000, 6000, 100)), 4, 1)
    assert not [span for span in holes if span[0] < 3000 <= span[1]]


def test_a_hole_among_the_first_frames_does_not_hide_the_next_one() -> None:
    assert spans_ms(frames(0, 100, 5100, 7100, 7200), 2, 1) == [(0, 100), (7100, 7200)]
    assert spans_ms(frames(0, 100, 5100, 5200, 7200, 7300), 2, 1) == [
        (0, 100),
        (5100, 5200),
        (7200, 7300),
    ]


def test_time_that_goes_back_begins_again() -> None:
    assert spans_ms(frames(0, 100, 200, 100, 200, 300), 3, 1) == [(0, 200), (100, 300)]


def test_a_clip_knows_its_wall_times_and_is_named_by_its_content() -> None:
    given = frames(*range(0, 1000, 100))
    cut = list(windows(given, segment=SEGMENT, length=4, stride=2))
    first = cut[0][0]
    assert first.start_utc == SEGMENT.start_utc
    assert first.end_utc == SEGMENT.start_utc + timedelta(milliseconds=300)
    assert (first.segment_id, first.camera) == ("s", "line-1")
    again = list(windows(given, segment=SEGMENT, length=4, stride=2))
    assert [clip.clip_id for clip, _ in cut] == [clip.clip_id for clip, _ in again]
    assert len({clip.clip_id for clip, _ in cut}) == 4


def test_memory_is_bounded_by_the_window() -> None:
    born: list[weakref.ref[NDArray[np.uint8]]] = []

    def endless() -> Iterator[WorkingFrame]:
        for index in range(500):
            image = np.zeros((2, 3), np.uint8)
            born.append(weakref.ref(image))
            yield WorkingFrame(pts_us=index * 100_000, image=image)

    most = 0
    for _ in windows(endless(), segment=SEGMENT, length=8, stride=1):
        most = max(most, sum(image() is not None for image in born))
    assert len(born) == 500
    assert 8 <= most <= 12


@pytest.mark.parametrize(("length", "stride"), [(0, 1), (1, 0), (-1, 1)])
def test_senseless_lengths_are_our_mistake(length: int, stride: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        list(windows(frames(0), segment=SEGMENT, length=length, stride=stride))
