"""Expert `continuity`: whether what is seen goes on as it did a moment before (no training).

Things have mass: from one frame to the next their speed and direction hardly change, and they
neither appear nor vanish. Three terms are the errors of the simplest predictions of the last
frames. Two of them, that all movement goes on: how much of it changed against how much went on, as
odds, which have no unit. The flow of one frame pair is compared with that of the pair before,
followed along the movement. The third, that everything seen was there before and moved along the
flow: the grey levels by which that fails (displaced frame difference). It does not hold at the rim
of the picture, where things come into view: nothing is sudden there.

Shapes: N clips, T frames, H x W pixels, grid of G x W cells.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pipeline.clips.flow import grey_of
from pipeline.clips.tiles import CELL_PX, largest_of_cells
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.rim import inside_GW, inside_HW
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "broken_odds", "displaced_difference", "term_maps"]

NAME = "continuity"
_BREAK = Term(
    pooled=True,
    new_places=False,
    least_surprise=2.0,
    least_range=1.0,
    rare_is_foreign=True,
    tail_scale=0.25,
)
"""Odds below 1: more goes on than breaks. They have no upper end: with the 7th power of the ratio
instead of the 4th the untouched rest of a street alarmed, whose breaks were twice those of the part
that had been learnt."""
TERMS = {
    "break": _BREAK,
    "scene_break": _BREAK,
    "sudden": Term(pooled=True, new_places=False, least_surprise=2.0, tail_scale=0.15),
}
"""Around each place; over the whole picture, since when all that moves changes at once, each alone
may not be strange; what was not there before, or is not there any more."""

_PAIRS = 4
"""Frame pairs at the end of a clip of which the strangest counts: a break is over in one, and an
event has to last."""
_REDUCED = 2
"""Working pixels along one pixel of the flow that is compared here: it costs a quarter."""
_CELL = CELL_PX // _REDUCED
_WINDOW_PX = 64 // _REDUCED
"""Side of the square that movement is added up over. All sizes here are of the reduced flow."""
_AROUND_PX = 2 * _CELL + 1
_SUDDEN_PX = 13
"""Side of the square, in working pixels, that grey levels are averaged over: smaller ones see the
edge of every sleeve."""
_SMOOTH_PX = 0.8
_AROUND_CELLS = 3
"""A sudden thing is a few cells wide, and evidence is averaged over as many."""
_NOTHING = np.float32(1e-6)
_MOVING_PX = 0.3 / _REDUCED
"""Pixels a frame; slower is noise of the flow."""
_LEAST_CHANGE = 3.0
"""Grey levels, averaged around a place, that a picture has to change by for something to move
there. Grain and the blocks of a strongly coded picture come to less, and their flow to about a
pixel; somebody who walks through a hall to more."""
_CHANGE_SIDE_PX = 9
"""Side of the square, in working pixels, that this change is averaged over."""
_SHAKE_PX = 0.75 / _REDUCED
"""A movement of the whole picture up to this is the camera's, a mast in the wind; it is taken
out."""
_LEAST_MOVEMENT_PX = 100.0 / _REDUCED**3
"""Sum over pixels of movement that is added to what went on: less moves in a grain of noise."""


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW."""
    maps = {name: np.zeros((len(batch), *batch.grid.cells), np.float32) for name in TERMS}
    breaks = _Breaks(batch)
    inside = inside_HW(batch.grid.cells, CELL_PX)
    for index, flow_THW2 in enumerate(batch.windows.flow_NTHW2):
        # The first frame of a window has the flow of the second.
        first = max(1, len(flow_THW2) - _PAIRS - 1)
        pictures_THW = batch.windows.pictures[index]
        smooth = {
            frame: _smooth(grey_of(pictures_THW[frame]))
            for frame in range(first - 1, len(flow_THW2))
        }
        for frame in range(first + 1, len(flow_THW2)):
            for name, odds_GW in breaks.at(index, frame, smooth).items():
                np.maximum(maps[name][index], odds_GW, out=maps[name][index])
            flow_HW2 = flow_THW2[frame]
            residual_HW = _displaced(smooth[frame - 1], smooth[frame], flow_HW2, inside)
            sudden_GW = largest_of_cells(residual_HW, batch.grid.cells)
            np.maximum(maps["sudden"][index], sudden_GW, out=maps["sudden"][index])
    maps["sudden"] = maximum_filter(maps["sudden"], (1, _AROUND_CELLS, _AROUND_CELLS))
    maps["sudden"] *= inside_GW(batch.grid.cells)
    if batch.partly_hidden:
        # Of less movement that goes on, the same break is a larger share.
        maps["scene_break"][:] = 0.0
    return maps


