"""Expert `reconstruction`: what the generator cannot draw from the encoder's latent (f-AnoGAN).

Three terms: pixel residual |x - G(E(x))|; critic-feature residual |f(x) - f(G(E(x)))| (Schlegl et
al. 2019, izi_f); distance of the latent from the place's usual latents, which also notices what is
reconstructed well but does not belong there (a stopped belt, a person in a closed zone).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.clip_batch import ClipBatch, to_cells
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "term_maps"]

NAME = "reconstruction"
TERMS = {
    "pixel": Term(weight=0.25),
    "feature": Term(),
    "latent": Term(least_surprise=2.0, weight=0.25),
}
"""What nobody has seen draws odd latents, but so does a passer-by in odd clothes: alone, the latent
reaches AUC .66 on Ped2, the residuals .97 and .98. It counts when it is far off. The pixel residual
says what the feature residual says better."""


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW; NaN where the generator did not look."""
    return {
        "pixel": _pixel_residual(batch),
        "feature": _feature_residual(batch),
        "latent": _latent_distance(batch),
    }


def _pixel_residual(batch: ClipBatch) -> NDArray[np.float32]:
    # Of the last plane, which is speed in the working presets. That of the background difference
    # says little: a light coat is as hard to draw as a cart (AUC .65 on Ped2 against .97).
    residual = (batch.planes_NPTHW[:, -1:] - batch.reconstruction_NPTHW[:, -1:]).abs()
    # The later half of the clip: what is new has just come in, and the score is for "now".
    later = residual[:, :, residual.shape[2] // 2 :]
    return _where_looked(to_cells(later.flatten(1, 2), batch.grid), batch)


def _feature_residual(batch: ClipBatch) -> NDArray[np.float32]:
    seen, drawn = batch.critic_features[-1], batch.reconstruction_features[-1]
    residual = (seen.float() - drawn.float()).abs()
    return _where_looked(to_cells(residual.flatten(1, 2), batch.grid), batch)


def _latent_distance(batch: ClipBatch) -> NDArray[np.float32]:
    statistics = batch.latent_statistics
    latent_NKZ = batch.latent_NKZ
    if statistics is None:
        raise ValueError("latent statistics are learnt before the latent term is used")
    chosen = batch.tiles_NK.to(statistics.mean_KZ.device)
    standard = (latent_NKZ - statistics.mean_KZ[chosen]) / statistics.spread_KZ[chosen]
    return batch.over_tiles(standard.square().mean(dim=2).sqrt())


def _where_looked(map_NGW: NDArray[np.float32], batch: ClipBatch) -> NDArray[np.float32]:
    return np.where(batch.unseen_NGW, np.float32(np.nan), map_NGW)
