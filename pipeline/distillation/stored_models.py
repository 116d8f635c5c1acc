"""Any stored model, whatever made it: a camera's own, a student, or an exported student."""

from __future__ import annotations

from pathlib import Path

from pipeline.distillation.student_model import KIND, StudentModel, load_student_model
from pipeline.errors import ModelDamaged
from pipeline.learning.camera_model import CameraModel, load_camera_model
from tgan_core.checkpoint import checkpoint_manifest
from tgan_core.errors import CheckpointError

__all__ = ["EXPORTED_SUFFIX", "AnyModel", "load_model"]

AnyModel = CameraModel | StudentModel

EXPORTED_SUFFIX = ".onnx"


def load_model(path: Path, digest: str | None = None, *, device: str = "auto") -> AnyModel:
    """Return the model stored in a folder, or in an exported file, verified against `digest`.

    `digest` None takes what it says of itself (a model given by hand). Raises ModelDamaged when a
    byte differs or something is missing, ModelError when what runs an exported file is not
    installed. An exported file runs on the processor, whatever `device` says.
    """
    if path.suffix == EXPORTED_SUFFIX:
        from pipeline.distillation.export import load_exported_model

        return load_exported_model(path, digest)
    try:
        kind = checkpoint_manifest(path).get("kind")
    except CheckpointError as error:
        raise ModelDamaged(
            f"model {path}: {error}; roll back to an earlier model or train again"
        ) from error
    if kind == KIND:
        return load_student_model(path, digest, device=device)
    return load_camera_model(path, digest, device=device)
