"""Sight of a camera: how its active model looks at it through the privacy masks of now.

A model knows its camera behind the masks that it learnt with. When they change, what is masked now
or was masked then is behind a mask to it until it is trained again: it is shown its own background
there, and no place at or near it is scored.
"""

from __future__ import annotations

from pipeline.camera import Camera
from pipeline.clips.reader import ClipReader
from pipeline.learning.registry import ModelRecord
from pipeline.scoring.scorer import ScoringModel
from pipeline.zones.learnt import learnt_masks
from pipeline.zones.regions import Regions, changed_pixels, regions_of

__all__ = ["sight_of"]


def sight_of(
    model: ScoringModel, record: ModelRecord, camera: Camera
) -> tuple[ClipReader, Regions]:
    """Return what reads clips of a camera for its model, and the parts of the picture to score."""
    learnt, masks = learnt_masks(record, camera), camera.privacy_masks
    reader = model.reader(tuple(dict.fromkeys((*masks, *learnt)))).watching(model.health)
    regions = regions_of(camera, learnt)
    if set(learnt) == set(masks):
        return reader, regions
    view = reader.view
    unlearnt_HW = changed_pixels(view.height_px, view.width_px, learnt, masks)
    return reader.calming(unlearnt_HW), regions
