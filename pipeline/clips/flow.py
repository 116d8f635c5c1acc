"""Optical flow of a stream of frames: how far each pixel moved since the frame before.

Computed once a frame, however many windows the frame is in. Shapes: T frames, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.footage.frames import WorkingFrame

__all__ = [
    "LARGEST_SPEED_PX",
    "SPEED_STEPS",
    "FlowPair",
    "FlowQuality",
    "flow_between",
    "flow_of_window",
    "flow_pair",
    "grey_of",
    "speed_codes",
    "with_flow",
]

FlowQuality = Literal["fine", "quick"]
"""Quick takes a fifth of the time (2.8 against 13 ms at 192 x 128 px) and is noisier: the largest
speed alone has AUC .975 with it on Ped2, and .983 with the fine one."""

SPEED_STEPS = 32.0
"""Steps a pixel of speed in a uint8 code: 0 to 8 pixels a frame, 1/32 of a pixel apart."""
LARGEST_SPEED_PX = 255.0 / SPEED_STEPS
"""What is faster has the code of this."""

_CHANGE_SIDE_PX = 9
"""Side of the square that a change is averaged over: that of the patches that flow is found by."""
_LIGHT_SIDE_PX = 33
"""Side of the square whose mean change is taken for a change of the light."""
_LEAST_CHANGE = 1.0
"""Grey levels. At dusk the exposure went by two a frame: on a bare wall flow of up to 5 pixels
where the picture differed by half a level; 3 % of that is left, and 98 to 99.9 % of the flow of
people and carts."""
_GRAIN_PX = 0.8
_SWAY_PX = (0.05, 0.75)
"""Pixels a frame that half of the picture has to move for the view itself to have swayed. A mast in
the wind comes to .13 and more in half of its frames, however slightly it sways; people, grain,
flicker and dusk to .04 at most. Beyond that it is a knock, or a wall of which the flow says
anything."""
_EXPLAINED = 0.95
"""Share of the difference of two pictures that may be left for the view to have swayed: .2 to .9 of
it are in most frames of a mast in the wind, all of it where people fill the view."""

_REC_601 = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class _Flow:
    """The flow between two frames, worked out when it is first asked for: of a day of footage that
    is looked at here and there, most frames are in no window."""

    def __init__(
        self,
        engine: cv2.DISOpticalFlow,
        before_HW: NDArray[np.uint8] | None,
        now_HW: NDArray[np.uint8],
    ) -> None:
        self._engine = engine
        self._before_HW = before_HW
        self._now_HW = now_HW
        self._flow_HW2: NDArray[np.float16] | None = None

    def __call__(self) -> NDArray[np.float16]:
        if self._flow_HW2 is None:
            flow_HW2 = np.zeros((*self._now_HW.shape, 2), np.float32)
            if self._before_HW is not None:
                changed_HW = _changed(self._before_HW, self._now_HW)
                # It did not in a sixth to a quarter of the frames of quiet cameras.
                if changed_HW.any():
                    # A given array is taken as the first guess, so every pair begins at zero.
                    self._engine.calc(self._before_HW, self._now_HW, flow_HW2)
                    if not _view_swayed(self._before_HW, self._now_HW, flow_HW2):
                        flow_HW2[~changed_HW] = 0.0
            self._flow_HW2 = flow_HW2.astype(np.float16)
            self._before_HW = None
        return self._flow_HW2


def _changed(before_HW: NDArray[np.uint8], now_HW: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where a picture differs from the one before by more than grain and light do.

    Where nothing changed nothing moved, whatever the flow says: on smooth ground any flow explains
    the pictures equally well, and a change of the light decides which one is found."""
    difference_HW = _difference(before_HW.astype(np.float32), now_HW)
    around_HW = cv2.blur(difference_HW, (_CHANGE_SIDE_PX, _CHANGE_SIDE_PX))
    return np.asarray(around_HW > _LEAST_CHANGE, np.bool_)


