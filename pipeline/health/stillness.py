"""Stillness: for how long every part of the picture has not changed by a single grey level."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BLOCKS", "Still", "StillnessMeter"]

BLOCKS = (4, 6)
"""Rows and columns of parts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Still:
    """How a picture compares with the one looked at before it."""

    changed: float
    """Share of the pixels that changed at all; 1 for the first picture."""
    change_B: NDArray[np.float32]
    """Mean change of every part, grey levels."""
    still_seconds_B: NDArray[np.float32]
    """For how long every part has been the same."""


class StillnessMeter:
    """Compares pictures, HW, in order of time."""

    def __init__(self) -> None:
        self._before_HW: NDArray[np.uint8] | None = None
        self._before_us = 0
        self._still_B = np.zeros(BLOCKS[0] * BLOCKS[1], np.float32)

    def add(self, pts_us: int, grey_HW: NDArray[np.uint8]) -> Still:
        """Take in the next picture."""
        before_HW, step_us = self._before_HW, pts_us - self._before_us
        self._before_HW, self._before_us = grey_HW, pts_us
        if before_HW is None or before_HW.shape != grey_HW.shape:
            return Still(
                changed=1.0,
                change_B=np.ones_like(self._still_B),
                still_seconds_B=self._still_B.copy(),
            )
        difference_HW = np.abs(grey_HW.astype(np.int16) - before_HW)
        height, width = grey_HW.shape
        rows = [height * row // BLOCKS[0] for row in range(BLOCKS[0])]
        columns = [width * column // BLOCKS[1] for column in range(BLOCKS[1])]
        sums = np.add.reduceat(
            np.add.reduceat(difference_HW, rows, axis=0, dtype=np.int64), columns, axis=1
        ).ravel()
        self._still_B = np.where(sums > 0, 0.0, self._still_B + step_us / 1e6).astype(np.float32)
        return Still(
            changed=float((difference_HW > 0).mean()),
            change_B=(sums * (len(sums) / difference_HW.size)).astype(np.float32),
            still_seconds_B=self._still_B.copy(),
        )
