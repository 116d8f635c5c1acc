"""Clips: windows of T frames of a segment at the model's frame rate."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.pace import Pace
from pipeline.footage.segments import Segment
from pipeline.identity import content_id
from pipeline.stopwatch import stage
from pipeline.timebase import shift_utc

if TYPE_CHECKING:
    from pipeline.footage.frames import WorkingFrame

__all__ = ["Clip", "Window", "windows"]

_REMEMBERED_STEPS = 15
_HOLE_IN_STEPS = 2.5
"""Steps alternate by up to a factor of 2 when frames were left out to reach a frame rate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A window of T frames of one segment. A score belongs to its end: it uses no later frame."""

    clip_id: str
    """content_id("clip", segment_id, start_us, end_us)."""
    segment_id: str
    camera: str
    start_us: int
    """Media time of the first frame."""
    end_us: int
    """Media time of the last frame (inclusive: the moment at which the score is known)."""
    start_utc: datetime
    end_utc: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """What was seen in one clip: arrays of the caller's own."""

    pictures: NDArray[np.uint8]
    """THW, or THWC for colour."""
    flow_THW2: NDArray[np.float16] | None
    """Pixels a frame. The first frame has that of the second, so that a window depends on its own
    frames alone. None when the frames have none."""
    history_SGW2: NDArray[np.float32] | None = None
    """What every cell did in the seconds up to the last frame; NaN where that is not known. None
    when the frames have none."""
    lighting: str = ""
    """Name of the lighting state of all its frames; empty where nobody asked."""
    pts_us: tuple[int, ...] = ()
    """Media time of each frame; empty where they have none."""


def windows(
    frames: Iterable[WorkingFrame], *, segment: Segment, length: int, stride: int | Pace
) -> Iterator[tuple[Clip, Window]]:
    """Yield (clip, window) for each `length` frames in a row, beginning every `stride` frames or as
    a pace has it.

    A window never spans a hole: after one, counting begins again, but for that of a pace. At most
    `length` frames are held.
    """
    if length < 1 or (isinstance(stride, int) and stride < 1):
        raise ValueError(f"length {length} and stride {stride} must be at least 1")
    held: deque[WorkingFrame] = deque(maxlen=length)
    steps: deque[int] = deque(maxlen=_REMEMBERED_STEPS)
    run = 0
    hole = False
    before_us: int | None = None
    for index, frame in enumerate(frames, start=1):
        if before_us is not None:
            step_us = frame.pts_us - before_us
            after_hole, hole = hole, frame.follows_hole or _is_hole(step_us, steps)
            if hole:
                held.clear()
                run = 0
            # Holes in a row too: a camera that slows down at night has another usual step then. A
            # lone one says nothing of it, and would hide the next hole where few steps are known.
            if step_us > 0 and (after_hole or not hole):
                steps.append(step_us)
        before_us = frame.pts_us
        held.append(frame)
        run += 1
        if run < length:
            continue
        if isinstance(stride, Pace):
            taken = stride.takes(index - length)
        else:
            taken = (run - length) % stride == 0
        if taken:
            yield _clip(segment, held), _window(held)


def _window(held: Iterable[WorkingFrame]) -> Window:
    frames = list(held)
    # The first frame's flow is not asked for, unless it is the only one.
    moving = frames[1:] or frames
    with stage("flow"):
        flows = [frame.flow_HW2() for frame in moving if frame.flow_HW2 is not None]
    flow_THW2 = None
    if len(flows) == len(moving):
        flow_THW2 = np.stack([flows[0]] * (len(frames) - len(flows)) + flows)
    with stage("history"):
        history = frames[-1].history_SGW2
        history_SGW2 = None if history is None else history()
    return Window(
        pictures=np.stack([frame.image for frame in frames]),
        flow_THW2=flow_THW2,
        history_SGW2=history_SGW2,
        lighting=frames[-1].lighting,
        pts_us=tuple(frame.pts_us for frame in frames),
    )


def _is_hole(step_us: int, steps: deque[int]) -> bool:
    return step_us <= 0 or (len(steps) > 0 and step_us > _HOLE_IN_STEPS * median(steps))


def _clip(segment: Segment, held: deque[WorkingFrame]) -> Clip:
    start_us, end_us = held[0].pts_us, held[-1].pts_us
    return Clip(
        clip_id=content_id("clip", segment.segment_id, start_us, end_us),
        segment_id=segment.segment_id,
        camera=segment.camera,
        start_us=start_us,
        end_us=end_us,
        start_utc=shift_utc(segment.start_utc, start_us - segment.start_us),
        end_utc=shift_utc(segment.start_utc, end_us - segment.start_us),
    )
