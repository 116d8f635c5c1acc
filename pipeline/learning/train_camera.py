"""Train a model for one camera of a site, register it and make it the active one."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.assembly import Site
from pipeline.camera import Camera, check_camera
from pipeline.clips.reader import Stretch
from pipeline.distillation.stored_models import AnyModel, load_model
from pipeline.errors import FootageError
from pipeline.files import inside
from pipeline.footage.admission import Reason, check_stays_inside
from pipeline.footage.names import footage_path
from pipeline.identity import content_id
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.choose_origin import choose_origin
from pipeline.learning.learn import learn, length_seconds, split_held_out, training_job
from pipeline.learning.origin import ADAPTATION_EFFORT, Origin
from pipeline.learning.presets import Preset, preset_named
from pipeline.learning.registration import made_before, register
from pipeline.learning.registry import ModelRecord, ModelState, no_active_model
from pipeline.learning.spans import within
from pipeline.learning.spread import spread_evenly
from pipeline.store.contract import Store
from pipeline.store.leases import lease_kept
from pipeline.synthesis.samples import make_samples
from pipeline.synthesis.shelf import masks_digest, stored_samples

__all__ = ["load_active_model", "stretches_of", "train_camera", "train_on"]

_HOUR_SECONDS = 3600.0


def train_camera(
    site: Site,
    camera_name: str,
    *,
    preset: str | None = None,
    seed: int | None = None,
    effort: float | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    start_from: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> ModelRecord:
    """Learn what is normal from the footage of a camera in [since, until), all of it taken as
    normal.

    `start_from`: a camera whose networks these begin with, or "nearest" (see choose_origin).
    `effort` multiplies the preset's training steps; None is all of them, or ADAPTATION_EFFORT of
    them when the networks begin with others. The new model becomes the active one; the one
    before stays, retired. Killed in the middle, the same call goes on from its last checkpoint.
    Called again with nothing changed, it gives the model that there is, and adds nothing.
    """
    camera = check_camera(site.store.camera(camera_name))
    there = stretches_of(site, camera_name, since=since, until=until, progress=progress)
    stretches = within(there, since, until)
    if not stretches:
        raise FootageError(
            f"camera {camera_name}: less than two seconds of footage in the time that was given; "
            "give a longer one",
            reason=Reason.TOO_SHORT,
        )
    whole = preset_named(preset or site.settings.preset)
    origin = None
    if start_from is not None:
        origin = choose_origin(site, camera, start_from, stretches, whole, progress)
    usual = 1.0 if origin is None else ADAPTATION_EFFORT
    chosen = whole.with_effort(usual if effort is None else effort)
    record = train_on(
        site,
        camera,
        stretches,
        chosen,
        seed=seed,
        activate=True,
        origin=origin,
        progress=progress,
    )
    progress(f"model {record.model_id[:12]} of camera {camera_name} is active")
    return record


def train_on(
    site: Site,
    camera: Camera,
    stretches: Sequence[Stretch],
    preset: Preset,
    *,
    seed: int | None = None,
    activate: bool,
    notes: Mapping[str, Any] | None = None,
    origin: Origin | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> ModelRecord:
    """Learn from these stretches and register the model, as the active one or as a candidate.

    Of more than the setting `learn_hours` a part is learnt, spread evenly over all of it. `seed`
    None takes that of the settings; `notes` go into its manifest; `origin` is what its networks
    begin with. Doing it again with nothing changed gives the model that there is.
    """
    stretches = _as_much_as_is_learnt(site, stretches, progress)
    chosen_seed = site.settings.seed if seed is None else seed
    name = training_job(stretches, preset, chosen_seed, camera.privacy_masks, origin=origin)
    job = content_id("training", name, repr(camera.budget_per_day))
    masks = masks_digest(camera.privacy_masks)
    workspace = site.models_folder / camera.name / "training"
    seconds = site.settings.lease_seconds
    with lease_kept(site.store, f"train/{camera.name}", seconds) as lease:
        record = made_before(site, camera.name, job)
        if record is None:
            model = learn(
                stretches,
                preset=preset,
                seed=chosen_seed,
                budget_per_day=camera.budget_per_day,
                masks=camera.privacy_masks,
                device=site.settings.device,
                workspace=workspace,
                progress=progress,
                origin=origin,
            )
            # Files are no rows: who comes too late must not touch those of the one who took over.
            site.store.renew_lease(lease, seconds)
            figures = {key: value for key, value in model.figures.items() if key != "metrics"}
            record = register(
                site,
                camera.name,
                model,
                workspace / "model",
                preset=model.preset.name,
                manifest={
                    "preset": model.preset.to_dict(),
                    **figures,
                    **(notes or {}),
                    "job": job,
                    "masks": masks,
                    "privacy_masks": [[list(xy) for xy in one] for one in camera.privacy_masks],
                },
                metrics=model.figures["metrics"],
            )
        else:
            progress(f"model {record.model_id[:12]} was learnt from the same footage already")
        _with_samples(site, record, camera, stretches, progress)
        if activate:
            record = _activate(site, record)
        # Only now: until the model is registered, the checkpoints are what a restart goes on from.
        shutil.rmtree(workspace, ignore_errors=True)
    return record


def _as_much_as_is_learnt(
    site: Site, stretches: Sequence[Stretch], progress: Callable[[str], None]
) -> Sequence[Stretch]:
    """Return these stretches, or the part of them that the settings let a model learn from."""
    hours = site.settings.learn_hours
    chosen = spread_evenly(stretches, hours * _HOUR_SECONDS)
    there, left = (length_seconds(part) / _HOUR_SECONDS for part in (stretches, chosen))
    if left < there:
        progress(
            f"{left:.1f} of {there:.1f} hours of footage are learnt, spread evenly over all of it "
            f"(setting learn_hours: {hours:g})"
        )
    return chosen


def _with_samples(
    site: Site,
    record: ModelRecord,
    camera: Camera,
    stretches: Sequence[Stretch],
    progress: Callable[[str], None],
) -> None:
    """Make the samples of a model unless they are there; after a kill they may not be."""
    if stored_samples(site, record, camera.privacy_masks) is not None:
        return
    path = record.place(site.folder)
    model = load_model(path, record.digest, device=site.settings.device)
    if isinstance(model, CameraModel):
        held_out = split_held_out(stretches).held_out
        make_samples(site, record, model, camera, held_out, progress=progress)


def _activate(site: Site, record: ModelRecord) -> ModelRecord:
    """Make a model the active one of its camera, and say so in the audit log, unless it is."""
    site.store.promote(record.model_id, site.clock.now_utc(), who="kizashi", by="training")
    return replace(record, state=ModelState.ACTIVE)


def _no_footage(site: Site, camera_name: str) -> str:
    """Return what to say where there is no footage in the time that was asked for."""
    all_of_it = site.store.segments(camera_name)
    if not all_of_it:
        return f"camera {camera_name}: no usable footage yet; run: kizashi ingest {camera_name}"
    first, last = min(s.start_utc for s in all_of_it), max(s.end_utc for s in all_of_it)
    return (
        f"camera {camera_name}: no usable footage in the time that was given; there is some "
        f"from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
    )


def stretches_of(
    site: Site,
    camera_name: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Stretch]:
    """Return the segments of a camera in [since, until) whose files are still there; FootageError
    when none is. Recorders clear their folders: what is gone is said, and left out."""
    segments = site.store.segments(camera_name, since, until)
    if not segments:
        raise FootageError(_no_footage(site, camera_name), reason=Reason.TOO_SHORT)
    footage = {item.footage_id: item for item in site.store.footage_of(camera_name, since, until)}
    root = site.source_of(site.store.camera(camera_name))
    stretches = [
        Stretch(
            source=footage_path(root, footage[segment.footage_id].path),
            footage=footage[segment.footage_id],
            segment=segment,
            stall_seconds=site.settings.stall_seconds,
        )
        for segment in segments
    ]
    there = [stretch for stretch in stretches if _is_there(stretch.source, root)]
    if not there:
        raise FootageError(
            f"camera {camera_name}: none of its {len(footage)} files is in {root} any more; give "
            "footage to learn from",
            reason=Reason.UNREADABLE,
        )
    if len(there) < len(stretches):
        progress(f"{len(stretches) - len(there)} of {len(stretches)} segments are gone from {root}")
    return there


def _is_there(path: Path, root: Path) -> bool:
    """Tell whether a file is still there, and still in `root`."""
    try:
        check_stays_inside(path, root)
    except FootageError:
        return False
    return path.exists()


def load_active_model(site: Site, store: Store, camera_name: str) -> tuple[ModelRecord, AnyModel]:
    """Return the active model of a camera, verified; ModelError saying how to get one when
    none."""
    record = store.active_model(camera_name)
    if record is None:
        raise no_active_model(camera_name)
    place = inside(site.models_folder, record.place(site.folder))
    return record, load_model(place, record.digest, device=site.settings.device)
