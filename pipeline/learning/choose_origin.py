"""Choosing the camera whose networks a new camera's training begins with.

Nearest is the camera whose critic finds the new camera's footage most like its own: the Frechet
distance between what it saw there and what it sees here, in the coordinates of its feature bank,
each channel divided by its own spread. Shapes: N clips, grid of G x W cells, D components.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from pipeline.assembly import Site
from pipeline.camera import Camera, Polygon
from pipeline.clips.reader import ClipReader, Stretch
from pipeline.distillation.stored_models import load_model
from pipeline.drift.samples import cut_samples, fitting_seconds, thinned
from pipeline.errors import CameraError, ModelError
from pipeline.learning.camera_model import CameraModel, Sight
from pipeline.learning.learn import first_reader
from pipeline.learning.origin import Origin, check_fit, origin_of
from pipeline.learning.presets import Preset, preset_from_dict
from pipeline.learning.registry import ModelRecord, no_active_model
from pipeline.learning.tiles_to_learn import tile_source
from pipeline.scoring.feature_bank import DEPTHS, cell_features
from pipeline.scoring.scorer import BATCH_CLIPS
from pipeline.synthesis.shelf import learnt_behind
from tgan_core.evaluation.frechet_distance import frechet_distance, moments_of

__all__ = ["NEAREST", "choose_origin", "critic_distance"]

NEAREST = "nearest"

_SAMPLES, _SAMPLE_SECONDS = 10, 6.0
"""Pieces of the new camera's footage that critics look at: a minute of it, evenly spread."""

Progress = Callable[[str], None]


def choose_origin(
    site: Site,
    camera: Camera,
    wanted: str,
    stretches: Sequence[Stretch],
    preset: Preset,
    progress: Progress = lambda line: None,
) -> Origin:
    """Return the networks of the active model of camera `wanted`, or of the nearest camera that has
    one which fits the preset; `progress` is told which it is and why.

    A student has no networks to begin with: then it is those of its teacher. Raises CameraError
    when `wanted` is the camera itself, ModelError when it has no model or no model fits.
    """
    if wanted == camera.name:
        raise CameraError(
            f"camera {camera.name} cannot start from itself; to learn it again: kizashi retrain "
            f"{camera.name}"
        )
    if wanted != NEAREST:
        origin = origin_of(_loaded(site, _record(site, wanted)), wanted)
        origin.check_fit(preset)
        progress(f"starts from the networks of {wanted}, model {origin.digest[:12]}")
        return origin
    found = list(_offered(site, camera, preset, progress))
    if not found:
        raise ModelError(
            f"no other camera has an active model of preset {preset.name} to start from; train "
            f"{camera.name} without --from"
        )
    nearest = found[0]
    if len(found) == 1:
        why = "the only other camera with a model that fits"
    else:
        ranked = _ranked(site, found, stretches, preset, camera.privacy_masks)
        nearest = ranked[0][1]
        said = ", ".join(f"{record.camera} {distance:.1f}" for distance, record in ranked[:5])
        why = f"distance of what its critic sees here from what it knows: {said}"
    progress(f"starts from the networks of {nearest.camera}, the nearest ({why})")
    return origin_of(_loaded(site, nearest), nearest.camera)


def _ranked(
    site: Site,
    found: Sequence[ModelRecord],
    stretches: Sequence[Stretch],
    preset: Preset,
    masks: tuple[Polygon, ...],
) -> list[tuple[float, ModelRecord]]:
    """Return the models with their distances, the nearest first; one at a time is in memory."""
    length = fitting_seconds(stretches, _SAMPLE_SECONDS)
    parts = thinned(list(cut_samples(stretches, length)), _SAMPLES)
    reader = first_reader(parts, preset, masks)
    source, _ = tile_source(parts, reader, preset, 0, None)
    reader = replace(reader, full_speed_px=source.full_speed_px)
    measured = [(critic_distance(_loaded(site, one), parts, reader), one) for one in found]
    return sorted(measured, key=lambda one: (one[0], one[1].camera))


def critic_distance(model: CameraModel, parts: Sequence[Stretch], reader: ClipReader) -> float:
    """Return how far what the critic of a model sees in footage of any camera lies from what it saw
    in its own, >= 0, without a unit; `reader` reads that camera's clips."""
    sight = Sight(
        preset=model.preset,
        view=replace(reader.view, masks=()),
        background_HW=reader.background_HW,
        full_speed_px=reader.full_speed_px,
        networks=model.sight.networks,
    )
    bank = model.sight.feature_bank[0]
    seen = []
    for part in parts:
        for _, windows in reader.batches(part, stride=reader.frames, size=BATCH_CLIPS):
            batch = sight.batch(reader, windows)
            features_NCGW = cell_features(batch.critic_features[DEPTHS[0]], batch.grid.cells)
            seen.append(bank.project(features_NCGW).flatten(0, 2).cpu())
    known_ND = bank.bank_GWMD.flatten(0, 2).cpu()
    return frechet_distance(moments_of(torch.cat(seen)), moments_of(known_ND))


def _offered(
    site: Site, camera: Camera, preset: Preset, progress: Progress
) -> Iterator[ModelRecord]:
    """Yield the models that other cameras offer; of a camera whose model does not do it is said
    why."""
    for other in site.store.cameras():
        if other.name == camera.name or site.store.active_model(other.name) is None:
            continue
        try:
            record = _record(site, other.name)
            own = preset_from_dict(record.manifest["preset"])
            check_fit(own, preset, f"model {record.model_id[:12]} of camera {other.name}")
        except (ModelError, KeyError, TypeError) as error:
            progress(f"not {other.name}: {error}")
            continue
        yield record


def _record(site: Site, camera_name: str) -> ModelRecord:
    """Return the model of a camera that has its networks: the active one, or its teacher."""
    camera = site.store.camera(camera_name)
    record = site.store.active_model(camera_name)
    if record is None:
        raise no_active_model(camera_name)
    teacher = record.manifest.get("teacher")
    if teacher is not None:
        models = {model.model_id: model for model in site.store.models(camera_name)}
        if teacher not in models:
            raise ModelError(
                f"model {record.model_id[:12]} of camera {camera_name} is a student, and its "
                f"teacher is gone; run: kizashi train {camera_name}"
            )
        record = models[teacher]
    record.place(site.folder)  # of one whose files are gone is said so before others are ranked
    if not learnt_behind(record, camera.privacy_masks):
        raise ModelError(
            f"model {record.model_id[:12]} of camera {camera_name} learnt before its privacy masks "
            f"were changed, and may draw what they hide; run: kizashi train {camera_name}"
        )
    return record


def _loaded(site: Site, record: ModelRecord) -> CameraModel:
    model = load_model(record.place(site.folder), record.digest, device=site.settings.device)
    if not isinstance(model, CameraModel):
        raise ModelError(
            f"model {record.model_id[:12]} of camera {record.camera} has no networks to start "
            f"from; run: kizashi train {record.camera}"
        )
    return model
