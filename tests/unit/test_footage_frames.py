"""Working frames: the model's size and rate, exact times, holes marked, masks burnt in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FootageError
from pipeline.footage.frames import View, WorkingFrame, working_frames
from tests import footage_maker as make

LOSSLESS = ("-c:v", "ffv1", "-pix_fmt", "bgr0")


def clip(folder: Path, rate: float, seconds: float = 3.0) -> Path:
    video = make.scene(2, round(rate * seconds))
    return make.encode(folder / f"{rate:g}.mp4", video, *make.H264, *make.FASTSTART, rate=rate)


def view(rate: float, **changes: object) -> View:
    return View(width_px=48, height_px=32, frame_rate=rate, **changes)  # type: ignore[arg-type]


def times_ms(frames: list[WorkingFrame]) -> list[int]:
    return [round(frame.pts_us / 1000) for frame in frames]


@pytest.mark.parametrize(
    ("native", "wanted", "expected"),
    [
        (10.0, 10.0, [0, 100, 200, 300, 400, 500]),
        (30.0, 10.0, [0, 100, 200, 300, 400, 500]),
        (25.0, 10.0, [0, 120, 200, 320, 400, 520]),
        (15.0, 10.0, [0, 133, 200, 333, 400, 533]),
        (5.0, 10.0, [0, 200, 400, 600, 800, 1000]),
        (12.0, 10.0, [0, 83, 167, 250, 333, 417]),
    ],
)
def test_frames_are_chosen_for_the_wanted_rate_and_keep_their_times(
    native: float, wanted: float, expected: list[int], tmp_path: Path
) -> None:
    frames = list(working_frames(clip(tmp_path, native), view(wanted)))
    assert times_ms(frames)[:6] == expected
    assert not any(frame.follows_hole for frame in frames)


def test_frames_are_grey_or_rgb_in_the_wanted_size(tmp_path: Path) -> None:
    video = make.scene(2, 20)
    source = make.encode(tmp_path / "clip.mkv", video, *LOSSLESS)
    grey = next(iter(working_frames(source, view(10.0))))
    assert (grey.image.shape, grey.image.dtype) == ((32, 48), np.uint8)
    colour = next(iter(working_frames(source, view(10.0, grey=False))))
    expected = video[0].astype(float).reshape(32, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(colour.image - expected).max() <= 1.0


def test_masks_are_burnt_into_every_frame(tmp_path: Path) -> None:
    left_half = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
    for grey in (True, False):
        seen = view(10.0, grey=grey, masks=(left_half,))
        for frame in working_frames(clip(tmp_path, 10.0), seen):
            assert not frame.image[:, :25].any()
            assert frame.image[:, 27:].all()


def test_a_window_of_time_is_read_alone(tmp_path: Path) -> None:
    source = clip(tmp_path, 10.0)
    frames = list(working_frames(source, view(5.0), start_us=700_000, end_us=1_500_000))
    assert times_ms(frames) == [700, 900, 1100, 1300]


def test_a_frame_after_a_missing_one_is_marked(tmp_path: Path) -> None:
    video = make.scene(2, 30)
    drop = ("-vf", "select='not(eq(n,10))'", "-fps_mode", "vfr")
    source = make.encode(tmp_path / "drop.mp4", video, *make.H264, *drop)
    frames = list(working_frames(source, view(10.0)))
    assert [f.pts_us for f in frames if f.follows_hole] == [1_100_000]
    halved = list(working_frames(source, view(5.0)))
    assert times_ms(halved)[:8] == [0, 200, 400, 600, 800, 1100, 1200, 1400]
    assert not any(frame.follows_hole for frame in halved)


def test_damaged_frames_are_left_out(tmp_path: Path) -> None:
    folder = make.folder_of_frames(tmp_path / "frames", frames=20)
    (folder / "frame8.png").write_bytes(b"broken")
    frames = list(working_frames(folder, view(10.0), folder_frame_rate=10.0))
    assert 700 not in times_ms(frames)
    assert len(frames) == 19
    assert [f.pts_us for f in frames if f.follows_hole] == [800_000]


def test_the_same_source_gives_the_same_frames_again(tmp_path: Path) -> None:
    source = clip(tmp_path, 25.0)
    first, again = (list(working_frames(source, view(10.0))) for _ in range(2))
    assert [f.pts_us for f in first] == [f.pts_us for f in again]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(first, again, strict=True))


def test_a_source_that_is_gone_is_an_error_with_a_reason(tmp_path: Path) -> None:
    with pytest.raises(FootageError, match=r"gone\.mp4: cannot be opened") as caught:
        next(iter(working_frames(tmp_path / "gone.mp4", view(10.0))))
    assert caught.value.reason == "unreadable"
