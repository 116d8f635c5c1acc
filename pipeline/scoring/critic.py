"""Expert `critic`: how real the Wasserstein critic finds each place (Saito et al. 2017).

Two-sided: a critic that was trained to tell real from generated answers what it never saw with a
value that is off its usual one for the place, in either direction.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.scoring.clip_batch import ClipBatch

__all__ = ["NAME", "TERMS", "term_maps"]

NAME = "critic"
TERMS = {"critic": True}
"""Term -> whether unusually small values are strange too."""


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW."""
    return {"critic": batch.critic_map_NGW}
