"""Which privacy masks a model has learnt behind, as its record says."""

from __future__ import annotations

from pipeline.camera import Camera
from pipeline.learning.registry import ModelRecord
from pipeline.synthesis.shelf import masks_digest
from pipeline.zones.polygon import Polygon

__all__ = ["has_learnt_masks", "learnt_masks"]


def learnt_masks(record: ModelRecord, camera: Camera) -> tuple[Polygon, ...]:
    """Return the privacy masks that a model has learnt behind.

    A model of an earlier version says only whether they are those of now; when they are not, it is
    taken to have had none, and what is masked now is not scored. One that says nothing is taken to
    have learnt behind those of now.
    """
    said = record.manifest.get("privacy_masks")
    if said is not None:
        return tuple(tuple((float(x), float(y)) for x, y in polygon) for polygon in said)
    digest = record.manifest.get("masks")
    return camera.privacy_masks if digest in (None, masks_digest(camera.privacy_masks)) else ()


def has_learnt_masks(record: ModelRecord, camera: Camera) -> bool:
    """Tell whether a model has learnt behind the masks that its camera has now; if not, places at
    them are not scored."""
    return set(learnt_masks(record, camera)) == set(camera.privacy_masks)
