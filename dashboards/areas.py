"""Masks and zones as the settings of a camera show them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from dashboards.stills import has_still
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.zones.areas import areas_of
from pipeline.zones.learnt import has_learnt_masks

__all__ = ["AreaFacts", "area_facts"]


@dataclass(frozen=True, kw_only=True, slots=True)
class AreaFacts:
    """What a page shows of what is drawn on the picture of a camera."""

    as_json: str
    """Masks, zones and closed hours."""
    seen: str
    """Digest of them: whoever changes them says which ones were seen."""
    unlearnt: bool
    """The active model has learnt behind other masks: places at them are not scored."""
    has_picture: bool
    records: bool
    """Kizashi itself writes the footage of the camera, masked before it is on the disk."""


def area_facts(site: Site, camera: Camera) -> AreaFacts:
    """Return what the settings of a camera show of its masks and zones."""
    areas = areas_of(camera)
    model = site.store.active_model(camera.name)
    return AreaFacts(
        as_json=json.dumps(areas.to_dict(), ensure_ascii=False),
        seen=areas.digest,
        unlearnt=model is not None and not has_learnt_masks(model, camera),
        has_picture=has_still(site, camera),
        records=camera.name in {table.camera for table in site.settings.record},
    )
