"""Clips of a segment as a model sees them: working size, model frame rate, lighting aligned.

Shapes: N clips, T frames, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.clips.tensors import align_lighting, planes_of
from pipeline.clips.windows import Clip, windows
from pipeline.footage.admission import Footage
from pipeline.footage.frames import View, working_frames
from pipeline.footage.segments import Segment
from pipeline.timebase import shift_utc

__all__ = ["ClipReader", "Stretch", "view_for"]

_ALIGN_TO_PX = 16
"""Working sizes are multiples of this: two cells of the grid, so that pooling never cuts one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A segment together with the file that it is in."""

    source: Path
    footage: Footage
    segment: Segment

    def part(self, start_us: int, end_us: int) -> Stretch:
        """Return the part of it between two media times; the segment keeps its name."""
        moved = shift_utc(self.segment.start_utc, start_us - self.segment.start_us)
        segment = replace(self.segment, start_us=start_us, end_us=end_us, start_utc=moved)
        return replace(self, segment=segment)


def view_for(footage: Footage, *, width_px: int, frame_rate: float, grey: bool) -> View:
    """Return the working view of a camera, from one of its footages."""
    width = max(_ALIGN_TO_PX * 4, round(width_px / _ALIGN_TO_PX) * _ALIGN_TO_PX)
    height = round(width * footage.height_px / footage.width_px / _ALIGN_TO_PX) * _ALIGN_TO_PX
    return View(
        width_px=width,
        height_px=max(_ALIGN_TO_PX * 4, height),
        frame_rate=min(frame_rate, footage.frame_rate) if footage.frame_rate > 0 else frame_rate,
        grey=grey,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipReader:
    """Reads clips for one model. Memory is bounded by the window, not by the footage."""

    view: View
    frames: int
    """T."""
    planes: tuple[str, ...]
    background_HW: NDArray[np.uint8]
    folder_frame_rate: float = 10.0
    stall_seconds: float = 30.0

    def with_masks(self, masks: tuple[tuple[tuple[float, float], ...], ...]) -> ClipReader:
        """Return the reader with privacy masks burnt into every frame."""
        return replace(self, view=replace(self.view, masks=masks))

    def clips(self, stretch: Stretch, *, stride: int) -> Iterator[tuple[Clip, NDArray[np.uint8]]]:
        """Yield (clip, window_THW uint8) in order of time; grey windows have their lighting
        aligned.

        Colour windows are THWC and are left as they are.
        """
        frames = working_frames(
            stretch.source,
            self.view,
            start_us=stretch.segment.start_us,
            end_us=stretch.segment.end_us,
            folder_frame_rate=self.folder_frame_rate,
            stall_seconds=self.stall_seconds,
        )
        cut = windows(frames, segment=stretch.segment, length=self.frames, stride=stride)
        background = torch.from_numpy(self.background_HW)
        for clip, window in cut:
            if self.view.grey:
                aligned = align_lighting(torch.from_numpy(window).unsqueeze(0), background)[0]
                yield clip, aligned.round().to(torch.uint8).numpy()
            else:
                yield clip, window

    def batches(
        self, stretch: Stretch, *, stride: int, size: int
    ) -> Iterator[tuple[list[Clip], NDArray[np.uint8]]]:
        """Yield (clips, windows_NTHW) with up to `size` clips at a time."""
        clips: list[Clip] = []
        kept: list[NDArray[np.uint8]] = []
        for clip, window in self.clips(stretch, stride=stride):
            clips.append(clip)
            kept.append(window)
            if len(clips) == size:
                yield clips, np.stack(kept)
                clips, kept = [], []
        if clips:
            yield clips, np.stack(kept)

    def planes_NPTHW(self, windows_NTHW: NDArray[np.uint8]) -> Tensor:
        """Return what the networks see of whole frames, float32 in [-1, 1]."""
        background = torch.from_numpy(self.background_HW).unsqueeze(0)
        return planes_of(torch.from_numpy(windows_NTHW), background, self.planes)
