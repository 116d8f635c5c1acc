"""Regions: which places of the score grid belong to which zone, and which are not scored at all.

Shapes: N clips, G x W cells of the score grid, H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.camera import Camera
from pipeline.clips.masks import covered_pixels
from pipeline.scoring.anomaly import REST
from pipeline.zones.polygon import Polygon, share_within
from pipeline.zones.zone import Zone

__all__ = ["EVERYWHERE", "MARGIN_CELLS", "Regions", "changed_pixels", "regions_of"]

Cells = NDArray[np.bool_]

MARGIN_CELLS = 3
"""Places this near to a mask that the model has not learnt are not scored either: the critic's last
layer looks at 4 x 4 cells, and what goes behind the mask is cut off there."""
_BELONGS = 0.5
"""A place belongs to a zone that covers at least this much of it."""


@dataclass(frozen=True, slots=True)
class Regions:
    """The parts of the picture of one camera, for one model."""

    zones: tuple[Zone, ...] = ()
    learnt_masks: tuple[Polygon, ...] = ()
    masks: tuple[Polygon, ...] = ()

    def scored(self, rows: int, columns: int) -> Cells | None:
        """Return scored_GW: False where the masks of now are not those that the model has learnt;
        None when all of the picture is scored."""
        if set(self.learnt_masks) == set(self.masks):
            return None
        return _scored(rows, columns, self.learnt_masks, self.masks)

    def parts(self, rows: int, columns: int) -> Mapping[str, Cells]:
        """Return cells_GW of every zone by its name, and of the rest of the picture; nothing for a
        camera without zones."""
        return _parts(rows, columns, self.zones) if self.zones else {}

    def scored_in(self, part: str, rows: int, columns: int) -> Cells | None:
        """Return scored_GW of one part of the picture, and of all of it where there is no such
        part; None when all of the picture is scored."""
        scored_GW, part_GW = self.scored(rows, columns), self.parts(rows, columns).get(part)
        if scored_GW is None or part_GW is None:
            return part_GW if scored_GW is None else scored_GW
        return scored_GW & part_GW


EVERYWHERE = Regions()
"""No zones; everything is scored."""


def regions_of(camera: Camera, learnt_masks: tuple[Polygon, ...]) -> Regions:
    """Return the parts of the picture of a camera for a model that learnt behind these masks."""
    return Regions(camera.zones, learnt_masks, camera.privacy_masks)


def changed_pixels(
    height_px: int, width_px: int, learnt: tuple[Polygon, ...], masks: tuple[Polygon, ...]
) -> NDArray[np.bool_]:
    """Return changed_HW: True where a pixel is masked now and was not while learning, or was and
    is not now."""
    one, other = (covered_pixels(height_px, width_px, polygons) for polygons in (learnt, masks))
    return np.asarray(one ^ other)


@lru_cache(maxsize=64)
def _scored(
    rows: int, columns: int, learnt: tuple[Polygon, ...], masks: tuple[Polygon, ...]
) -> Cells:
    fine = 8  # pixels a cell: a mask that touches a corner of a place touches the place
    changed = changed_pixels(rows * fine, columns * fine, learnt, masks)
    cells = changed.reshape(rows, fine, columns, fine).any(axis=(1, 3))
    wide = np.pad(cells, MARGIN_CELLS)
    near = np.zeros_like(cells)
    for down in range(2 * MARGIN_CELLS + 1):
        for right in range(2 * MARGIN_CELLS + 1):
            near |= wide[down : down + rows, right : right + columns]
    return ~near


@lru_cache(maxsize=64)
def _parts(rows: int, columns: int, zones: tuple[Zone, ...]) -> Mapping[str, Cells]:
    shares_ZGW = np.array([_shares(zone.corners, rows, columns) for zone in zones])
    strongest = shares_ZGW.argmax(axis=0)
    taken = shares_ZGW.max(axis=0) >= _BELONGS
    cells = {zone.name: taken & (strongest == at) for at, zone in enumerate(zones)}
    for at, zone in enumerate(zones):
        # A zone that is too thin for that has the places that it touches most.
        if not cells[zone.name].any():
            share = np.where(taken, 0.0, shares_ZGW[at])
            cells[zone.name] = (share > 0.0) & (share >= 0.5 * share.max())
            taken |= cells[zone.name]
    return {**cells, REST: ~taken}


def _shares(corners: Polygon, rows: int, columns: int) -> NDArray[np.float64]:
    return np.array(
        [
            [
                share_within(corners, x / columns, y / rows, (x + 1) / columns, (y + 1) / rows)
                for x in range(columns)
            ]
            for y in range(rows)
        ]
    )
