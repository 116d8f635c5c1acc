"""Expert `reconstruction`: what the generator cannot draw from the encoder's latent (f-AnoGAN).

Three terms: pixel residual |x - G(E(x))|; critic-feature residual |f(x) - f(G(E(x)))| (Schlegl et
al. 2019, izi_f); distance of the latent from the place's usual latents, which also notices what is
reconstructed well but does not belong there (a stopped belt, a person in a closed zone).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.scoring.clip_batch import ClipBatch, to_cells

__all__ = ["NAME", "TERMS", "term_maps"]

NAME = "reconstruction"
TERMS = {"pixel": False, "feature": False, "latent": False}


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW."""
    return {
        "pixel": _pixel_residual(batch),
        "feature": _feature_residual(batch),
        "latent": _latent_distance(batch),
    }


def _pixel_residual(batch: ClipBatch) -> NDArray[np.float32]:
    residual = (batch.planes_NPTHW - batch.reconstruction_NPTHW).abs()
    # The later half of the clip: what is new has just come in, and the score is for "now".
    later = residual[:, :, residual.shape[2] // 2 :]
    return to_cells(later.flatten(1, 2), batch.grid)


def _feature_residual(batch: ClipBatch) -> NDArray[np.float32]:
    seen, drawn = batch.critic_features[-1], batch.reconstruction_features[-1]
    residual = (seen.float() - drawn.float()).abs()
    return to_cells(residual.flatten(1, 2), batch.grid)


def _latent_distance(batch: ClipBatch) -> NDArray[np.float32]:
    statistics = batch.latent_statistics
    latent_NKZ = batch.latent_NKZ
    if statistics is None:
        raise ValueError("latent statistics are learnt before the latent term is used")
    standard = (latent_NKZ - statistics.mean_KZ) / statistics.spread_KZ
    distance_NK = standard.square().mean(dim=2).sqrt()
    rows, columns = len(batch.grid.tops), len(batch.grid.lefts)
    on_grid = distance_NK.reshape(-1, 1, rows, columns)
    return to_cells(_spread_over_tiles(on_grid, batch), batch.grid)


def _spread_over_tiles(values_N1RC: torch.Tensor, batch: ClipBatch) -> torch.Tensor:
    """Return the values painted over their tiles, averaged where tiles overlap, N1HW."""
    grid = batch.grid
    total = values_N1RC.new_zeros(len(values_N1RC), 1, grid.height_px, grid.width_px)
    count = values_N1RC.new_zeros(grid.height_px, grid.width_px)
    for row, top in enumerate(grid.tops):
        for column, left in enumerate(grid.lefts):
            area = (slice(top, top + grid.tile_px), slice(left, left + grid.tile_px))
            total[:, :, area[0], area[1]] += values_N1RC[:, :, row, column, None, None]
            count[area] += 1
    return total / count
