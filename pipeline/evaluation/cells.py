"""Cells: the grid on which score maps and masks meet.

A score map is coarse, a mask has the picture's pixels. Both are brought to cells of a few pixels:
the map is interpolated to their centres, the mask is counted in them, so no labelled pixel is lost.
Shapes: F frames, K clips, H x W pixels, G x C cells, M x N cells of a score map.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

__all__ = ["CellGrid", "LabelledRegions", "labelled_regions"]

_MOST_CELLS = 96
"""Cells along the longer side: 4 pixels of a picture 360 wide. Finer than any score map here."""

_TOUCHING_2D = np.ones((3, 3), dtype=np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class CellGrid:
    """Square cells over a picture; those at the right and lower border may be cut."""

    height_px: int
    width_px: int

    @property
    def cell_px(self) -> int:
        """Side of a cell in pixels."""
        return max(1, -(-max(self.height_px, self.width_px) // _MOST_CELLS))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of cells."""
        return -(-self.height_px // self.cell_px), -(-self.width_px // self.cell_px)

    def cell_pixels(self) -> NDArray[np.int64]:
        """Return how many pixels each cell has, int64 GC."""
        sides = (
            np.diff(np.minimum(np.arange(count + 1) * self.cell_px, length))
            for count, length in zip(self.shape, (self.height_px, self.width_px), strict=True)
        )
        rows, columns = sides
        return np.asarray(np.outer(rows, columns), dtype=np.int64)

    def interpolate(self, maps_KMN: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return score maps at the centres of the cells, KGC: bilinear, level at the borders."""
        down = _weights(maps_KMN.shape[1], self.shape[0], self.cell_px, self.height_px)
        across = _weights(maps_KMN.shape[2], self.shape[1], self.cell_px, self.width_px)
        return np.asarray(down @ maps_KMN @ across.T, dtype=np.float32)


def _weights(cells: int, wanted: int, cell_px: int, length_px: int) -> NDArray[np.float32]:
    """Return bilinear weights of `cells` equal map cells at the wanted centres, (wanted, cells)."""
    edges = np.minimum(np.arange(wanted + 1) * cell_px, length_px)
    centres = (edges[1:] + edges[:-1]) / 2.0
    place = np.clip(centres * cells / length_px - 0.5, 0.0, cells - 1.0)
    lower = np.minimum(place.astype(np.int64), max(0, cells - 2))
    share = (place - lower).astype(np.float32)
    weights = np.zeros((wanted, cells), dtype=np.float32)
    rows = np.arange(wanted)
    weights[rows, lower] += 1.0 - share
    weights[rows, np.minimum(lower + 1, cells - 1)] += share
    return weights


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelledRegions:
    """The regions of one video's mask: its connected components in each frame, and their tracks."""

    region_frame: NDArray[np.int64]
    """The frame of every region."""
    region_track: NDArray[np.int64]
    """Its track, from 0: regions of consecutive frames that overlap or touch have one."""
    region_area: NDArray[np.int64]
    """Its pixels."""
    tracks: int
    piece_region: NDArray[np.int64]
    piece_cell: NDArray[np.int64]
    piece_pixels: NDArray[np.int64]
    """A piece is the part of a region in one cell: its region, its cell (flat index over rows and
    columns), its pixels (> 0)."""


def labelled_regions(mask_FHW: NDArray[np.bool_], grid: CellGrid) -> LabelledRegions:
    """Return regions and tracks of a mask; touching counts also diagonally.

    One frame is worked on at a time, so memory is a few frames beside the mask.
    """
    frames: list[int] = []
    areas: list[int] = []
    links: list[tuple[int, int]] = []
    pieces = [np.empty((0, 3), dtype=np.int64)]
    before_HW = np.zeros(mask_FHW.shape[1:], dtype=np.int32)
    first_before = 0
    for index, mask_HW in enumerate(mask_FHW):
        regions_HW, count = label(mask_HW, structure=_TOUCHING_2D)
        first = len(frames)
        if count:
            rows, columns = np.nonzero(regions_HW)
            numbers = regions_HW[rows, columns].astype(np.int64) - 1
            frames.extend([index] * count)
            areas.extend(np.bincount(numbers, minlength=count).tolist())
            pairs = _touching_pairs(before_HW, rows, columns, numbers)
            links.extend((first_before + a, first + b) for a, b in pairs)
            cells = (rows // grid.cell_px) * grid.shape[1] + columns // grid.cell_px
            pieces.append(_pieces(numbers, cells, first=first))
        before_HW, first_before = regions_HW, first
    tracks, region_track = _connect(len(frames), links)
    table = np.concatenate(pieces)
    return LabelledRegions(
        region_frame=np.array(frames, dtype=np.int64),
        region_track=region_track,
        region_area=np.array(areas, dtype=np.int64),
        tracks=tracks,
        piece_region=table[:, 0],
        piece_cell=table[:, 1],
        piece_pixels=table[:, 2],
    )


def _touching_pairs(
    before_HW: NDArray[np.int32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    numbers: NDArray[np.int64],
) -> list[tuple[int, int]]:
    """Return pairs (region before, region now), from 0, with pixels on or beside each other.

    `numbers`: the region now of the pixels at `rows` and `columns`; `before_HW`: from 1, 0 = none.
    """
    height, width = before_HW.shape
    now_count = int(numbers.max()) + 1
    keys = []
    for down in (-1, 0, 1):
        for across in (-1, 0, 1):
            r, c = rows + down, columns + across
            inside = (r >= 0) & (r < height) & (c >= 0) & (c < width)
            before = before_HW[r[inside], c[inside]].astype(np.int64)
            # One whole number for a pair: sorting rows of two would take a hundred times as long.
            keys.append((before * now_count + numbers[inside])[before > 0])
    unique = np.unique(np.concatenate(keys))
    return [(int(key) // now_count - 1, int(key) % now_count) for key in unique]


def _pieces(
    numbers: NDArray[np.int64], cells: NDArray[np.int64], *, first: int
) -> NDArray[np.int64]:
    """Return rows (region, cell, pixels) of one frame, whose regions are numbered from `first`."""
    cell_count = int(cells.max()) + 1
    unique, counts = np.unique(numbers * cell_count + cells, return_counts=True)
    region, cell = np.divmod(unique, cell_count)
    return np.stack([first + region, cell, counts.astype(np.int64)], axis=1)


def _connect(count: int, links: list[tuple[int, int]]) -> tuple[int, NDArray[np.int64]]:
    if not count:
        return 0, np.empty(0, dtype=np.int64)
    pairs = np.array(links, dtype=np.int64).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    tracks, numbers = connected_components(graph, directed=False)
    return int(tracks), np.asarray(numbers, dtype=np.int64)
