"""The generalised Pareto distribution of what exceeds a threshold, and its inverse.

Its shape bends an exponential: 0 is one, positive is heavier, negative ends somewhere. Imports
nothing heavy: whoever joins events needs it.
"""

from __future__ import annotations

import math

__all__ = ["excess_as_rare", "rarity_of"]

_EXPONENTIAL = 1e-9
"""Shapes nearer to 0 than this are computed as 0."""


def excess_as_rare(rarity: float, shape: float, scale: float = 1.0) -> float:
    """Return the excess that is exceeded e ** `rarity` times as seldom as the threshold."""
    if abs(shape) < _EXPONENTIAL:
        return scale * rarity
    return scale * math.expm1(shape * rarity) / shape


def rarity_of(excess: float, shape: float) -> float:
    """Return the `rarity` whose excess this is, in scales; inf beyond the end of a distribution
    that has one."""
    if abs(shape) < _EXPONENTIAL:
        return excess
    inside = 1.0 + shape * excess
    return math.log(inside) / shape if inside > 0.0 else math.inf
