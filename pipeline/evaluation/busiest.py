"""The busiest part of footage: where most of the picture changes, and so faults have a place."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.parts import Parts
from pipeline.timebase import microseconds

if TYPE_CHECKING:
    from pipeline.clips.reader import Stretch

__all__ = ["busiest_part"]

_EVERY_US = 1_000_000
_WIDTH_PX = 96
"""Pictures are looked at on about so many columns."""
_CHANGED = 12
"""Grey levels from one frame to the next; less is noise."""


def busiest_part(
    stretches: Sequence[Stretch], length_seconds: float, parts: Parts
) -> tuple[Path, int, int]:
    """Return a video and from when to when (us) most changes in it: a part of one stretch of at
    most `length_seconds`. The beginning of the longest one where nothing ever changes.

    Two frames of each second are compared; everything is decoded.
    """
    length_us = microseconds(length_seconds)
    longest = max(stretches, key=lambda one: one.segment.end_us - one.segment.start_us)
    best, chosen = 0.0, (longest, longest.segment.start_us)
    for stretch in stretches:
        times_us, changed = _changes(stretch, parts)
        for first, start_us in enumerate(times_us):
            if first and start_us + length_us > stretch.segment.end_us:
                break  # shorter than one that was seen already
            within = changed[first : int(np.searchsorted(times_us, start_us + length_us))]
            if within.sum() > best:
                best, chosen = float(within.sum()), (stretch, int(start_us))
    stretch, start_us = chosen
    return stretch.source, start_us, min(stretch.segment.end_us, start_us + length_us)


def _changes(stretch: Stretch, parts: Parts) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the time of one frame of each second, us, and which share of it changes before the
    next frame."""
    times: list[int] = []
    changed: list[float] = []
    due_us, earlier = stretch.segment.start_us, None
    with parts.decode(stretch.source, True, stretch.segment.start_us) as frames:
        for frame in frames:
            if frame.pts_us >= stretch.segment.end_us:
                break
            if earlier is not None:
                changed.append(float(np.mean(np.abs(_small(frame.image) - earlier) > _CHANGED)))
                earlier = None
            elif frame.pts_us >= due_us:
                times.append(frame.pts_us)
                earlier, due_us = _small(frame.image), frame.pts_us + _EVERY_US
    return np.array(times[: len(changed)], dtype=np.int64), np.array(changed)


def _small(image_HW: NDArray[np.uint8]) -> NDArray[np.int16]:
    step = max(1, image_HW.shape[1] // _WIDTH_PX)
    return image_HW[::step, ::step].astype(np.int16)
