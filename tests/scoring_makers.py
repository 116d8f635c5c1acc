"""Small networks and batches of clips for the tests of scoring."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.clips.reader import WindowBatch
from pipeline.clips.tiles import TileGrid
from pipeline.scoring.clip_batch import ClipBatch, LatentStatistics, Networks
from tests.core_recipes import logistic_recipe, random_clips
from tgan_core.encoder import Encoder
from tgan_core.training import new_training_state

__all__ = ["GRID", "clip_batch", "small_networks"]

GRID = TileGrid(height_px=64, width_px=96, tile_px=32, stride_px=24)


def small_networks(seed: int = 0) -> Networks:
    """Return networks of a few channels with the weights of their first step."""
    recipe = logistic_recipe()
    state = new_training_state(recipe, seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        encoder = Encoder(recipe.geometry)
    return Networks(
        generator=state.generator, critic=state.critic, encoder=encoder, bf16=False
    ).freeze()


def clip_batch(
    networks: Networks,
    *,
    clips: int = 2,
    grid: TileGrid = GRID,
    looked_at: int | None = None,
    flow_NTHW2: NDArray[np.float16] | None = None,
    pictures: NDArray[np.uint8] | None = None,
    partly_hidden: bool = False,
) -> ClipBatch:
    """Return clips of noise with the latent statistics of a standard normal at every tile; flow and
    pictures are still and black unless they are given."""
    size = (clips, 8, grid.height_px, grid.width_px)
    tiles = (len(grid.corners), networks.encoder.geometry.latent)
    return ClipBatch(
        _noise(clips, grid),
        WindowBatch(
            pictures=np.zeros(size, np.uint8) if pictures is None else pictures,
            flow_NTHW2=np.zeros((*size, 2), np.float16) if flow_NTHW2 is None else flow_NTHW2,
        ),
        grid,
        networks,
        LatentStatistics(mean_KZ=torch.zeros(tiles), spread_KZ=torch.ones(tiles)),
        (),
        None,
        looked_at=looked_at,
        partly_hidden=partly_hidden,
    )


def _noise(clips: int, grid: TileGrid) -> Tensor:
    geometry = logistic_recipe().geometry
    tall, wide = -(-grid.height_px // geometry.tile_px), -(-grid.width_px // geometry.tile_px)
    pieces = random_clips(geometry, clips * tall * wide).unflatten(0, (clips, tall, wide))
    whole = pieces.permute(0, 3, 4, 1, 5, 2, 6).flatten(5, 6).flatten(3, 4)
    return whole[..., : grid.height_px, : grid.width_px].contiguous()
