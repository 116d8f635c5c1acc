"""Pseudo-anomalies: normal footage changed so that it is not normal any more.

The critic learns to tell them from normal footage, beside what the generator draws (skipped frames:
Astrid et al. 2021, STEAL Net; a second negative for the discriminator: Zaheer et al. 2020, OGNet).
They need no label and no fault: `fast` is the same footage at a half and a third of its frame
rate, `pasted` has a piece of another place on it, `frozen` stands still, `reversed` runs backwards.
What normal footage does too (people who stand, or walk both ways) the critic cannot tell apart, and
learns nothing wrong from.

Shapes: K tiles of T frames and S x S pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.learning.reservoir import TileBatch, TileReservoir

__all__ = ["FAST_FACTORS", "PseudoAnomalies"]

FAST_FACTORS = (2, 3)
"""How much faster than normal the footage of `fast` runs."""

_KINDS = ("fast", "pasted", "frozen", "reversed")
_SHARES = (0.45, 0.3, 0.125, 0.125)
_LEAST_PIECE = 0.3
"""Side of a pasted piece, as a share of the tile, at least."""
_LARGEST_PIECE = 0.75


@dataclass(frozen=True, kw_only=True, slots=True)
class PseudoAnomalies:
    """Draws tiles that are not normal."""

    normal: TileReservoir
    fast: TileReservoir
    """Tiles of the footage at a lower frame rate."""

    def batch(
        self, size: int, background_HW: NDArray[np.uint8], chance: np.random.Generator
    ) -> TileBatch:
        """Return `size` tiles of all kinds, drawn by `chance`."""
        tiles = self.normal.batch(size, background_HW, chance)
        others = self.normal.batch(size, background_HW, chance)
        fast = self.fast.batch(size, background_HW, chance)
        for index, kind in enumerate(chance.choice(_KINDS, size=size, p=_SHARES)):
            if kind == "fast":
                for name in ("pictures", "speeds", "backgrounds"):
                    getattr(tiles, name)[index] = getattr(fast, name)[index]
            elif kind == "pasted":
                _paste(tiles, others, index, chance)
            elif kind == "frozen":
                moment = chance.integers(len(tiles.pictures[index]))
                tiles.pictures[index] = tiles.pictures[index, moment].copy()
                tiles.speeds[index] = 0
            else:
                tiles.pictures[index] = tiles.pictures[index, ::-1].copy()
                tiles.speeds[index] = tiles.speeds[index, ::-1].copy()
        return tiles


def _paste(tiles: TileBatch, others: TileBatch, index: int, chance: np.random.Generator) -> None:
    """Put a rectangle of one tile on another: how it differs from its own background, and how it
    moves."""
    size = tiles.speeds.shape[-1]
    sides = chance.integers(int(_LEAST_PIECE * size), int(_LARGEST_PIECE * size), size=2)
    (top, left), (from_top, from_left) = (chance.integers(0, size - sides) for _ in range(2))
    here = (slice(top, top + sides[0]), slice(left, left + sides[1]))
    there = (slice(from_top, from_top + sides[0]), slice(from_left, from_left + sides[1]))
    grey = tiles.pictures.ndim == 4
    if grey:
        differs = others.pictures[index][:, *there].astype(np.int16) - others.backgrounds[index][
            there
        ].astype(np.int16)
        pasted = np.clip(tiles.backgrounds[index][here].astype(np.int16) + differs, 0, 255)
        tiles.pictures[index][:, *here] = pasted.astype(np.uint8)
    else:
        tiles.pictures[index][:, *here] = others.pictures[index][:, *there]
    tiles.speeds[index][:, *here] = others.speeds[index][:, *there]
