"""Expert `continuity`: whether what moves goes on as it did a moment before (no training).

Things have mass: from one frame to the next their speed and direction hardly change. What stops,
turns back, jumps or vanishes at once breaks this, wherever and at whatever speed it moves. Both
terms are odds, without a unit: how much of the movement changed against how much went on. They
compare the flow of one frame pair with that of the pair before, followed along the movement, so
they are the error of the simplest prediction of the last frames: that nothing changes.

Shapes: N clips, T frames, H x W pixels, grid of G x W cells.
"""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.tiles import CELL_PX
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "broken_odds", "term_maps"]

NAME = "continuity"
TERMS = {
    name: Term(pooled=True, new_places=False, least_surprise=2.0)
    for name in ("break", "scene_break")
}
"""Around each place; over the whole picture: when all that moves changes at once, each alone may
not be strange."""

_PAIRS = 4
"""Frame pairs at the end of a clip of which the strangest counts: a break is over in one, and an
event has to last."""
_REDUCED = 2
"""Working pixels along one pixel of the flow that is compared here: it costs a quarter."""
_CELL = CELL_PX // _REDUCED
_WINDOW_PX = 64 // _REDUCED
"""Side of the square that movement is added up over. All sizes here are of the reduced flow."""
_AROUND_PX = 2 * _CELL + 1
_NOTHING = np.float32(1e-6)
_MOVING_PX = 0.3 / _REDUCED
"""Pixels a frame; slower is noise of the flow."""
_SHAKE_PX = 0.75 / _REDUCED
"""A movement of the whole picture up to this is the camera's, a mast in the wind; it is taken
out."""
_LEAST_MOVEMENT_PX = 100.0 / _REDUCED**3
"""Sum over pixels of movement that is added to what went on: less moves in a grain of noise."""


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW."""
    cells = batch.grid.cells
    broken, scene = (np.zeros((len(batch), *cells), np.float32) for _ in range(2))
    for index, flow_THW2 in enumerate(batch.windows.flow_NTHW2):
        # The first frame of a window has the flow of the second.
        flows = [_reduced(flow) for flow in flow_THW2[max(1, len(flow_THW2) - _PAIRS - 1) :]]
        for before_HW2, now_HW2 in pairwise(flows):
            for kept, odds_HW in zip(
                (broken, scene), broken_odds(before_HW2, now_HW2), strict=True
            ):
                map_GW = odds_HW.reshape(cells[0], _CELL, cells[1], _CELL).max(axis=(1, 3))
                kept[index] = np.maximum(kept[index], map_GW)
    return {"break": broken, "scene_break": scene}


def broken_odds(
    before_HW2: NDArray[np.float32], now_HW2: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the odds of broken against continued movement between two frame pairs in a row, HW:
    around each pixel, and over the whole picture. Both in full where most movement changed (nearby;
    anywhere), and less where less did.

    0 where nothing moves, below 1 while movement goes on; at a full stop or start as much breaks as
    moved, and nothing goes on; what turns back breaks twice.
    """
    # What moved is looked for where it should be now, and what moves now where it should have been:
    # either alone would take the edges of every moving thing for a break.
    changed_HW, moved_HW = _change(before_HW2, now_HW2)
    changed_back_HW, moved_back_HW = _change(-now_HW2, -before_HW2)
    changed_HW += changed_back_HW
    moved_HW += moved_back_HW
    window = (_WINDOW_PX, _WINDOW_PX)
    changed, moved = (
        cv2.boxFilter(values, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
        for values in (changed_HW, moved_HW)
    )
    odds_HW = changed / (np.maximum(moved - changed, 0.0) + _LEAST_MOVEMENT_PX)
    total = float(changed_HW.sum()), float(moved_HW.sum())
    odds = total[0] / (max(total[1] - total[0], 0.0) + _LEAST_MOVEMENT_PX)
    # Odds belong to all of the square that they were added up over; what broke is only where most
    # movement changed.
    local_HW = cv2.blur(changed_HW, (_AROUND_PX, _AROUND_PX))
    nearby_HW = cv2.dilate(local_HW, np.ones(window, np.uint8))
    return (
        odds_HW * local_HW / np.maximum(nearby_HW, _NOTHING),
        odds * local_HW / np.maximum(local_HW.max(), _NOTHING),
    )


def _change(
    from_HW2: NDArray[np.float32], to_HW2: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return by how much movement changed along itself, and how much there was on both sides, for
    each pixel that moves in `from`; else 0."""
    height, width = from_HW2.shape[:2]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    there = (columns + from_HW2[..., 0], rows + from_HW2[..., 1])
    followed_HW2 = np.asarray(
        cv2.remap(to_HW2, *there, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )
    length_HW = _length(from_HW2)
    moving_HW = length_HW > _MOVING_PX
    changed_HW = moving_HW * _length(followed_HW2 - from_HW2)
    moved_HW = moving_HW * (length_HW + _length(followed_HW2))
    return changed_HW.astype(np.float32), moved_HW.astype(np.float32)


def _length(flow_HW2: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.hypot(flow_HW2[..., 0], flow_HW2[..., 1]), dtype=np.float32)


def _reduced(flow_HW2: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the flow at half size, less that of the whole picture where it is only a shake."""
    height, width = flow_HW2.shape[:2]
    size = (width // _REDUCED, height // _REDUCED)
    small_HW2 = cv2.resize(flow_HW2.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    flow = np.asarray(small_HW2, np.float32) / np.float32(_REDUCED)
    whole_2 = np.median(flow[::2, ::2].reshape(-1, 2), axis=0)
    if np.hypot(*whole_2) > _SHAKE_PX:
        return flow
    return np.asarray(flow - whole_2, dtype=np.float32)
