"""Expert `motion`: optical flow at each place, against the place's usual flow (no training).

Terms: how fast whole things move, for their place and for their distance from the camera, and how
far the direction and speed together lie from the place's middle, which notices what stands still or
runs backwards.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.tiles import largest_of_cells
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "coherent_speed", "term_maps"]

NAME = "motion"
_LEAST_PX = 0.15
"""Pixels a frame within which nothing is strange anywhere. Grain of three to six grey levels moves
the flow of a place by .07 to .25 in two windows of a hundred; where nothing moved in all that was
learnt, the range of a place would be 0 and the first grain an alarm."""

TERMS = {
    "speed": Term(least_range=_LEAST_PX),
    "pace": Term(perspective=True, new_places=False, least_range=_LEAST_PX, tail_scale=0.12),
    # Two halves of one vector.
    "flow_x": Term(two_sided=True, least_surprise=2.0, least_range=_LEAST_PX, weight=0.5),
    "flow_y": Term(two_sided=True, least_surprise=2.0, least_range=_LEAST_PX, weight=0.5),
}

_STEPS = 3
"""Frame pairs in a row whose flow is averaged: one pair alone is noisy, and more smear what moves.
The speeds of all such runs of a clip are averaged again, so that its score is that of all of it."""

_CORE_SHARE = 1 / 48
_WINDOW_SHARE = 1 / 16
"""Sides of the squares that speed is the least of, and then averaged over, of the width of the
view: a leg that swings is larger on a larger picture (AUC .988 on Ped2 at 320 pixels with the
squares of 192, .989 with its own, and .993 in place of .990 with all experts)."""


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW, in working pixels a frame."""
    maps_NGW3 = np.empty((len(batch), *batch.grid.cells, 3), np.float32)
    known: dict[tuple[int, ...], NDArray[np.float32]] = {}
    for index, flow_THW2 in enumerate(batch.windows.flow_NTHW2):
        # The first frame of a window has the flow of the second.
        pairs_THW2 = flow_THW2[1:]
        runs = []
        for first in range(max(1, len(pairs_THW2) - _STEPS + 1)):
            run_THW2 = pairs_THW2[first : first + _STEPS]
            # By its last frame: all runs are of the same length.
            key = batch.windows.frame_key(index, first + len(run_THW2))
            if key not in known:
                known[key] = _of_run(run_THW2, batch.grid.cells)
            runs.append(known[key])
        maps_NGW3[index] = np.mean(runs, axis=0)
    speed, flow_x, flow_y = np.moveaxis(maps_NGW3, -1, 0)
    return {"speed": speed, "pace": speed, "flow_x": flow_x, "flow_y": flow_y}


def _of_run(flow_THW2: NDArray[np.float16], cells: tuple[int, int]) -> NDArray[np.float32]:
    """Return coherent speed and mean flow (right, down) of some frame pairs in a row, GW3."""
    flow_HW2 = flow_THW2.astype(np.float32).mean(axis=0)
    mean_GW2 = cv2.resize(flow_HW2, cells[::-1], interpolation=cv2.INTER_AREA)
    fast_GW = largest_of_cells(coherent_speed(flow_HW2), cells)
    return np.dstack([fast_GW, mean_GW2]).astype(np.float32)


def coherent_speed(flow_HW2: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the speed with which whole things move, HW: the least speed over a core of a 48th of
    the width (4 x 4 pixels of 192), averaged over a 16th of it (12 x 12).

    A swinging leg and the fringe of a flow field are fast in a few pixels only; what rolls or
    slides is fast all over.
    """
    speed_HW = np.hypot(flow_HW2[..., 0], flow_HW2[..., 1])
    width = speed_HW.shape[1]
    core, window = max(1, round(_CORE_SHARE * width)), max(1, round(_WINDOW_SHARE * width))
    slowest_HW = cv2.erode(speed_HW, np.ones((core, core), np.uint8))
    return np.asarray(cv2.blur(slowest_HW, (window, window)), np.float32)