class _Breaks:
    """What breaks at each frame of a batch, worked out once for all windows that it is in."""

    def __init__(self, batch: ClipBatch) -> None:
        self._windows = batch.windows
        self._cells = batch.grid.cells
        self._flows: dict[tuple[int, ...], NDArray[np.float32]] = {}
        self._odds: dict[tuple[int, ...], dict[str, NDArray[np.float32]]] = {}

    def at(
        self, window: int, frame: int, smooth: Mapping[int, NDArray[np.float32]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the largest odds in every cell from the frame before, GW a term; `smooth`: the
        window's pictures by frame, from two before this one on."""
        key = self._windows.frame_key(window, frame)
        if key not in self._odds:
            before, now = (self._flow(window, at, smooth) for at in (frame - 1, frame))
            odds = broken_odds(before, now)
            largest = (largest_of_cells(odds_HW, self._cells) for odds_HW in odds)
            self._odds[key] = dict(zip(("break", "scene_break"), largest, strict=True))
        return self._odds[key]

    def _flow(
        self, window: int, frame: int, smooth: Mapping[int, NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        key = self._windows.frame_key(window, frame)
        if key not in self._flows:
            changed_HW = _changed(smooth[frame - 1], smooth[frame])
            self._flows[key] = _reduced(self._windows.flow_NTHW2[window, frame], changed_HW)
        return self._flows[key]


def displaced_difference(
    before_HW: NDArray[np.uint8],
    now_HW: NDArray[np.uint8],
    flow_HW2: NDArray[np.float16],
    inside: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    """Return by how many grey levels, on average around each pixel, a picture differs from the one
    before moved along the flow, HW; a change of the light of the whole picture is no difference.
    With `inside` (HW) only what differs there counts."""
    return _displaced(_smooth(before_HW), _smooth(now_HW), flow_HW2, inside)


def _smooth(picture_HW: NDArray[np.uint8]) -> NDArray[np.float32]:
    smooth_HW = cv2.GaussianBlur(picture_HW.astype(np.float32), (0, 0), _SMOOTH_PX)
    return np.asarray(smooth_HW, np.float32)


def _displaced(
    before_HW: NDArray[np.float32],
    now_HW: NDArray[np.float32],
    flow_HW2: NDArray[np.float16],
    inside: NDArray[np.bool_] | None = None,
) -> NDArray[np.float32]:
    moved_HW = _followed(now_HW, flow_HW2.astype(np.float32))
    difference = moved_HW - before_HW
    difference -= np.median(difference[::2, ::2])
    if inside is not None:
        difference *= inside
    return np.asarray(cv2.blur(np.abs(difference), (_SUDDEN_PX, _SUDDEN_PX)), np.float32)


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
    followed_HW2 = _followed(to_HW2, from_HW2)
    length_HW = _length(from_HW2)
    moving_HW = length_HW > _MOVING_PX
    changed_HW = moving_HW * _length(followed_HW2 - from_HW2)
    moved_HW = moving_HW * (length_HW + _length(followed_HW2))
    return changed_HW.astype(np.float32), moved_HW.astype(np.float32)


def _followed(
    values_HWX: NDArray[np.float32], flow_HW2: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return at each pixel the values at the place that its flow leads to."""
    columns_HW, rows_HW = _places(*flow_HW2.shape[:2])
    found = cv2.remap(
        values_HWX,
        columns_HW + flow_HW2[..., 0],
        rows_HW + flow_HW2[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(found, np.float32)


@lru_cache(maxsize=4)
def _places(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rows_HW, columns_HW = np.mgrid[:height, :width].astype(np.float32)
    return columns_HW, rows_HW


def _length(flow_HW2: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.hypot(flow_HW2[..., 0], flow_HW2[..., 1]), dtype=np.float32)


def _changed(before_HW: NDArray[np.float32], now_HW: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return where a picture changed by more than coding and grain do, HW; a change of the light of
    the whole picture is none."""
    difference_HW = now_HW - before_HW
    difference_HW -= np.median(difference_HW[::2, ::2])
    around_HW = cv2.blur(np.abs(difference_HW), (_CHANGE_SIDE_PX, _CHANGE_SIDE_PX))
    return np.asarray(around_HW > _LEAST_CHANGE, np.bool_)


def _reduced(flow_HW2: NDArray[np.float16], changed_HW: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the flow at half size, less that of the whole picture where it is only a shake, and 0
    where the picture did not change."""
    flow = flow_HW2.astype(np.float32)
    # Of all of it: a sway changes edges alone, and these would move by themselves otherwise.
    whole_2 = np.median(_halved(flow)[::2, ::2].reshape(-1, 2), axis=0)
    if np.hypot(*whole_2) <= _SHAKE_PX:
        flow -= _REDUCED * whole_2
    flow[~changed_HW] = 0.0
    return _halved(flow)


def _halved(flow_HW2: NDArray[np.float32]) -> NDArray[np.float32]:
    height, width = flow_HW2.shape[:2]
    size = (width // _REDUCED, height // _REDUCED)
    small_HW2 = cv2.resize(flow_HW2, size, interpolation=cv2.INTER_AREA)
    return np.asarray(small_HW2, np.float32) / np.float32(_REDUCED)
