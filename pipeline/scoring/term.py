"""Term: one number that an expert gives at each place."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Term"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """How a term's values are to be read."""

    two_sided: bool = False
    """Whether unusually small values are strange too."""
    pooled: bool = False
    """Whether one usual range holds for all places: of values that mean the same everywhere, such
    as a ratio, where a place that nobody has come to yet is no better judge than the others."""
    new_places: bool = True
    """Whether what happens where nothing happened while learning looks strange to it: then short
    footage, which has not shown every place in use, says little of its tail."""
    least_surprise: float = 0.0
    """Surprise (-log10 p) that is taken off before it is joined with others: 2 = a witness that
    speaks only of what one clip in a hundred shows, and whose everyday noise is not heard."""
    weight: float = 1.0
    """How much its surprise counts beside that of the others, in (0, 1]."""
