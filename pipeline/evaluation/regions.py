"""RBDC and TBDC: are the right places found, as regions and as tracks (Street Scene, WACV 2020)?

For a threshold, the connected parts of a score map that reach it are the detected regions of a
frame. A labelled region is found when a detected region of its frame has IoU >= 0.1 with it; a
labelled track is found when at least 10 % of its regions are; a detected region without such a
partner is a false positive. Rate of found regions (RBDC) or tracks (TBDC) against false-positive
regions per frame, over all thresholds; the figure is the area under this curve from 0 to 1 false
positives per frame. Written from this definition, not from anybody's script. Shapes as in cells.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from pipeline.evaluation.cells import CellGrid, LabelledRegions

__all__ = ["THRESHOLD_SHARES", "RegionCounter", "area_under_curve"]

_LEAST_IOU = 0.1
_LEAST_TRACK_SHARE = 0.1
_MOST_FALSE_PER_FRAME = 1.0
_ROUNDING = 1e-9
"""A tenth of 30 regions is 3, also when 0.1 * 30 is a hair more."""

THRESHOLD_SHARES = tuple(float(share) for share in np.geomspace(1e-6, 0.3, 36))
"""Thresholds are the values that these shares of all pixels reach: dense where few regions are."""

_WITHIN_FRAME = np.zeros((3, 3, 3), dtype=np.int64)
_WITHIN_FRAME[1] = 1
"""Connects cells of one frame, also diagonally, and never cells of two frames."""


class RegionCounter:
    """Counts found and false regions at fixed thresholds, one video after the other."""

    def __init__(self, thresholds: Sequence[float]) -> None:
        """`thresholds`: score values, in any order."""
        self._thresholds = tuple(thresholds)
        self._found_regions = np.zeros(len(self._thresholds), dtype=np.int64)
        self._found_tracks = np.zeros(len(self._thresholds), dtype=np.int64)
        self._false_regions = np.zeros(len(self._thresholds), dtype=np.int64)
        self._regions = 0
        self._tracks = 0
        self._frames = 0

    def add(
        self,
        scores_KGC: NDArray[np.float32],
        clip_of_frame: NDArray[np.int64],
        labelled: LabelledRegions,
        grid: CellGrid,
    ) -> None:
        """Count one video: the scores of its clips on the cells of `grid`, and which clip's scores
        each frame has."""
        self.add_blocks([scores_KGC], clip_of_frame, labelled, grid)

    def add_blocks(
        self,
        blocks_KGC: Iterable[NDArray[np.float32]],
        clip_of_frame: NDArray[np.int64],
        labelled: LabelledRegions,
        grid: CellGrid,
    ) -> None:
        """Count one video whose clips come in blocks, one after the other: the same as `add` of all
        of them."""
        self._regions += len(labelled.region_frame)
        self._tracks += labelled.tracks
        self._frames += len(clip_of_frame)
        # A track goes on from block to block, so it is counted when all have been seen.
        found_LR = np.zeros((len(self._thresholds), len(labelled.region_frame)), dtype=np.bool_)
        piece_clip = clip_of_frame[labelled.region_frame[labelled.piece_region]]
        first = 0
        for scores_KGC in blocks_KGC:
            end = first + len(scores_KGC)
            pieces = np.flatnonzero((piece_clip >= first) & (piece_clip < end))
            clips = clip_of_frame[(clip_of_frame >= first) & (clip_of_frame < end)] - first
            highest = float(scores_KGC.max(initial=-np.inf))
            for index, threshold in enumerate(self._thresholds):
                if threshold > highest:
                    continue
                detections = _detect(scores_KGC >= threshold, grid)
                found, false_count = _match(
                    detections, clips, piece_clip[pieces] - first, pieces, labelled
                )
                found_LR[index] |= found
                self._false_regions[index] += false_count
            first = end
        for index, found in enumerate(found_LR):
            self._found_regions[index] += int(found.sum())
            self._found_tracks[index] += _found_tracks(found, labelled)

    def rbdc(self) -> float | None:
        """Return the region-based figure in [0, 1]; None when no region is labelled."""
        return self._area(self._found_regions, self._regions)

    def tbdc(self) -> float | None:
        """Return the track-based figure in [0, 1]; None when no track is labelled."""
        return self._area(self._found_tracks, self._tracks)

    def _area(self, found: NDArray[np.int64], total: int) -> float | None:
        if not total or not self._frames:
            return None
        return area_under_curve(self._false_regions / self._frames, found / total)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Detections:
    """The detected regions of every clip, numbered from 1 over all of them."""

    region_of_cell: NDArray[np.int64]
    """The region that each cell (flat) of each clip belongs to, 0 = none."""
    area: NDArray[np.int64]
    """Pixels of each; that of number 0 is 0."""
    in_clip: NDArray[np.int64]
    """How many each clip has."""


def _detect(reached_KGC: NDArray[np.bool_], grid: CellGrid) -> _Detections:
    regions_KGC, count = label(reached_KGC, structure=_WITHIN_FRAME)
    numbers_KC = regions_KGC.reshape(len(reached_KGC), -1)
    place = np.flatnonzero(reached_KGC)
    clip, cell = np.divmod(place, numbers_KC.shape[1])
    numbers = numbers_KC.ravel()[place]
    clip_of_region = np.zeros(count + 1, dtype=np.int64)
    clip_of_region[numbers] = clip
    pixels = grid.cell_pixels().ravel()[cell]
    return _Detections(
        region_of_cell=numbers_KC,
        area=np.bincount(numbers, weights=pixels, minlength=count + 1).astype(np.int64),
        in_clip=np.bincount(clip_of_region[1:], minlength=len(numbers_KC)),
    )


def _match(
    detections: _Detections,
    clip_of_frame: NDArray[np.int64],
    clip_of_piece: NDArray[np.int64],
    pieces: NDArray[np.int64],
    labelled: LabelledRegions,
) -> tuple[NDArray[np.bool_], int]:
    """Return which labelled regions are found, and how many detected regions found none.

    Frames and `pieces` (numbers of them) are those of these clips. A clip's detections count anew
    in every frame that has its scores.
    """
    partner = detections.region_of_cell[clip_of_piece, labelled.piece_cell[pieces]].astype(np.int64)
    shared = partner > 0
    count = len(detections.area)
    met = pieces[shared]
    pairs, place = np.unique(
        labelled.piece_region[met] * count + partner[shared], return_inverse=True
    )
    overlap = np.bincount(place, weights=labelled.piece_pixels[met], minlength=len(pairs))
    region, detection = np.divmod(pairs, count)
    union = labelled.region_area[region] + detections.area[detection] - overlap
    enough = overlap >= _LEAST_IOU * union - _ROUNDING
    found = np.zeros(len(labelled.region_frame), dtype=np.bool_)
    found[region[enough]] = True
    matched = np.unique(labelled.region_frame[region[enough]] * count + detection[enough])
    return found, int(detections.in_clip[clip_of_frame].sum()) - len(matched)


def _found_tracks(found: NDArray[np.bool_], labelled: LabelledRegions) -> int:
    total = np.bincount(labelled.region_track, minlength=labelled.tracks)
    hits = np.bincount(labelled.region_track, weights=found, minlength=labelled.tracks)
    return int((hits >= _LEAST_TRACK_SHARE * total - _ROUNDING).sum())


def area_under_curve(
    false_per_frame: NDArray[np.float64], found_share: NDArray[np.float64]
) -> float:
    """Return the area under the best found share that a number of false regions buys, from 0 to 1.

    Points may come in any order. The curve starts at the best share without a false region, runs in
    straight lines through points that improve on every point before them, and is level after the
    last. A low threshold that joins everything into one region therefore cannot lower it.
    """
    order = np.lexsort((-found_share, false_per_frame))
    x = np.concatenate([[0.0], false_per_frame[order]])
    y = np.concatenate([[0.0], found_share[order]])
    best_before = np.concatenate([[-1.0], np.maximum.accumulate(y)[:-1]])
    improving = y > best_before
    x, y = x[improving], y[improving]
    if x[-1] < _MOST_FALSE_PER_FRAME:
        x, y = np.append(x, _MOST_FALSE_PER_FRAME), np.append(y, y[-1])
    end = float(np.interp(_MOST_FALSE_PER_FRAME, x, y))
    inside = x < _MOST_FALSE_PER_FRAME
    x = np.append(x[inside], _MOST_FALSE_PER_FRAME)
    y = np.append(y[inside], end)
    return float(np.trapezoid(y, x))
