"""Media time always grows, whatever a container claims."""

from __future__ import annotations

from collections import Counter

import pytest

from pipeline.footage.media_clock import MediaClock, typical_step_us


def placed(clock: MediaClock, *claimed_us: int) -> list[tuple[int, bool]]:
    return [clock.place(time_us) for time_us in claimed_us]


def test_exact_times_are_kept() -> None:
    clock = MediaClock(10.0)
    assert placed(clock, 0, 100_000, 200_000, 2_200_000) == [
        (0, False),
        (100_000, False),
        (200_000, False),
        (2_200_000, False),
    ]


def test_a_small_delay_at_the_beginning_is_taken_off_every_time() -> None:
    assert placed(MediaClock(15.0), 66_667, 133_333) == [(0, False), (66_666, False)]


def test_a_late_first_frame_is_a_hole_and_keeps_its_time() -> None:
    assert placed(MediaClock(10.0), 3_000_000, 3_100_000) == [
        (3_000_000, False),
        (3_100_000, False),
    ]


def test_an_unknown_time_follows_the_frame_before() -> None:
    clock = MediaClock(10.0)
    assert placed(clock, 0, 100_000, 0, 300_000) == [
        (0, False),
        (100_000, False),
        (200_000, False),
        (300_000, False),
    ]


def test_a_source_without_any_time_runs_at_its_claimed_rate() -> None:
    assert [time_us for time_us, _ in placed(MediaClock(5.0), 0, 0, 0)] == [0, 200_000, 400_000]


def test_one_frame_out_of_order_is_misplaced_and_does_not_move_the_others() -> None:
    clock = MediaClock(10.0)
    assert placed(clock, 0, 100_000, 300_000, 200_000, 400_000)[3:] == [
        (300_001, True),
        (400_000, False),
    ]


def test_a_source_that_starts_its_time_again_goes_on_from_where_it_was() -> None:
    clock = MediaClock(10.0)
    placed(clock, *range(0, 5_000_000, 100_000))
    again = placed(clock, *range(100_000, 2_000_000, 100_000))
    assert [misplaced for _, misplaced in again] == [True] * 8 + [False] * 11
    # The first of them belongs at 5.0 s, so the ninth is at 5.8 s.
    assert [time_us for time_us, _ in again[8:10]] == [5_800_000, 5_900_000]


def test_equal_times_grow_by_one_microsecond() -> None:
    assert placed(MediaClock(10.0), 0, 100_000, 100_000)[2] == (100_001, False)


@pytest.mark.parametrize("rate", [0.0, -5.0, 1e9, 0.001])
def test_an_absurd_claimed_rate_is_not_believed(rate: float) -> None:
    assert MediaClock(rate).step_us == 40_000


def test_the_typical_step_of_milliseconds_is_their_mean_not_their_median() -> None:
    assert typical_step_us(Counter({33_000: 20, 34_000: 10, 500_000: 1})) == pytest.approx(
        33_333.3, abs=1
    )


def test_the_frame_rate_is_the_typical_one_in_spite_of_holes() -> None:
    clock = MediaClock(10.0)
    placed(clock, *range(0, 3_000_000, 100_000), *range(30_000_000, 33_000_000, 100_000))
    assert clock.frame_rate == 10.0
