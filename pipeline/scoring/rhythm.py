"""Expert `rhythm`: how far the last seconds at each place are from any seconds of normal operation.

Nearest neighbours among the histories of each place. It sees what no clip shows: a part that did
not come, an arm that halts in the middle of its cycle, a belt whose load looks like none before. In
a scene without a rhythm, a street, it says nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.history import HISTORY_KINDS
from pipeline.scoring.clip_batch import ClipBatch
from pipeline.scoring.term import Term

__all__ = ["NAME", "TERMS", "term_maps"]

NAME = "rhythm"
TERMS = {kind: Term(new_places=False) for kind in HISTORY_KINDS}


def term_maps(batch: ClipBatch) -> dict[str, NDArray[np.float32]]:
    """Return each term's value on the score grid, NGW, in grey levels; NaN where a place has no
    rhythm or its history is not known."""
    if batch.rhythm_bank is None or batch.windows.history_NSGW2 is None:
        unknown = np.full((len(batch), *batch.grid.cells), np.nan, np.float32)
        return dict.fromkeys(TERMS, unknown)
    distances_KNGW = batch.rhythm_bank.distances(batch.windows.history_NSGW2, batch.windows.moments)
    return dict(zip(HISTORY_KINDS, distances_KNGW, strict=True))
