"""Frames as a model wants to see them: its size, its frame rate, grey or colour, masks burnt in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.camera import Polygon
from pipeline.clips.masks import burn_masks
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.footage.decode_process import STALL_SECONDS
from pipeline.footage.decoding import DecodedFrame, Ended, open_decoder
from pipeline.footage.names import shown_name

__all__ = ["View", "WorkingFrame", "working_frames"]

_JITTER_US = 40_000
"""Times of frames may wander by this much without being a hole: cameras are no metronomes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """What a model wants to see of a source."""

    width_px: int
    height_px: int
    frame_rate: float
    """Frames a second at most. A source that is slower, or less than a third faster, keeps its
    own rate: leaving out one frame in six would make movement stutter."""
    grey: bool = True
    masks: tuple[Polygon, ...] = ()
    """Burnt in before anyone sees a pixel."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkingFrame:
    """One frame in working size."""

    pts_us: int
    """Exact media time of the decoded frame that it was made from."""
    image: NDArray[np.uint8]
    """HW when grey, else HWC in RGB."""
    follows_hole: bool = False
    """Something is missing between the frame before and this one."""
    flow_HW2: Callable[[], NDArray[np.float16]] | None = None
    """Gives the pixels (right, down) that each pixel moved since the frame before; see
    pipeline.clips.flow. None when nobody asked for it."""
    history_SGW2: Callable[[], NDArray[np.float32]] | None = None
    """Gives what every cell did in the seconds before; see pipeline.clips.history. None when nobody
    asked for it."""
    colour: float = 0.0
    """How colourful the picture was before it was made grey, 0 .. 255; see DecodedFrame."""
    lighting: str = ""
    """Name of the lighting state; empty where nobody asked, or the camera has only one."""


def working_frames(
    source: Path,
    view: View,
    *,
    start_us: int = 0,
    end_us: int | None = None,
    grid_us: int | None = None,
    folder_frame_rate: float | None = None,
    stall_seconds: float = STALL_SECONDS,
    sound_before: bool = False,
) -> Iterator[WorkingFrame]:
    """Yield the undamaged frames with start_us <= pts < end_us, in order of time.

    From a source at least a third faster than `view.frame_rate`, the first frame at or after each
    tick of a grid that begins at `grid_us` (None: at `start_us`) is taken (a quarter of a native
    step early counts as on time). Frames keep their own times. `sound_before`: as of
    `open_decoder`. Raises FootageError when the source
    cannot be opened, or does not reach `end_us` because its decoder died or hung.
    """
    before: DecodedFrame | None = None
    with open_decoder(
        source,
        size_px=(view.width_px, view.height_px),
        grey=view.grey,
        start_us=start_us,
        end_us=end_us,
        grid_us=grid_us,
        frame_rate=view.frame_rate,
        folder_frame_rate=folder_frame_rate,
        stall_seconds=stall_seconds,
        sound_before=sound_before,
    ) as decoder:
        for frame in decoder:
            if frame.damaged:
                continue
            yield WorkingFrame(
                pts_us=frame.pts_us,
                image=_seen(frame.image, view),
                follows_hole=before is not None and _hole_between(before, frame, view.frame_rate),
                colour=frame.colour,
            )
            before = frame
        report = decoder.report
    # Half a step: the end of a segment is the last frame plus one step, give or take rounding.
    step_us = before.step_us if before is not None else 0
    cut_off = end_us is not None and report.duration_us < end_us - step_us // 2
    if cut_off and report.ended in (Ended.ERROR, Ended.STALLED):
        stalled = report.ended is Ended.STALLED
        raise FootageError(
            f"{shown_name(source.name)}: its decoder {'hung' if stalled else 'died'} at "
            f"{report.duration_us / 1e6:.3f} s; was the file changed since it was ingested?",
            reason=Reason.STALLED if stalled else Reason.UNREADABLE,
        )


def _hole_between(before: DecodedFrame, frame: DecodedFrame, frame_rate: float) -> bool:
    period_us = 1e6 / frame_rate
    resampled = frame.step_us <= 0.75 * period_us
    # Taking the first frame after each tick makes steps of up to one period and one native step.
    longest_us = period_us + 1.5 * frame.step_us if resampled else 1.5 * frame.step_us
    return frame.pts_us - before.pts_us > max(longest_us, frame.step_us + _JITTER_US)


def _seen(image_bgr: NDArray[np.uint8], view: View) -> NDArray[np.uint8]:
    image = image_bgr if view.grey else np.ascontiguousarray(image_bgr[..., ::-1])
    return burn_masks(image, view.masks)
