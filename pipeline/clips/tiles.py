"""Tiles: square crops of a frame on a fixed grid, and frames stitched back from tiles.

Shapes: N clips, P planes, T frames, H x W pixels, K tiles of S x S pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = [
    "CELL_PX",
    "TileGrid",
    "cut_tiles",
    "largest_of_cells",
    "stitch_tiles",
    "sums_of_rectangles",
]

CELL_PX = 8
"""Side of a cell of the score grid, in working pixels: the stride of a critic for 32-pixel
tiles."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TileGrid:
    """Where tiles lie on a frame. The grid belongs to the camera, so places can be compared."""

    height_px: int
    width_px: int
    tile_px: int
    stride_px: int

    def __post_init__(self) -> None:
        if self.tile_px > min(self.height_px, self.width_px):
            raise ValueError(
                f"tile of {self.tile_px} px on a frame of {self.width_px} x {self.height_px} px"
            )

    @property
    def tops(self) -> tuple[int, ...]:
        """Upper edges of the rows of tiles."""
        return _starts(self.height_px, self.tile_px, self.stride_px)

    @property
    def lefts(self) -> tuple[int, ...]:
        """Left edges of the columns of tiles."""
        return _starts(self.width_px, self.tile_px, self.stride_px)

    @property
    def corners(self) -> tuple[tuple[int, int], ...]:
        """(top, left) of every tile, row by row."""
        return tuple((top, left) for top in self.tops for left in self.lefts)

    @property
    def cells(self) -> tuple[int, int]:
        """(rows, columns) of the score grid."""
        return self.height_px // CELL_PX, self.width_px // CELL_PX


def _starts(length_px: int, tile_px: int, stride_px: int) -> tuple[int, ...]:
    starts = list(range(0, length_px - tile_px + 1, stride_px))
    if starts[-1] + tile_px < length_px:
        starts.append(length_px - tile_px)  # the last one reaches the edge
    return tuple(starts)


def cut_tiles(frames_NPTHW: Tensor, grid: TileGrid, tiles_NK: Tensor) -> Tensor:
    """Return tiles_MPTSS with M = N * K, the tiles of one clip together.

    `tiles_NK` says which, by their number in the order of corners.
    """
    size, corners = grid.tile_px, grid.corners
    cut = [
        frames_NPTHW[clip, ..., top : top + size, left : left + size]
        for clip, chosen in enumerate(tiles_NK.tolist())
        for top, left in (corners[number] for number in chosen)
    ]
    return torch.stack(cut)


def stitch_tiles(tiles_MPTSS: Tensor, grid: TileGrid, tiles_NK: Tensor) -> Tensor:
    """Return frames_NPTHW: overlapping tiles blended with a raised cosine (Hann) window, NaN where
    no tile is."""
    size, corners = grid.tile_px, grid.corners
    ramp = torch.hann_window(size + 2, periodic=False)[1:-1].to(tiles_MPTSS)
    weight_SS = torch.outer(ramp, ramp)
    planes, frames = tiles_MPTSS.shape[1:3]
    clips = len(tiles_NK)
    total = tiles_MPTSS.new_zeros(clips, planes, frames, grid.height_px, grid.width_px)
    weights = tiles_MPTSS.new_zeros(clips, 1, 1, grid.height_px, grid.width_px)
    tiles = iter(tiles_MPTSS)
    for clip, chosen in enumerate(tiles_NK.tolist()):
        for top, left in (corners[number] for number in chosen):
            rows, columns = slice(top, top + size), slice(left, left + size)
            total[clip, ..., rows, columns] += next(tiles) * weight_SS
            weights[clip, ..., rows, columns] += weight_SS
    return total / weights


def largest_of_cells(values_HW: NDArray[np.float32], cells: tuple[int, int]) -> NDArray[np.float32]:
    """Return the largest value in each of G x W cells of equal size, GW."""
    rows, columns = cells
    blocks = values_HW.reshape(rows, len(values_HW) // rows, columns, -1)
    return np.asarray(blocks.max(axis=(1, 3)), dtype=np.float32)


def sums_of_rectangles(
    values_HW: NDArray[np.floating], height: int, width: int
) -> NDArray[np.float64]:
    """Return the sum over the rectangle of this size at each place where it fits, (H - height + 1)
    x (W - width + 1). By a summed-area table: the cost does not grow with the rectangle."""
    table = np.pad(values_HW.astype(np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    sums: NDArray[np.float64] = (
        table[height:, width:]
        - table[:-height, width:]
        - table[height:, :-width]
        + table[:-height, :-width]
    )
    return sums
