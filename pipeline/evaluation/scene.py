"""Scene: normal footage of a fixed camera that faults are injected into, and what is known of it.

Pictures are uint8 as decoded: (height, width) grey, or (height, width, 3) blue, green, red.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.moments import MotionMap, grey_of, measure_motion
from pipeline.timebase import MICROSECONDS_PER_SECOND

__all__ = [
    "LEAST_SECONDS",
    "Scene",
    "fitting_picture",
    "optical_flow",
    "scene_of",
    "shown_seconds",
]

LEAST_SECONDS: Final = 12.0
"""Shorter footage has no room for a fault with normal time before and after it."""
_LEAST_SIDE_PX: Final = 32
_BACKGROUND_FRAMES: Final = 31
_BLURS_A_WIDTH: Final = 25
_ALIKE_LEVELS: Final = 10
"""Grey levels between which a pixel shows the same."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """Normal footage in memory, with where it moves and what lies behind."""

    frames: Sequence[NDArray[np.uint8]]
    """With even sides."""
    frame_rate: float
    motion: MotionMap
    background: NDArray[np.uint8]
    """The picture without what comes and goes."""

    @property
    def seconds(self) -> float:
        """How long the footage is shown."""
        return len(self.frames) / self.frame_rate

    def frames_in(self, seconds: float) -> int:
        """Return how many frames are shown in a time, at least one."""
        return max(1, round(seconds * self.frame_rate))

    def shown(self, position: float) -> NDArray[np.uint8]:
        """Return the picture at a frame; at a half position, one half way between its neighbours.

        The picture is the footage's own: do not write to it.
        """
        before = int(position)
        if position == before:
            return self.frames[before]
        return _half_way(self.frames[before], self.frames[before + 1])


def scene_of(frames: Sequence[NDArray[np.uint8]], pts_us: NDArray[np.int64]) -> Scene:
    """Return what faults are injected into; EvaluationError when the footage does not do.

    Times need not be even, but are taken as if: an injected video has the median step throughout.
    Of pictures with an odd side the last row or column is left out, for a video is written without.
    """
    if len(frames) != len(pts_us):
        raise ValueError(f"{len(frames)} frames and {len(pts_us)} times")
    step_us, seconds = _step_us(pts_us), shown_seconds(pts_us)
    if step_us <= 0 or seconds < LEAST_SECONDS:
        raise EvaluationError(
            f"{seconds:.1f} s of footage are too short to inject faults into; "
            f"give at least {LEAST_SECONDS:g} s"
        )
    shape = frames[0].shape
    if min(shape[:2]) < _LEAST_SIDE_PX or any(image.shape != shape for image in frames):
        raise EvaluationError(
            "faults are injected into pictures of one size, at least "
            f"{_LEAST_SIDE_PX} px a side; the first is {shape[1]} x {shape[0]} px"
        )
    frame_rate = MICROSECONDS_PER_SECOND / step_us
    frames = [_with_even_sides(image) for image in frames]
    return Scene(
        frames=frames,
        frame_rate=frame_rate,
        motion=measure_motion(frames, frame_rate),
        background=_background(frames),
    )


def shown_seconds(pts_us: Sequence[int] | NDArray[np.int64]) -> float:
    """Return how long frames are shown at the median step of their times."""
    return len(pts_us) * _step_us(pts_us) / MICROSECONDS_PER_SECOND


def _step_us(pts_us: Sequence[int] | NDArray[np.int64]) -> float:
    return float(np.median(np.diff(pts_us))) if len(pts_us) > 1 else 0.0


def _with_even_sides(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = image.shape[:2]
    if height % 2 == width % 2 == 0:
        return image
    return np.ascontiguousarray(image[: height // 2 * 2, : width // 2 * 2])


def fitting_picture(image: NDArray[np.uint8], longest_px: int) -> NDArray[np.uint8]:
    """Return a picture shrunk to at most `longest_px` on its longer side, and to even sides.

    One that is no larger and has even sides is given back as it is, and no side becomes shorter
    than faults need.
    """
    height, width = image.shape[:2]
    share = max(longest_px / max(height, width), _LEAST_SIDE_PX / min(height, width))
    if share >= 1.0:
        return _with_even_sides(image)
    # Even, as videos are written; down, so that the limit holds.
    size = tuple(max(_LEAST_SIDE_PX, int(side * share) // 2 * 2) for side in (width, height))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _background(frames: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the picture behind what moves: of each pixel the value that it comes back to most
    often.

    A median would take the person who stands there for most of the time. The background is what
    shows again and again between different things, however briefly.
    """
    chosen = np.linspace(0, len(frames) - 1, min(_BACKGROUND_FRAMES, len(frames))).astype(np.int64)
    grey_KHW = np.stack([grey_of(frames[index]) for index in chosen]).astype(np.int16)
    reach = max(3, round(frames[0].shape[1] / _BLURS_A_WIDTH)) | 1
    best = np.zeros(grey_KHW.shape[1:])
    value = grey_KHW[0]
    for candidate_HW in grey_KHW:
        alike = np.abs(grey_KHW - candidate_HW) <= _ALIKE_LEVELS
        returns = alike[0].astype(np.float64) + (alike[1:] & ~alike[:-1]).sum(axis=0)
        # With its neighbours: single pixels of a patterned coat come back by chance.
        score = cv2.blur(returns + alike.mean(axis=0), (reach, reach))
        value = np.where(score > best, candidate_HW, value)
        best = np.maximum(score, best)
    total = np.zeros(frames[0].shape)
    count = np.zeros(grey_KHW.shape[1:])
    for index, grey_HW in zip(chosen, grey_KHW, strict=True):
        alike = np.abs(grey_HW - value) <= _ALIKE_LEVELS
        total += frames[index] * (alike if total.ndim == 2 else alike[..., None])
        count += alike
    mean = total / (count if total.ndim == 2 else count[..., None])
    return np.rint(mean).astype(np.uint8)


def optical_flow(before: NDArray[np.uint8], now: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how far every pixel of `before` moved, (height, width, 2) in pixels: x, y."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # None, not zeros: a given array would be taken as the first guess of the flow.
    found = flow.calc(grey_of(before), grey_of(now), None)  # type: ignore[call-overload]
    return np.asarray(found, dtype=np.float32)


def _half_way(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture between two: each is moved half the way, where something moves at all."""
    half_HW2 = 0.5 * optical_flow(before, after)
    height, width = before.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    moved = [
        cv2.remap(
            image,
            columns + sign * half_HW2[..., 0],
            rows + sign * half_HW2[..., 1],
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
        for image, sign in ((before, -1.0), (after, 1.0))
    ]
    return np.asarray(cv2.addWeighted(moved[0], 0.5, moved[1], 0.5, 0.0), dtype=np.uint8)
