"""Term: one number that an expert gives at each place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RATIO_SCALE", "Term"]

RATIO_SCALE = 1.0 / 12.0
"""Least tail scale of terms that say nothing else: the 12th power."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """How a term's values are to be read."""

    two_sided: bool = False
    """Whether unusually small values are strange too."""
    pooled: bool = False
    """Whether one usual range holds for all places: of values that mean the same everywhere, such
    as a ratio, where a place that nobody has come to yet is no better judge than the others. What
    lies within the range is then no surprise at all."""
    perspective: bool = False
    """Whether one usual range holds for all places but for how near they are: of values that belong
    to what moves there and not to the place."""
    least_range: float = 0.0
    """The usual range is at least this, in the term's own unit: below, nothing has happened."""
    new_places: bool = True
    """Whether what happens where nothing happened while learning looks strange to it: then short
    footage, which has not shown every place in use, says little of its tail."""
    rare_is_foreign: bool = False
    """Whether what lies far beyond the range once in all the footage is no normal operation: what
    has a unit of its own can be told from the rest without labels."""
    tail_scale: float = RATIO_SCALE
    """Least scale of the tail of its logarithm: its chance falls with at most the (1 / scale)-th
    power of the ratio to the threshold. Smaller powers are seen as they are; larger scale where the
    few moments that make the tail of one footage say little of the next."""
    least_surprise: float = 0.0
    """Surprise (-log10 p) below which it is not heard when terms are joined: 2 = a witness that
    speaks only of what one clip in a hundred shows, and whose everyday noise does not count."""
    weight: float = 1.0
    """How much its surprise counts beside that of the others, in (0, 1]."""

    weight_on_map: float = 1.0
    """The same once more where it is asked where something is: less for what sees far around each
    place, and so tells well whether and badly where."""

    def heard(self, surprise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what of its surprise is joined with that of others: nothing up to
        `least_surprise`, all of it from twice that, and more and more in between."""
        beyond = 2.0 * np.maximum(surprise - self.least_surprise, 0.0)
        return np.minimum(surprise, beyond) if self.least_surprise else surprise
