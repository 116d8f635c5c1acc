"""Expert `critic`: how real the critic finds each place (Saito et al. 2017).

What the critic has learnt to tell from normal footage gets a low score: what the generator draws
wrongly and, in the presets that use them, pseudo-anomalies.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "term_maps"]

NAME = "critic"
TERMS = {"unreal": Term(weight_on_map=0.25)}
"""The critic's last layer spans 4 x 4 cells, and each of those has seen as many again: around a
cart half the street is unreal."""


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW."""
    return {"unreal": -batch.critic_map_NGW}
