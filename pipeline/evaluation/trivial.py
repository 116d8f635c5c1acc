"""Trivial scores: what a few lines reach. They stand beside every learned figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError

__all__ = ["TRIVIAL_NAMES", "GreyFrame", "TrivialScores", "trivial_scores"]

TRIVIAL_NAMES: Final = (
    "frame_index",
    "largest_frame_difference",
    "largest_optical_flow",
    "brightness_change",
)
"""Rows in the order in which they are printed."""

_DIFFERENCE_WINDOW_PX: Final = 16
_FLOW_WINDOW_PX: Final = 24
_FLOW_MEAN_FRAMES: Final = 5
"""Frames that the flow score is averaged over, this one and those before it: causal."""


_LEAST_SIDE_PX: Final = 12
"""OpenCV refuses the flow of smaller pictures."""


class GreyFrame(Protocol):
    """What is needed of a decoded frame."""

    @property
    def pts_us(self) -> int:
        """Presentation time, microseconds."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """uint8 (height, width), grey, in the original size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TrivialScores:
    """The frames of one video: when each is shown, and how strange each trivial score finds it."""

    pts_us: NDArray[np.int64]
    height_px: int
    width_px: int
    scores: dict[str, NDArray[np.float64]]
    """By name of TRIVIAL_NAMES; float64 (frames,); larger is stranger; every one causal."""


def trivial_scores(frames: Iterable[GreyFrame]) -> TrivialScores:
    """Return the four trivial scores of one video, decoded once; memory is two frames.

    The first frame has nothing before it and gets the score of the second. Raises EvaluationError
    for pictures under 12 px a side.
    """
    pts_us: list[int] = []
    rows: list[tuple[float, float, float]] = []
    size_px = (0, 0)
    for frame, scores in _against_previous(frames):
        pts_us.append(frame.pts_us)
        rows.append(scores)
        size_px = (frame.image.shape[0], frame.image.shape[1])
    if len(rows) > 1:
        rows[0] = rows[1]
    table = np.array(rows, dtype=np.float64).reshape(len(rows), 3)
    columns = (
        np.arange(len(rows), dtype=np.float64),
        table[:, 0],
        _mean_of_last(table[:, 1], _FLOW_MEAN_FRAMES),
        table[:, 2],
    )
    return TrivialScores(
        pts_us=np.array(pts_us, dtype=np.int64),
        height_px=size_px[0],
        width_px=size_px[1],
        scores=dict(zip(TRIVIAL_NAMES, columns, strict=True)),
    )


def _against_previous(
    frames: Iterable[GreyFrame],
) -> Iterator[tuple[GreyFrame, tuple[float, float, float]]]:
    """Yield each frame with its difference, flow and brightness change against the one before."""
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    before: NDArray[np.uint8] | None = None
    for frame in frames:
        now = frame.image
        if min(now.shape) < _LEAST_SIDE_PX:
            raise EvaluationError(
                f"frames of {now.shape[1]} x {now.shape[0]} px are too small for optical flow; "
                f"give footage of at least {_LEAST_SIDE_PX} px a side"
            )
        if before is None or before.shape != now.shape:
            yield frame, (0.0, 0.0, 0.0)
        else:
            difference = cv2.absdiff(now, before).astype(np.float32)
            # None, not zeros: a given array would be taken as the first guess of the flow.
            flow_HW2 = flow.calc(before, now, None)  # type: ignore[call-overload]
            speed = np.hypot(flow_HW2[..., 0], flow_HW2[..., 1])
            yield (
                frame,
                (
                    _largest_window_mean(difference, _DIFFERENCE_WINDOW_PX),
                    _largest_window_mean(speed, _FLOW_WINDOW_PX),
                    abs(float(now.mean()) - float(before.mean())),
                ),
            )
        before = now


def _largest_window_mean(values_HW: NDArray[np.float32], window_px: int) -> float:
    """Return the largest mean over square windows that lie inside the picture, at every place."""
    height: int = min(window_px, values_HW.shape[0])
    width: int = min(window_px, values_HW.shape[1])
    sums: NDArray[np.float64] = np.asarray(cv2.integral(values_HW, sdepth=cv2.CV_64F))
    window_sums = sums[height:, width:] + sums[:-height, :-width]
    window_sums -= sums[:-height, width:] + sums[height:, :-width]
    return float(window_sums.max()) / (height * width)


def _mean_of_last(values: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return at every place the mean of the last `count` values, of fewer at the beginning."""
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - count)
    return np.asarray((sums[ends] - sums[starts]) / (ends - starts), dtype=np.float64)
