"""Whatever is chosen or moves: tiles go back to where they came from, and codes stay close."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clips.flow import SPEED_STEPS, speed_codes
from pipeline.clips.tiles import TileGrid, cut_tiles, stitch_tiles


@st.composite
def chosen_tiles(draw: st.DrawFn) -> tuple[TileGrid, torch.Tensor]:
    """Return a grid and, for each of one to three clips, as many of its tiles in any order."""
    tile_px = draw(st.sampled_from([8, 16]))
    grid = TileGrid(
        height_px=tile_px + 8 * draw(st.integers(0, 4)),
        width_px=tile_px + 8 * draw(st.integers(0, 4)),
        tile_px=tile_px,
        stride_px=draw(st.integers(1, tile_px // 8)) * 8,
    )
    count = len(grid.corners)
    taken = draw(st.integers(1, count))
    numbers = st.permutations(range(count))
    return grid, torch.tensor([draw(numbers)[:taken] for _ in range(draw(st.integers(1, 3)))])


@settings(max_examples=60, deadline=None)
@given(chosen=chosen_tiles(), seed=st.integers(0, 2**31))
def test_what_was_cut_is_stitched_back_and_the_rest_is_unknown(
    chosen: tuple[TileGrid, torch.Tensor], seed: int
) -> None:
    grid, tiles_NK = chosen
    random = torch.Generator().manual_seed(seed)
    frames = torch.rand(len(tiles_NK), 2, 3, grid.height_px, grid.width_px, generator=random)
    stitched = stitch_tiles(cut_tiles(frames, grid, tiles_NK), grid, tiles_NK)
    for clip, numbers in enumerate(tiles_NK.tolist()):
        covered = torch.zeros(grid.height_px, grid.width_px, dtype=torch.bool)
        for top, left in (grid.corners[number] for number in numbers):
            covered[top : top + grid.tile_px, left : left + grid.tile_px] = True
        torch.testing.assert_close(stitched[clip][..., covered], frames[clip][..., covered])
        assert bool(stitched[clip][..., ~covered].isnan().all())


@settings(max_examples=100, deadline=None)
@given(right=st.floats(-60.0, 60.0, width=16), down=st.floats(-60.0, 60.0, width=16))
def test_a_code_is_within_half_a_step_of_the_speed_or_the_largest(
    right: float, down: float
) -> None:
    speed_px = np.hypot(right, down)
    (code,) = speed_codes(np.array([[[[right, down]]]], np.float16)).ravel()
    if speed_px * SPEED_STEPS < 255.0:
        assert abs(code / SPEED_STEPS - speed_px) <= 0.5 / SPEED_STEPS + 1e-4
    else:
        assert code == 255
