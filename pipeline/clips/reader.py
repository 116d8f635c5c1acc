"""Clips of a segment as a model sees them: working size, model frame rate, lighting aligned.

Shapes: N clips, T frames, H x W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.clips.flow import LARGEST_SPEED_PX, FlowQuality, with_flow
from pipeline.clips.history import HistoryShape, with_history
from pipeline.clips.pace import Pace
from pipeline.clips.tensors import align_lighting, planes_of, speed_plane
from pipeline.clips.windows import Clip, Window, windows
from pipeline.footage.admission import Footage
from pipeline.footage.decode_process import STALL_SECONDS
from pipeline.footage.frames import View, WorkingFrame, working_frames
from pipeline.footage.segments import Segment
from pipeline.health.reference import HealthReference
from pipeline.health.watch import HealthWatch
from pipeline.lighting.events import LightingSpell
from pipeline.lighting.judge import Lighting
from pipeline.lighting.watch import LightingWatch, lit_as_found
from pipeline.stopwatch import stage, timed
from pipeline.timebase import microseconds, seconds, shift_utc

__all__ = ["ClipReader", "Moment", "Stretch", "WindowBatch", "view_for"]

_ALIGN_TO_PX = 16
"""Working sizes are multiples of this: two cells of the grid, so that pooling never cuts one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Stretch:
    """A segment together with the file that it is in."""

    source: Path
    footage: Footage
    segment: Segment
    lighting: str = ""
    """Name of the lighting state that all of it is in, where that is known."""
    grid_us: int | None = None
    """Where the grid begins on which frames of a faster source are taken, where this is a part of a
    segment; None: at its own start."""
    known_light: tuple[LightingSpell, ...] = ()
    """The light that was found of it when it was scored: a reader that tells states apart takes
    that, and judges nothing. Empty where its light is to be judged."""
    stall_seconds: float = STALL_SECONDS
    """A decoder of it that gives nothing for this long is stopped."""

    def part(self, start_us: int, end_us: int) -> Stretch:
        """Return the part of it between two media times; the segment keeps its name, and of a
        faster source the frames of the part are those of the whole."""
        moved = shift_utc(self.segment.start_utc, start_us - self.segment.start_us)
        segment = replace(self.segment, start_us=start_us, end_us=end_us, start_utc=moved)
        grid_us = self.segment.start_us if self.grid_us is None else self.grid_us
        return replace(self, segment=segment, grid_us=grid_us)

    def frames(self, view: View, *, grid_us: int | None = None) -> Iterator[WorkingFrame]:
        """Yield the frames of it as `working_frames` does, a folder of pictures at the rate that it
        was admitted with.

        A part of a segment that begins with its file has nothing damaged before it."""
        return working_frames(
            self.source,
            view,
            start_us=self.segment.start_us,
            end_us=self.segment.end_us,
            grid_us=grid_us,
            folder_frame_rate=self.footage.frame_rate,
            stall_seconds=self.stall_seconds,
            sound_before=self.grid_us == 0,
        )


def view_for(footage: Footage, *, width_px: int, frame_rate: float, grey: bool) -> View:
    """Return the working view of a camera, from one of its footages; `frame_rate` is what is wanted
    of it."""
    width = max(_ALIGN_TO_PX * 4, round(width_px / _ALIGN_TO_PX) * _ALIGN_TO_PX)
    height = round(width * footage.height_px / footage.width_px / _ALIGN_TO_PX) * _ALIGN_TO_PX
    return View(
        width_px=width,
        height_px=max(_ALIGN_TO_PX * 4, height),
        frame_rate=_even_rate(footage.frame_rate, frame_rate),
        grey=grey,
    )


def _even_rate(source_rate: float, wanted: float) -> float:
    """Return the frames a second, nearest to `wanted`, that take every n-th frame of a source.

    Ten of fifteen would be every second frame and then the next one: what moves evenly would go
    twice as far in one step as in another, and who watches its speed would believe that."""
    if source_rate <= wanted:
        return source_rate if source_rate > 0 else wanted
    fewer = source_rate / math.ceil(source_rate / wanted)
    more = source_rate / math.floor(source_rate / wanted)
    return fewer if wanted / fewer <= more / wanted else more


class Moment(NamedTuple):
    """A time of the footage."""

    segment_id: str
    media_us: int


