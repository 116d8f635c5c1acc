"""Histories: what each cell did over the last seconds, unknown until the stream has run so long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.clips.history import HISTORY_KINDS, HistoryShape, with_history
from pipeline.footage.frames import WorkingFrame

SHAPE = HistoryShape(steps=3, frames_a_step=2)
HEIGHT_PX, WIDTH_PX = 32, 48
ACTIVITY, APPEARANCE = range(len(HISTORY_KINDS))


def background() -> NDArray[np.uint8]:
    chance = np.random.default_rng(0)
    return chance.integers(60, 180, (HEIGHT_PX, WIDTH_PX)).astype(np.uint8)


def stream(*brighter: float, cell: tuple[int, int] = (1, 2)) -> list[WorkingFrame]:
    """Return frames of the background, each with one cell that is brighter by so many levels."""
    frames = []
    for number, levels in enumerate(brighter):
        image = background().astype(np.float32)
        top, left = cell[0] * 8, cell[1] * 8
        image[top : top + 8, left : left + 8] += levels
        frames.append(WorkingFrame(pts_us=number * 100_000, image=image.astype(np.uint8)))
    return frames


def histories_of(frames: list[WorkingFrame]) -> list[NDArray[np.float32]]:
    seen = with_history(frames, background(), SHAPE)
    return [frame.history_SGW2() for frame in seen if frame.history_SGW2 is not None]


def test_a_history_is_unknown_until_the_stream_has_run_so_long() -> None:
    known = [not np.isnan(h).any() for h in histories_of(stream(*[0.0] * 9))]
    # Seven frames: the activity of the first one is not known.
    assert known == [False] * 6 + [True] * 3


def test_its_steps_are_the_newest_first_and_only_the_cell_that_changed_is_seen() -> None:
    history = histories_of(stream(0, 0, 0, 0, 0, 20, 40))[-1]
    assert history.shape == (3, 4, 6, 2)
    assert history[:, 1, 2, APPEARANCE] == pytest.approx([30.0, 0.0, 0.0], abs=0.5)
    assert history[:, 1, 2, ACTIVITY] == pytest.approx([20.0, 0.0, 0.0], abs=0.5)
    history[:, 1, 2] = 0.0
    assert history.max() < 0.5


def test_what_stands_still_is_seen_and_is_no_activity() -> None:
    history = histories_of(stream(*[30.0] * 8))[-1]
    assert history[:, 1, 2, APPEARANCE] == pytest.approx([30.0] * 3, abs=0.5)
    assert history[..., ACTIVITY].max() < 0.1


def test_a_change_of_the_light_is_neither() -> None:
    frames = stream(*[0.0] * 10)
    dimmed = [
        replace(frame, image=(frame.image * (1.0 - 0.02 * number) + 3 * number).astype(np.uint8))
        for number, frame in enumerate(frames)
    ]
    history = histories_of(dimmed)[-1]
    assert history.max() < 2.0  # rounding to whole grey levels


def test_a_hole_ends_what_is_known() -> None:
    frames = stream(*[0.0] * 16)
    frames[8] = replace(frames[8], follows_hole=True)
    known = [not np.isnan(h).any() for h in histories_of(frames)]
    assert known == [False] * 6 + [True] * 2 + [False] * 6 + [True] * 2


def test_colour_is_seen_as_grey_and_the_frames_keep_all_else() -> None:
    frames = stream(*[10.0] * 8)
    colour = [
        replace(frame, image=np.repeat(frame.image[..., None], 3, axis=-1)) for frame in frames
    ]
    for grey, coloured in zip(histories_of(frames), histories_of(colour), strict=True):
        np.testing.assert_allclose(coloured, grey, atol=1e-3)
    after = list(with_history(frames, background(), SHAPE))
    assert [frame.pts_us for frame in after] == [frame.pts_us for frame in frames]
    assert all(a.image is b.image for a, b in zip(after, frames, strict=True))


def test_the_order_of_asking_does_not_matter() -> None:
    frames = stream(0, 5, 0, 30, 10, 20, 40, 0, 3)
    in_order = histories_of(frames)
    seen = list(with_history(frames, background(), SHAPE))
    backwards = [frame.history_SGW2() for frame in reversed(seen) if frame.history_SGW2 is not None]
    for one, other in zip(in_order, reversed(backwards), strict=True):
        np.testing.assert_array_equal(one, other)
