"""Term: one number that an expert gives at each place."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Term"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """How a term's values are to be read."""

    two_sided: bool = False
    """Whether unusually small values are strange too."""
    weight: float = 1.0
    """How much its surprise counts beside that of the others, in (0, 1]."""
