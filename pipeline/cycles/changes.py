"""What changes in the cells of a picture from frame to frame: all that cycles are found by.

Shapes: T frames, C cells of the picture (row by row), H x W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.flow import grey_of
from pipeline.clips.reader import Stretch
from pipeline.footage.frames import View, WorkingFrame
from pipeline.timebase import seconds

__all__ = ["Changes", "changes_of", "nearest_frames"]

_COLUMNS = 24
"""Cells in the width of the picture; they are square."""
_LONGEST_STEP = 1.5
"""Usual steps between two frames beyond which one is missing."""
_LONGEST_HOLE_US = 500_000
"""Between two frames: a camera loses one now and then, and the cycle goes on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """How the mean grey level of every cell changed, frame by frame, in footage without a hole."""

    levels_TC: NDArray[np.float32]
    """Grey levels, >= -255 and <= 255."""
    frame_rate: float
    """Frames a second, as the times of the frames say."""
    columns: int
    """Cells in a row of the picture."""


def changes_of(sample: Stretch, view: View) -> Changes | None:
    """Return what changes in a piece of footage; None where more than half a second is missing.

    Raises FootageError when it cannot be decoded.
    """
    frames = list(sample.frames(view))
    times_us = np.array([frame.pts_us for frame in frames], dtype=np.int64)
    if len(frames) < 3:
        return None
    steps_us = np.diff(times_us)
    usual_us = float(np.median(steps_us))
    if steps_us.max() > max(_LONGEST_HOLE_US, _LONGEST_STEP * usual_us):
        return None
    means_TC, columns = _cell_means(frames)
    if steps_us.max() > _LONGEST_STEP * usual_us:
        kept = nearest_frames(times_us, usual_us)
        means_TC, times_us = means_TC[kept], times_us[[0, -1]]
    return Changes(
        levels_TC=np.diff(means_TC, axis=0),
        frame_rate=(len(means_TC) - 1) / seconds(int(times_us[-1] - times_us[0])),
        columns=columns,
    )


def nearest_frames(times_us: NDArray[np.int64], step_us: float) -> NDArray[np.int64]:
    """Return for even times, a step apart, which frame is nearest: one beside a lost one is there
    twice."""
    count = round(float(times_us[-1] - times_us[0]) / step_us) + 1
    even_us = np.linspace(times_us[0], times_us[-1], count)
    after = np.clip(np.searchsorted(times_us, even_us), 1, len(times_us) - 1)
    is_before = even_us - times_us[after - 1] <= times_us[after] - even_us
    return np.asarray(after - is_before, dtype=np.int64)


def _cell_means(frames: Sequence[WorkingFrame]) -> tuple[NDArray[np.float32], int]:
    """Return the mean of every cell, and how many are in a row; pixels that fill no whole cell, at
    the right and the bottom, are in none."""
    height, width = frames[0].image.shape[:2]
    side = max(1, width // _COLUMNS)
    rows, columns = height // side, width // side
    means = []
    for frame in frames:
        cells = grey_of(frame.image)[: rows * side, : columns * side].reshape(
            rows, side, columns, side
        )
        means.append(cells.mean(axis=(1, 3), dtype=np.float32).ravel())
    return np.stack(means), columns
