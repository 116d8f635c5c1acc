"""Tiles: the grid covers the frame, and stitching undoes cutting."""

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.clips.tiles import TileGrid, cut_tiles, stitch_tiles, sums_of_rectangles

GRIDS = [
    TileGrid(height_px=64, width_px=96, tile_px=32, stride_px=16),
    TileGrid(height_px=112, width_px=192, tile_px=32, stride_px=16),
    TileGrid(height_px=72, width_px=80, tile_px=32, stride_px=24),
    TileGrid(height_px=32, width_px=32, tile_px=32, stride_px=16),
]


def every_tile(grid: TileGrid, clips: int) -> Tensor:
    return torch.arange(len(grid.corners)).expand(clips, -1)


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
    chosen = every_tile(grid, 3)
    tiles = cut_tiles(frames, grid, chosen)
    assert tiles.shape == (3 * len(grid.corners), 2, 4, 32, 32)
    torch.testing.assert_close(stitch_tiles(tiles, grid, chosen), frames)


def test_tiles_of_one_clip_lie_together_in_the_order_of_corners() -> None:
    grid = GRIDS[0]
    frames = torch.arange(2.0).view(2, 1, 1, 1, 1).expand(2, 1, 1, 64, 96)
    tiles = cut_tiles(frames, grid, every_tile(grid, 2))
    count = len(grid.corners)
    assert (tiles[:count] == 0).all()
    assert (tiles[count:] == 1).all()


def test_the_chosen_tiles_are_cut_by_their_number() -> None:
    grid = GRIDS[0]
    frames = torch.rand(2, 2, 4, grid.height_px, grid.width_px)
    everything = cut_tiles(frames, grid, every_tile(grid, 2)).unflatten(0, (2, -1))
    chosen = torch.tensor([[0, 7, 3], [14, 1, 2]])
    tiles = cut_tiles(frames, grid, chosen).unflatten(0, (2, -1))
    for clip in range(2):
        assert torch.equal(tiles[clip], everything[clip, chosen[clip]])


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_a_stitch_of_some_tiles_is_nan_exactly_where_none_of_them_lies(grid: TileGrid) -> None:
    frames = torch.rand(2, 2, 4, grid.height_px, grid.width_px)
    count = len(grid.corners)
    chosen = torch.tensor([[0, count // 2], [count - 1, count // 3]])
    stitched = stitch_tiles(cut_tiles(frames, grid, chosen), grid, chosen)
    for clip in range(2):
        covered = torch.zeros(grid.height_px, grid.width_px, dtype=torch.bool)
        for number in chosen[clip].tolist():
            top, left = grid.corners[number]
            covered[top : top + grid.tile_px, left : left + grid.tile_px] = True
        assert bool(stitched[clip][..., ~covered].isnan().all())
        torch.testing.assert_close(stitched[clip][..., covered], frames[clip][..., covered])


def test_the_order_in_which_all_tiles_are_chosen_does_not_matter() -> None:
    # Tiles that disagree where they overlap, so that the blend is seen.
    grid = GRIDS[1]
    count = len(grid.corners)
    tiles = torch.rand(count, 2, 4, 32, 32)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        stitch_tiles(tiles[order], grid, order.unsqueeze(0)),
        stitch_tiles(tiles, grid, every_tile(grid, 1)),
    )


def test_a_tile_larger_than_the_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="tile of 32 px"):
        TileGrid(height_px=16, width_px=64, tile_px=32, stride_px=16)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 2), (5, 7)])
def test_sums_of_rectangles_are_those_of_adding_up_each(height: int, width: int) -> None:
    values = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    found = sums_of_rectangles(values, height, width)
    assert found.shape == (5 - height + 1, 7 - width + 1)
    for top, left in np.ndindex(found.shape):
        part = values[top : top + height, left : left + width].astype(np.float64)
        assert found[top, left] == pytest.approx(part.sum())
