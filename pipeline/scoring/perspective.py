"""Perspective: how much larger the same movement looks at one place of a picture than at another.

Near the camera everything is faster than far away. Whoever walks where nobody has walked yet is as
fast as the people around him, once that is taken out; a place that judged by itself could only say
that he is new. Shapes: N clips, grid of G x W cells.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["usual_size"]

_FEWEST_VISITS = 5
"""Clips in which something happened at a place, for the place to take part."""
_FEWEST_PLACES = 12
"""Fewer say nothing of a slope."""
_GOES_ON = math.log(2.0)
"""How far beyond what was seen a slope is believed, as a logarithm."""


def usual_size(values_NGW: NDArray[np.float32], least: float) -> NDArray[np.float64]:
    """Return how large values usually are at each cell, GW > 0, where there are any.

    It is a plane through the logarithms of the cells' medians, by least squares, each cell as heavy
    as it was visited.

    Values up to `least` are nothing. The plane goes on to at most twice its largest and half its
    smallest value among the places that were visited; without enough of those it is level.
    """
    happened_NGW = values_NGW > least
    visits_GW = happened_NGW.sum(axis=0)
    places_GW = visits_GW >= _FEWEST_VISITS
    if not places_GW.any():
        return np.full(visits_GW.shape, least)
    median_P = np.array(
        [
            np.median(cell_N[happened_N])
            for cell_N, happened_N in zip(
                values_NGW[:, places_GW].T, happened_NGW[:, places_GW].T, strict=True
            )
        ],
        dtype=np.float64,
    )
    weight_P = np.sqrt(visits_GW[places_GW])
    grid_3GW = np.stack([np.ones(visits_GW.shape), *np.indices(visits_GW.shape)])
    design_P3 = grid_3GW[:, places_GW].T
    if len(median_P) < _FEWEST_PLACES:
        design_P3 = design_P3 * (1.0, 0.0, 0.0)
    plane_3 = np.linalg.lstsq(
        design_P3 * weight_P[:, None], np.log(median_P) * weight_P, rcond=None
    )[0]
    seen_P = design_P3 @ plane_3
    plane_GW = np.tensordot(plane_3, grid_3GW, axes=1)
    lowest, highest = seen_P.min() - _GOES_ON, seen_P.max() + _GOES_ON
    return np.asarray(np.exp(np.clip(plane_GW, lowest, highest)), dtype=np.float64)
