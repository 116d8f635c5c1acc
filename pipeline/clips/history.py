"""History of a stream of frames: what every cell did in the seconds before.

A clip sees less than a second. Machines work in cycles of seconds, so that a part that does not
come, or an arm that halts, shows only against what went before. The history is coarse: two numbers
a cell, averaged over a few steps of time.

Shapes: S steps, the newest first; grid of G x W cells; 2 = (activity, appearance).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.clips.flow import grey_of
from pipeline.clips.tensors import align_lighting
from pipeline.clips.tiles import CELL_PX
from pipeline.footage.frames import WorkingFrame

__all__ = ["HISTORY_KINDS", "HistoryShape", "with_history"]

HISTORY_KINDS = ("activity", "appearance")
"""Mean absolute difference in grey levels of a cell: from the frame before, from the background."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryShape:
    """How far back a history goes."""

    steps: int
    """S."""
    frames_a_step: int
    """Frames that each step is the mean of."""

    @property
    def frames(self) -> int:
        """Frames of the whole history."""
        return self.steps * self.frames_a_step


def with_history(
    frames: Iterable[WorkingFrame],
    background_HW: NDArray[np.uint8],
    shape: HistoryShape,
    backgrounds: Mapping[str, NDArray[np.uint8]] | None = None,
) -> Iterator[WorkingFrame]:
    """Yield the frames with their history, this frame included; worked out when it is asked for.
    `backgrounds`: of lighting states that have their own, by name.

    NaN where the stream, or what follows a hole in it, has not run for so long. Light is aligned to
    the background's.
    """
    background, lighting = grey_of(background_HW), ""
    traces: deque[_Trace] = deque(maxlen=shape.frames)
    before: _LitPicture | None = None
    for frame in frames:
        if frame.follows_hole:
            traces.clear()
            before = None
        if frame.lighting != lighting:
            lighting = frame.lighting
            background = grey_of((backgrounds or {}).get(lighting, background_HW))
        now = _LitPicture(grey_of(frame.image), background)
        traces.append(_Trace(before, now, background))
        yield replace(frame, history_SGW2=_History(tuple(traces), shape))
        before = now


class _LitPicture:
    """A picture in the light of the background."""

    def __init__(self, picture_HW: NDArray[np.uint8], background_HW: NDArray[np.uint8]) -> None:
        self._given = (picture_HW, background_HW)
        self._lit_HW: NDArray[np.float32] | None = None

    def __call__(self) -> NDArray[np.float32]:
        if self._lit_HW is None:
            picture, background = (torch.from_numpy(np.ascontiguousarray(a)) for a in self._given)
            self._lit_HW = align_lighting(picture[None, None], background)[0, 0].numpy()
        return self._lit_HW


class _Trace:
    """What the cells did at one frame; forgets the pictures once it knows."""

    def __init__(
        self, before: _LitPicture | None, now: _LitPicture, background_HW: NDArray[np.uint8]
    ) -> None:
        self._given: tuple[_LitPicture | None, _LitPicture, NDArray[np.uint8]] | None = (
            before,
            now,
            background_HW,
        )
        self._cells_GW2: NDArray[np.float32] | None = None

    def __call__(self) -> NDArray[np.float32]:
        if self._given is not None:
            before, now, background_HW = self._given
            appearance_GW = _cell_means(np.abs(now() - background_HW))
            if before is None:
                activity_GW = np.full_like(appearance_GW, np.nan)
            else:
                activity_GW = _cell_means(np.abs(now() - before()))
            self._cells_GW2 = np.stack([activity_GW, appearance_GW], axis=-1)
            self._given = None
        assert self._cells_GW2 is not None
        return self._cells_GW2


class _History:
    """The mean of the traces, step by step."""

    def __init__(self, traces: tuple[_Trace, ...], shape: HistoryShape) -> None:
        self._traces = traces
        self._shape = shape

    def __call__(self) -> NDArray[np.float32]:
        cells_FGW2 = np.stack([trace() for trace in reversed(self._traces)])
        if len(cells_FGW2) < self._shape.frames:
            return np.full((self._shape.steps, *cells_FGW2.shape[1:]), np.nan, np.float32)
        size = (self._shape.steps, self._shape.frames_a_step, *cells_FGW2.shape[1:])
        return np.asarray(cells_FGW2.reshape(size).mean(axis=1), dtype=np.float32)


def _cell_means(picture_HW: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = picture_HW.shape[0] // CELL_PX, picture_HW.shape[1] // CELL_PX
    cut = picture_HW[: rows * CELL_PX, : columns * CELL_PX]
    means = cut.reshape(rows, CELL_PX, columns, CELL_PX).mean(axis=(1, 3))
    return np.asarray(means, dtype=np.float32)
