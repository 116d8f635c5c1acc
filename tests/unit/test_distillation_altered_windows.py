"""Windows that a student learns the unusual from."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.distillation.altered_windows import NormalWindows, altered_window


def normal(*, speeds: tuple[int, ...] = (1, 2)) -> NormalWindows:
    chance = np.random.default_rng(5)
    background = np.full((64, 96), 100, np.uint8)
    windows = {}
    for speed in speeds:
        pictures = np.repeat(np.repeat(background[None, None], 6, 0), 8, 1).copy()
        for window in pictures:
            top, left = chance.integers(0, 40), chance.integers(0, 20)
            for frame in range(8):
                at = left + 2 * speed * frame
                window[frame, top : top + 16, at : at + 12] = 220 if speed == 1 else 30
        windows[speed] = pictures
    return NormalWindows(by_speed=windows, background_HW=background)


def test_equal_chances_give_equal_windows_and_the_footage_stays_as_it_was() -> None:
    footage = normal()
    before = {speed: windows.copy() for speed, windows in footage.by_speed.items()}
    first, again = (altered_window(footage, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert first.shape == (8, 64, 96)
    assert first.dtype == np.uint8
    for speed, windows in before.items():
        np.testing.assert_array_equal(footage.by_speed[speed], windows)


def test_most_are_no_window_of_the_footage_and_some_are_fast_all_over() -> None:
    footage = normal()
    chance = np.random.default_rng(0)
    made = [altered_window(footage, chance) for _ in range(60)]
    whole = sum(any(np.array_equal(m, w) for w in footage.by_speed[2]) for m in made)
    as_they_were = sum(any(np.array_equal(m, w) for w in footage.by_speed[1]) for m in made)
    assert 2 <= whole <= 20
    assert as_they_were <= 10
    # Pieces of the fast footage, which is dark there, lie in windows of the footage as it is.
    with_pieces = [m for m in made if (m < 60).any() and (m > 200).any()]
    assert len(with_pieces) >= 10


def test_without_faster_windows_pieces_come_from_the_footage_itself() -> None:
    footage = normal(speeds=(1,))
    chance = np.random.default_rng(0)
    assert any(
        not any(np.array_equal(altered_window(footage, chance), w) for w in footage.by_speed[1])
        for _ in range(5)
    )


def test_a_scene_where_nothing_ever_moves_still_gives_windows() -> None:
    still = np.full((3, 8, 64, 96), 50, np.uint8)
    footage = NormalWindows(by_speed={1: still}, background_HW=np.full((64, 96), 50, np.uint8))
    np.testing.assert_array_equal(altered_window(footage, np.random.default_rng(1)), still[0])


def test_no_footage_is_refused() -> None:
    with pytest.raises(ValueError, match="own speed"):
        NormalWindows(
            by_speed={2: np.zeros((1, 8, 64, 96), np.uint8)},
            background_HW=np.zeros((64, 96), np.uint8),
        )
