"""Origin: the model of another camera whose networks a training begins with.

Only the networks are taken. Background, motion, what each place looks like and what scores mean
are learnt of the camera's own footage, as ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipeline.errors import ModelError
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.presets import Preset
from pipeline.scoring.clip_batch import Networks

__all__ = ["ADAPTATION_EFFORT", "Origin", "check_fit", "origin_of"]

ADAPTATION_EFFORT = 0.25
"""Share of a preset's steps that is taken from another camera's networks on, unless told; a tenth
was too little (docs/new-camera.md)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Networks that a training begins with, and where they are from."""

    camera: str
    digest: str
    """Of the model's files."""
    preset: Preset
    networks: Networks

    def check_fit(self, preset: Preset) -> None:
        """Raise ModelError when networks of a preset cannot begin with these."""
        check_fit(self.preset, preset, f"model {self.digest[:12]} of camera {self.camera}")

    def to_dict(self) -> dict[str, Any]:
        """Return what a model keeps of where it began."""
        return {"camera": self.camera, "model": self.digest[:32]}


def check_fit(own: Preset, wanted: Preset, model: str) -> None:
    """Raise ModelError when networks of preset `wanted` cannot begin with those of `own`; `model`
    is how the error names the model that has them."""
    if (own.tgan.geometry, own.planes) != (wanted.tgan.geometry, wanted.planes):
        raise ModelError(
            f"{model} has networks of preset {own.name}, which do not fit preset {wanted.name}; "
            f"give --preset {own.name}, or another camera"
        )


def origin_of(model: CameraModel, camera: str) -> Origin:
    """Return the networks of a stored model of `camera` as an origin."""
    return Origin(
        camera=camera, digest=model.digest, preset=model.preset, networks=model.sight.networks
    )
