"""Expert `features`: how far each place looks from everything it has looked like in normal footage.

Features of the critic's last layer, reduced by principal components; the distance to the nearest of
the bank's windows at the place (nearest neighbour density, as in PatchCore, with features that were
learnt here).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.feature_bank import DEPTHS, cell_features
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "term_maps"]

NAME = "features"
TERMS = {"movement": Term(least_surprise=2.0, weight=0.5)}


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW."""
    if not batch.feature_bank:
        raise ValueError("the feature bank is filled before the features expert is used")
    (bank,) = batch.feature_bank
    features = cell_features(batch.critic_features[DEPTHS[0]], batch.grid.cells)
    return {"movement": bank.distance(features).cpu().numpy().astype(np.float32)}
