"""Students of a site's models: distil one, write it to a file, score with such a file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pipeline.assembly import Site
from pipeline.camera import check_camera
from pipeline.distillation.distil import distil
from pipeline.distillation.eight_bits import export_int8
from pipeline.distillation.export import export_onnx, export_torch, load_exported_model
from pipeline.distillation.stored_models import EXPORTED_SUFFIX, load_model
from pipeline.distillation.student_model import STUDENT, StudentModel
from pipeline.errors import ModelError
from pipeline.files import replace_file
from pipeline.identity import content_id
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import training_job
from pipeline.learning.promotion import find_model
from pipeline.learning.registration import is_intact, made_before, record_of, register
from pipeline.learning.registry import ModelRecord
from pipeline.learning.train_camera import stretches_of
from pipeline.store.leases import lease_kept

__all__ = ["distil_model", "export_model", "registered_export"]

_TORCH_SUFFIX = ".pt2"
_EXPORTED = "exported student"

Progress = Callable[[str], None]


def distil_model(
    site: Site,
    beginning: str,
    *,
    seed: int = 0,
    effort: float = 1.0,
    progress: Progress = lambda line: None,
) -> ModelRecord:
    """Make a student of a model from the footage that its camera has now, as a candidate.

    Called again with nothing changed, it gives the student that there is. Killed in the middle,
    nothing is left. Raises ModelError when the model is a student itself.
    """
    record = find_model(site, beginning)
    teacher = load_model(record.place(site.folder), record.digest, device=site.settings.device)
    if not isinstance(teacher, CameraModel):
        raise ModelError(
            f"model {record.model_id[:12]} is a student already; distil the model it came from"
        )
    camera = check_camera(site.store.camera(record.camera))
    stretches = stretches_of(site, camera.name, progress=progress)
    footage = training_job(stretches, teacher.preset, seed, camera.privacy_masks)
    asked = (record.model_id, footage, repr(effort), repr(camera.budget_per_day))
    job = content_id("distillation", *asked)
    with lease_kept(site.store, f"train/{camera.name}", site.settings.lease_seconds):
        if (known := made_before(site, camera.name, job)) is not None:
            progress(f"student {known.model_id[:12]} was made of the same already")
            return known
        student = distil(
            teacher.with_budget(camera.budget_per_day),
            stretches,
            seed=seed,
            effort=effort,
            masks=camera.privacy_masks,
            device=site.settings.device,
            progress=progress,
        )
        # With the figures it travels into an exported file too.
        behind = {"privacy_masks": [[list(xy) for xy in one] for one in camera.privacy_masks]}
        student = replace(student, teacher=record.model_id, figures={**student.figures, **behind})
        return register(
            site,
            camera.name,
            student,
            site.models_folder / camera.name / "distilling",
            preset=STUDENT,
            manifest={"teacher": record.model_id, **student.figures, "job": job},
        )


def export_model(
    site: Site, beginning: str, out: Path, *, int8: bool, progress: Progress = lambda line: None
) -> Path:
    """Write a student to one file, ONNX or torch.export by its ending (.onnx, .pt2); return it.

    `int8`: its convolutions in eight bits, calibrated again on held-out footage.
    Raises ModelError for another ending, and for a model that is no student.
    """
    if out.suffix not in (EXPORTED_SUFFIX, _TORCH_SUFFIX):
        raise ModelError(f"{out}: give a file that ends in {EXPORTED_SUFFIX} or {_TORCH_SUFFIX}")
    if int8 and out.suffix != EXPORTED_SUFFIX:
        raise ModelError(f"{out}: eight-bit models are written as {EXPORTED_SUFFIX}")
    record = find_model(site, beginning)
    student = load_model(record.place(site.folder), record.digest, device="cpu")
    if not isinstance(student, StudentModel):
        raise ModelError(
            f"model {record.model_id[:12]} is no student; make one with: "
            f"kizashi model distil {record.model_id[:12]}"
        )
    if out.suffix == _TORCH_SUFFIX:
        export_torch(student, out)
    elif int8:
        camera = check_camera(site.store.camera(record.camera))
        stretches = stretches_of(site, camera.name, progress=progress)
        export_int8(student, stretches, out, camera.privacy_masks)
    else:
        export_onnx(student, out)
    return out


def registered_export(site: Site, camera_name: str, file: Path) -> ModelRecord:
    """Return the record of an exported file as a model of the camera; the first time, the file is
    copied into the site and registered as a candidate."""
    model = load_exported_model(file)
    kept = site.models_folder / camera_name / f"{model.digest[:32]}{EXPORTED_SUFFIX}"
    if not kept.exists() or not is_intact(kept, model.digest):
        with replace_file(kept) as fresh:
            shutil.copyfile(file, fresh)
    record = record_of(
        site,
        camera_name,
        kept,
        model.digest,
        model.calibration_summary(),
        _EXPORTED,
        {"teacher": model.teacher, **model.figures},
    )
    site.store.add_model(record, ())
    return record
