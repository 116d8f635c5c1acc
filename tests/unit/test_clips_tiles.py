"""Tiles: the grid covers the frame, and stitching undoes cutting."""

import pytest
import torch

from pipeline.clips.tiles import TileGrid, cut_tiles, stitch_tiles

GRIDS = [
    TileGrid(height_px=64, width_px=96, tile_px=32, stride_px=16),
    TileGrid(height_px=112, width_px=192, tile_px=32, stride_px=16),
    TileGrid(height_px=72, width_px=80, tile_px=32, stride_px=24),
    TileGrid(height_px=32, width_px=32, tile_px=32, stride_px=16),
]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_tiles_reach_every_pixel_and_stay_on_the_frame(grid: TileGrid) -> None:
    seen = torch.zeros(grid.height_px, grid.width_px)
    for top, left in grid.corners:
        assert top + grid.tile_px <= grid.height_px
        assert left + grid.tile_px <= grid.width_px
        seen[top : top + grid.tile_px, left : left + grid.tile_px] += 1
    assert bool((seen > 0).all())


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_stitching_the_cut_tiles_gives_the_frames_back(grid: TileGrid) -> None:
    frames = torch.rand(3, 2, 4, grid.height_px, grid.width_px)
    tiles = cut_tiles(frames, grid)
    assert tiles.shape == (3 * len(grid.corners), 2, 4, 32, 32)
    torch.testing.assert_close(stitch_tiles(tiles, grid), frames)


def test_tiles_of_one_clip_lie_together_in_the_order_of_corners() -> None:
    grid = GRIDS[0]
    frames = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 1, 1, 64, 96)
    tiles = cut_tiles(frames, grid)
    count = len(grid.corners)
    assert (tiles[:count] == 0).all()
    assert (tiles[count:] == 1).all()


def test_a_tile_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="tile of 32 px"):
        TileGrid(height_px=16, width_px=64, tile_px=32, stride_px=16)