def _difference(before_HW: NDArray[np.float32], now_HW: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return by how many grey levels two pictures differ but for grain and light, HW >= 0."""
    smooth_HW = cv2.GaussianBlur(now_HW.astype(np.float32) - before_HW, (0, 0), _GRAIN_PX)
    light_HW = cv2.blur(smooth_HW, (_LIGHT_SIDE_PX, _LIGHT_SIDE_PX))
    return np.asarray(np.abs(smooth_HW - light_HW), np.float32)


def _view_swayed(
    before_HW: NDArray[np.uint8], now_HW: NDArray[np.uint8], flow_HW2: NDArray[np.float32]
) -> bool:
    """Tell whether the camera moved a little: then everything did, and what looks the same as
    before is smooth. Taken for still it would hide from those who take the camera's movement out
    that there was any, and leave them the edges of things as if these had moved by themselves.

    Half of the flow has to say so, and the pictures to agree: moved by that much, the one before is
    more like this one.
    """
    right, down = np.median(flow_HW2[::2, ::2].reshape(-1, 2), axis=0)
    if not _SWAY_PX[0] < np.hypot(right, down) <= _SWAY_PX[1]:
        return False
    still_HW = before_HW.astype(np.float32)
    moved_HW = cv2.warpAffine(
        still_HW,
        np.array([[1.0, 0.0, right], [0.0, 1.0, down]]),
        now_HW.shape[::-1],
        flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REPLICATE,
    )
    left = _difference(np.asarray(moved_HW, np.float32), now_HW).mean()
    return bool(left < _EXPLAINED * _difference(still_HW, now_HW).mean())


def _flow_engine(quality: FlowQuality) -> cv2.DISOpticalFlow:
    # One a stream: it has a memory of its own, which two threads must not share.
    if quality == "fine":
        engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    else:
        engine = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        engine.setPatchStride(5)
        engine.setGradientDescentIterations(5)
    # Presets stop at half size or less, where a cyclist is a few pixels: AUC .915 against .974 on
    # Ped2.
    engine.setFinestScale(0)
    return engine


def flow_of_window(
    window_THW: NDArray[np.uint8], quality: FlowQuality = "fine"
) -> NDArray[np.float16]:
    """Return the flow of a window of two grey frames or more since the frame before, THW2; the
    first frame has that of the second, as in windows of a stream."""
    engine = _flow_engine(quality)
    flows = [_Flow(engine, before_HW, now_HW)() for before_HW, now_HW in pairwise(window_THW)]
    return np.stack(flows[:1] + flows)


def with_flow(
    frames: Iterable[WorkingFrame], quality: FlowQuality = "fine"
) -> Iterator[WorkingFrame]:
    """Yield the frames with their flow since the frame before, in pixels of the working size.

    The first frame, and one behind a hole, have none before them: theirs is zero. Flow is by dense
    inverse search (Kroeger et al. 2016, OpenCV), which takes out the mean of every patch: a change
    of the light is no movement. Zero where the picture did not change but for that, unless the view
    itself swayed.
    """
    engine = _flow_engine(quality)
    before_HW: NDArray[np.uint8] | None = None
    for frame in frames:
        now_HW = np.ascontiguousarray(grey_of(frame.image))
        known_HW = None if frame.follows_hole else before_HW
        yield replace(frame, flow_HW2=_Flow(engine, known_HW, now_HW))
        before_HW = now_HW


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowPair:
    """Two pictures, HW or HWC, and how each pixel moves from either to the other."""

    before: NDArray[np.uint8]
    after: NDArray[np.uint8]
    forward_HW2: NDArray[np.float32]
    """From before to after: pixels (right, down)."""
    backward_HW2: NDArray[np.float32]
    """From after to before."""

    def warped(self, share: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return both pictures brought to the moment `share` (0: before, 1: after) along the flow.

        A pixel looks for its source along the flow at its own place, which is right where
        neighbours move alike; what is covered or uncovered is stretched.
        """
        return (
            _looked_up(self.before, share * self.backward_HW2),
            _looked_up(self.after, (1.0 - share) * self.forward_HW2),
        )


def flow_between(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return how far each pixel (right, down) moves from one picture to another, HW2; see
    `with_flow`."""
    first, second = (np.ascontiguousarray(grey_of(picture)) for picture in (before, after))
    flow_HW2 = np.zeros((*first.shape, 2), np.float32)
    _flow_engine("fine").calc(first, second, flow_HW2)
    return flow_HW2


def flow_pair(
    before: NDArray[np.uint8],
    after: NDArray[np.uint8],
    forward_HW2: NDArray[np.float32] | None = None,
) -> FlowPair:
    """Return two pictures of one size with the flow both ways; `forward_HW2` saves the work when it
    is known already."""
    if forward_HW2 is None:
        forward_HW2 = flow_between(before, after)
    return FlowPair(
        before=before,
        after=after,
        forward_HW2=forward_HW2,
        backward_HW2=flow_between(after, before),
    )


def _looked_up(picture: NDArray[np.uint8], steps_HW2: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the picture with every pixel taken from (right, down) so many pixels away."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    found = cv2.remap(
        picture.astype(np.float32),
        columns + steps_HW2[..., 0],
        rows + steps_HW2[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found, dtype=np.float32)


def grey_of(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the luma (Rec. 601) of RGB in the last axis (...C); pictures without it (HW) stay."""
    if picture.ndim % 2 == 0:
        return picture
    return np.asarray((picture @ _REC_601).round(), dtype=np.uint8)


def speed_codes(flow_THW2: NDArray[np.float16]) -> NDArray[np.uint8]:
    """Return the speed in 1/32 pixel a frame, uint8 THW; what is faster than 8 pixels saturates."""
    flow = flow_THW2.astype(np.float32)
    speed_THW = np.hypot(flow[..., 0], flow[..., 1]) * SPEED_STEPS
    return np.asarray(np.minimum(speed_THW.round(), 255.0), dtype=np.uint8)