@dataclass(frozen=True, kw_only=True, slots=True)
class WindowBatch:
    """The windows of N clips."""

    pictures: NDArray[np.uint8]
    """NTHW, or NTHWC for colour."""
    flow_NTHW2: NDArray[np.float16]
    """Pixels a frame; of no windows when the reader gives none."""
    history_NSGW2: NDArray[np.float32] | None = None
    """What every cell did in the seconds before; None when the reader gives none."""
    moments: tuple[Moment, ...] = ()
    """When each of them ends."""
    lighting: str = ""
    """Name of the lighting state of all of them; empty where the camera has only one."""
    frames_us: tuple[tuple[int, ...], ...] = ()
    """Media times of the frames of each window, all of one segment: windows overlap, and what is
    worked out of one frame's flow is the same in all of them. Empty where nothing is known: then no
    frame is taken for another."""

    def frame_key(self, window: int, frame: int) -> tuple[int, ...]:
        """Return what two frames of these windows have in common if they are the same one. The
        first frame of a window has no flow of its own."""
        return (self.frames_us[window][frame],) if self.frames_us else (window, frame)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipReader:
    """Reads clips for one model. Memory is bounded by the window, not by the footage."""

    view: View
    frames: int
    """T."""
    planes: tuple[str, ...]
    background_HW: NDArray[np.uint8]
    full_speed_px: float = 1.0
    """Pixels a frame that fill the range of the speed plane."""
    flow: FlowQuality | None = "fine"
    """Of the optical flow of windows; None: they have none. It takes longer than everything else
    here."""
    history: HistoryShape | None = None
    """How far back the history of a window goes; None: it has none."""
    unlearnt_HW: NDArray[np.bool_] | None = None
    """Pixels that are masked now and were not while learning, or the other way round: grey windows
    show the background there, so that nothing happens; None: no pixel."""
    health: HealthWatch | None = None
    """Leaves out what the camera could not see, and keeps what it found; None reads everything."""
    backgrounds: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    """Of lighting states, by name."""
    lighting: LightingWatch | None = None
    """Names the lighting state of frames, leaves out switches, and keeps what it found; None where
    the camera has only one."""

    def with_masks(self, masks: tuple[tuple[tuple[float, float], ...], ...]) -> ClipReader:
        """Return the reader with privacy masks burnt into every frame."""
        return replace(self, view=replace(self.view, masks=masks))

    def watching(self, known: HealthReference | None) -> ClipReader:
        """Return the reader that leaves out what the camera could not see, beside what is known of
        it."""
        return replace(self, health=HealthWatch(self.background_HW, known, self.view))

    def calming(self, unlearnt_HW: NDArray[np.bool_]) -> ClipReader:
        """Return the reader that shows the background at these pixels."""
        return replace(self, unlearnt_HW=unlearnt_HW)

    def in_light(self, lighting: Lighting | None) -> ClipReader:
        """Return the reader that tells lighting states apart; None: there is only one."""
        if lighting is None:
            return self
        return replace(self, backgrounds=lighting.backgrounds, lighting=LightingWatch(lighting))

    def background_of(self, lighting: str) -> NDArray[np.uint8]:
        """Return the background of a lighting state; that of all footage for one without its
        own."""
        return self.backgrounds.get(lighting, self.background_HW)

    def paced(self, stretches: Iterable[Stretch], pace: Pace) -> Iterator[Stretch]:
        """Yield those parts of stretches in which `pace` takes windows, each to be read with it
        before the next is asked for; files in which it takes none are not opened."""
        rate = self.view.frame_rate
        before = self.history.frames + 1 if self.history else 0
        for stretch in stretches:
            start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
            skipped = pace.enter(round(seconds(end_us - start_us) * rate), before=before)
            if skipped:
                start_us = min(start_us + microseconds(skipped / rate), end_us)
                yield stretch.part(start_us, end_us)
            elif skipped is not None:
                yield stretch

    def clips(self, stretch: Stretch, *, stride: int | Pace) -> Iterator[tuple[Clip, Window]]:
        """Yield (clip, window) in order of time; grey windows have their lighting aligned.

        Colour windows are left as they are.
        """
        pictures = self._frames(stretch)
        frames = self._with_history(with_flow(pictures, self.flow) if self.flow else pictures)
        cut = windows(frames, segment=stretch.segment, length=self.frames, stride=stride)
        for clip, window in timed("windows", cut):
            yield clip, self._aligned(window) if self.view.grey else window

    def _aligned(self, window: Window) -> Window:
        """Return a grey window in the light of the background."""
        with stage("light"):
            background = torch.from_numpy(self.background_of(window.lighting))
            seen = torch.from_numpy(window.pictures).unsqueeze(0)
            aligned = align_lighting(seen, background)[0].round().to(torch.uint8).numpy()
            return replace(window, pictures=self._calmed(aligned, window.lighting))

    def histories(
        self, stretch: Stretch
    ) -> Iterator[tuple[Moment, Callable[[], NDArray[np.float32]]]]:
        """Yield each frame's moment and what gives its history, SGW2; nothing without histories."""
        for frame in self._with_history(self._frames(stretch)):
            if frame.history_SGW2 is not None:
                yield Moment(stretch.segment.segment_id, frame.pts_us), frame.history_SGW2

    def _frames(self, stretch: Stretch) -> Iterator[WorkingFrame]:
        frames = timed("decode", stretch.frames(self.view, grid_us=stretch.grid_us))
        if self.health:
            frames = timed("health", self.health.watched(frames, stretch.segment))
        if stretch.lighting:
            frames = (replace(frame, lighting=stretch.lighting) for frame in frames)
        elif self.lighting and stretch.known_light:
            frames = lit_as_found(frames, stretch.known_light)
        elif self.lighting:
            frames = timed("lighting", self.lighting.watched(frames, stretch.segment))
        if self.unlearnt_HW is None or not self.view.grey:
            return frames
        return (replace(frame, image=self._calmed(frame.image, frame.lighting)) for frame in frames)

    def _calmed(self, pictures: NDArray[np.uint8], lighting: str) -> NDArray[np.uint8]:
        """Return pictures (...HW) with the background where the model has not learnt the masks."""
        if self.unlearnt_HW is None:
            return pictures
        return np.where(self.unlearnt_HW, self.background_of(lighting), pictures)

    def _with_history(self, frames: Iterator[WorkingFrame]) -> Iterator[WorkingFrame]:
        if self.history is None:
            return frames
        return with_history(frames, self.background_HW, self.history, self.backgrounds)

    def batches(
        self, stretch: Stretch, *, stride: int | Pace, size: int
    ) -> Iterator[tuple[list[Clip], WindowBatch]]:
        """Yield (clips, their windows) with up to `size` clips at a time, all in one light."""
        clips: list[Clip] = []
        kept: list[Window] = []
        for clip, window in self.clips(stretch, stride=stride):
            if kept and window.lighting != kept[-1].lighting:
                yield clips, _together(clips, kept)
                clips, kept = [], []
            clips.append(clip)
            kept.append(window)
            if len(clips) == size:
                yield clips, _together(clips, kept)
                clips, kept = [], []
        if clips:
            yield clips, _together(clips, kept)

    def planes_NPTHW(self, windows: WindowBatch) -> Tensor:
        """Return what the networks see of whole frames, float32 in [-1, 1]."""
        return planes_of(
            torch.from_numpy(windows.pictures),
            torch.from_numpy(self.background_of(windows.lighting)).unsqueeze(0),
            self.planes,
            self._speeds(windows),
        )

    def _speeds(self, windows: WindowBatch) -> Tensor:
        """Return the speed plane of windows, NTHW; worked out once for all that a frame is in."""
        flow_NTHW2 = torch.from_numpy(windows.flow_NTHW2)
        if not windows.frames_us or not flow_NTHW2.numel():
            return self._speed(flow_NTHW2)
        places: dict[tuple[int, ...], int] = {}
        firsts, chosen = list[tuple[int, int]](), list[int]()
        clips, frames = flow_NTHW2.shape[:2]
        for window, frame in product(range(clips), range(frames)):
            # The first frame of a window has the flow of the second.
            key = windows.frame_key(window, max(frame, min(1, frames - 1)))
            if key not in places:
                places[key] = len(firsts)
                firsts.append((window, frame))
            chosen.append(places[key])
        speed_UHW = self._speed(torch.stack([flow_NTHW2[at] for at in firsts]))
        return speed_UHW[chosen].reshape(clips, frames, *speed_UHW.shape[1:])

    def _speed(self, flow_XHW2: Tensor) -> Tensor:
        flow = flow_XHW2.float()
        # No faster than the codes that the networks learn from can say.
        speed = torch.hypot(flow[..., 0], flow[..., 1]).clamp(max=LARGEST_SPEED_PX)
        return speed_plane(speed, self.full_speed_px)


def _together(clips: list[Clip], windows: list[Window]) -> WindowBatch:
    flows = [window.flow_THW2 for window in windows if window.flow_THW2 is not None]
    histories = [window.history_SGW2 for window in windows if window.history_SGW2 is not None]
    all_timed = all(len(window.pts_us) == len(window.pictures) for window in windows)
    return WindowBatch(
        pictures=np.stack([window.pictures for window in windows]),
        flow_NTHW2=np.stack(flows) if flows else np.empty((0, 0, 0, 0, 2), np.float16),
        history_NSGW2=np.stack(histories) if histories else None,
        moments=tuple(Moment(clip.segment_id, clip.end_us) for clip in clips),
        lighting=windows[0].lighting,
        frames_us=tuple(window.pts_us for window in windows) if all_timed else (),
    )
