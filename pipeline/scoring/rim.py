"""Rim of the picture: where things come into view.

What comes in was nowhere a moment before: that everything seen was there before does not hold at
the rim, however normal all of it is.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["inside_GW", "inside_HW"]

_COLUMNS_A_RIM = 12
"""Columns of the grid for each of the rim's: a twelfth of the width, some twice the way of
something fast in one frame. Where people come into a hall, what was not there before makes 188 grey
levels at the rim and 54 within."""
_LARGEST_SHARE = 4
"""The rim takes at most this part of a side, on each side."""


@lru_cache(maxsize=8)
def inside_GW(cells: tuple[int, int]) -> NDArray[np.bool_]:
    """Return which cells of a grid of so many rows and columns do not belong to the rim."""
    wide = max(1, round(cells[1] / _COLUMNS_A_RIM))
    inside = np.zeros(cells, np.bool_)
    down, right = (min(wide, side // _LARGEST_SHARE) for side in cells)
    inside[down : cells[0] - down, right : cells[1] - right] = True
    inside.setflags(write=False)
    return inside


@lru_cache(maxsize=8)
def inside_HW(cells: tuple[int, int], cell_px: int) -> NDArray[np.bool_]:
    """Return the same for every pixel of a picture whose cells have `cell_px` pixels a side."""
    inside = np.kron(inside_GW(cells), np.ones((cell_px, cell_px), np.bool_))
    inside.setflags(write=False)
    return inside
