"""Registration: a model's files under a name by content, and the row that names them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pipeline.assembly import Site
from pipeline.distillation.stored_models import load_model
from pipeline.errors import ModelDamaged
from pipeline.files import make_folder, sync_folder
from pipeline.identity import content_id, digest_of
from pipeline.learning.registry import ModelRecord, ModelState

__all__ = ["is_intact", "made_before", "record_of", "register"]


class Storable(Protocol):
    """A model that can be stored."""

    def save(self, folder: Path) -> str:
        """Write the model; return its digest."""

    def calibration_summary(self) -> dict[str, Any]:
        """Return what people want to know of the calibration."""


def is_intact(path: Path, digest: str) -> bool:
    """Return whether the model at `path` is there, whole and the one with this digest."""
    try:
        load_model(path, digest, device="cpu")
    except ModelDamaged:
        return False
    return True


def made_before(site: Site, camera_name: str, job: str) -> ModelRecord | None:
    """Return the model that this very job made, if there is one and its files are intact."""
    for record in site.store.models(camera_name):
        # Of one whose removal was begun the files may be there still; they are about to go.
        known = record.manifest.get("job") == job and record.files_removed_utc is None
        if known and is_intact(site.folder / record.path, record.digest):
            return record
    return None


def register(
    site: Site,
    camera_name: str,
    model: Storable,
    fresh: Path,
    *,
    preset: str,
    manifest: Mapping[str, Any],
    metrics: Sequence[Mapping[str, float]] = (),
) -> ModelRecord:
    """Store a model as a candidate of a camera and return its record; once more adds nothing.

    It is saved in the folder `fresh` first, on the same disk, and moved to its final name by
    content: a kill in between leaves either nothing or the whole model at that name.
    """
    make_folder(site.models_folder / camera_name)
    shutil.rmtree(fresh, ignore_errors=True)
    digest = model.save(fresh)
    folder = site.models_folder / camera_name / digest[:32]
    if not is_intact(folder, digest):
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(fresh, folder)
        # Durable before the row that names it is.
        sync_folder(folder.parent)
    shutil.rmtree(fresh, ignore_errors=True)  # there already, under its name
    record = record_of(
        site, camera_name, folder, digest, model.calibration_summary(), preset, manifest
    )
    site.store.add_model(record, metrics)
    return record


def record_of(
    site: Site,
    camera_name: str,
    path: Path,
    digest: str,
    summary: Mapping[str, Any],
    preset: str,
    manifest: Mapping[str, Any],
) -> ModelRecord:
    """Return the record of a candidate whose files lie at `path`, inside the site's folder."""
    return ModelRecord(
        model_id=digest[:32],
        camera=camera_name,
        state=ModelState.CANDIDATE,
        preset=preset,
        path=path.relative_to(site.folder).as_posix(),
        digest=digest,
        created_utc=site.clock.now_utc(),
        calibration_id=content_id("calibration", digest_of({"model": digest, **summary})),
        calibration=summary,
        manifest=manifest,
    )
