"""StudentModel: what stands in for a camera's model and is many times faster, on disk in one folder
with one digest.

It gives one map, how surprising each place is, and one score; it has no experts to ask one by one.

Shapes: N clips of T frames and H x W pixels, grid of G x W cells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy
from pipeline.camera import Polygon
from pipeline.clips.flow import FlowQuality
from pipeline.clips.reader import ClipReader, WindowBatch
from pipeline.errors import ModelDamaged, ModelError, TrainingDiverged
from pipeline.footage.frames import View
from pipeline.health.reference import HealthReference, health_from_manifest
from pipeline.learning.camera_model import CameraModel, choose_device
from pipeline.scoring.fusion import CalibratedClips, joined_statistic
from pipeline.scoring.policy import policy_within
from pipeline.scoring.tail import TailModel
from pipeline.stopwatch import stage
from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.student import Student, StudentGeometry

__all__ = [
    "FLOW",
    "KIND",
    "STUDENT",
    "SayMaps",
    "StudentModel",
    "by_torch",
    "load_student_model",
    "model_from_manifest",
    "uncalibrated",
]

KIND = "kizashi-student-model"
STUDENT = "student"
"""Name of the one expert that a student is, and of its preset."""

SayMaps = Callable[[NDArray[np.uint8], NDArray[np.float16]], NDArray[np.float32]]
"""(pictures_NTHW, flow_NTHW2) -> surprise_N2GW, by whatever runs the network."""

FLOW: FlowQuality = "quick"
"""Of the flow that students see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pupil:
    """The one expert of a student model, as far as others ask for experts by name."""

    name: str = STUDENT


@dataclass(frozen=True, kw_only=True, slots=True)
class StudentModel:
    """A student with what its values mean."""

    say: SayMaps
    geometry: StudentGeometry
    view: View
    background_HW: NDArray[np.uint8]
    clip_stride: int
    """Frames between the ends of two scored clips."""
    statistic_tail: TailModel
    """Of the statistic of a clip's map over held-out normal clips."""
    policy: EventPolicy
    tail: EventTail
    budget_per_day: float
    held_out_seconds: float
    teacher: str
    """Digest of the model it learnt from; in a site, the name of that model, which begins it."""
    health: HealthReference | None = None
    """What the camera looks like when it is well: the teacher's."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """Of training: seed, windows, steps, the loss of the last ones, how much footage and which."""
    digest: str = ""
    """Of the stored files; empty until saved."""
    network: Student | None = None
    """None where something else than PyTorch runs it."""

    @property
    def experts(self) -> Sequence[Pupil]:
        """The one expert that it is."""
        return (Pupil(),)

    def reader(self, masks: tuple[Polygon, ...] = ()) -> ClipReader:
        """Return what reads clips for this model, with privacy masks burnt in."""
        reader = ClipReader(
            view=self.view,
            frames=self.geometry.frames,
            planes=("grey",),
            background_HW=self.background_HW,
            flow=FLOW,
        )
        return reader.with_masks(masks)

    def statistic(self, windows: WindowBatch) -> NDArray[np.float64]:
        """Return one number a clip, not yet calibrated."""
        return _statistic(self._surprise(windows))

    def look(
        self, reader: ClipReader, windows: WindowBatch, *, leave_one_out: bool = False
    ) -> CalibratedClips:
        """Return the calibrated scores of clips; there is no one to leave out."""
        with stage(STUDENT):
            surprise_N2GW = self._surprise(windows)
        with stage("fusion"):
            return self._calibrated(surprise_N2GW)

    def _calibrated(self, surprise_N2GW: NDArray[np.float32]) -> CalibratedClips:
        score = self.statistic_tail.surprise(_statistic(surprise_N2GW))
        map_NGW = surprise_N2GW[:, 1]
        return CalibratedClips(
            experts={STUDENT: score},
            tgan=np.full(len(score), np.nan),
            fused=score,
            without={},
            maps={STUDENT: map_NGW},
            tgan_map=np.zeros_like(map_NGW),
            fused_map=map_NGW,
            within=lambda only_GW: self._calibrated(surprise_N2GW * only_GW),
        )

    def _surprise(self, windows: WindowBatch) -> NDArray[np.float32]:
        return self.say(windows.pictures, windows.flow_NTHW2)

    def expected_pictures(self, reader: ClipReader, windows: WindowBatch) -> NDArray[np.uint8]:
        """Return the last frame of clips as the model would expect it, NHW: a student has no
        picture of what moves, only the background."""
        return np.repeat(self.background_HW[None], len(windows.pictures), axis=0)

    def calibration_summary(self) -> dict[str, Any]:
        """Return what people want to know of the calibration, as values that JSON can hold."""
        return {
            "budget_per_day": self.budget_per_day,
            "held_out_seconds": self.held_out_seconds,
            "experts": [STUDENT],
            "policy": self.policy.to_dict(),
            "tail": asdict(self.tail),
        }

    def with_budget(self, per_day: float) -> StudentModel:
        """Return the same model with the threshold of another alarm budget; ValueError for <= 0."""
        return replace(
            self,
            policy=policy_within(self.tail, per_day, like=self.policy),
            budget_per_day=per_day,
            digest="",
        )

    def manifest(self) -> dict[str, Any]:
        """Return everything but the network and the background, as values that JSON can hold."""
        return {
            "kind": KIND,
            "geometry": self.geometry.to_dict(),
            "view": {
                "width_px": self.view.width_px,
                "height_px": self.view.height_px,
                "frame_rate": self.view.frame_rate,
            },
            "clip_stride": self.clip_stride,
            "statistic_tail": self.statistic_tail.to_dict(),
            "calibration": self.calibration_summary(),
            "teacher": self.teacher,
            "health": self.health.to_dict() if self.health else None,
            "figures": dict(self.figures),
        }

    def save(self, folder: Path) -> str:
        """Write the model durably into `folder`; return its digest.

        Raises TrainingDiverged for a number that is not finite, ModelError when the disk is full,
        and for a model that PyTorch does not run.
        """
        if self.network is None:
            raise ModelError("an exported model is one file already; copy it")
        try:
            return save_checkpoint(folder, self.network.state_dict(), self.manifest())
        except NonFiniteError as error:
            raise TrainingDiverged(f"the model is not stored: {error}; distil again") from error
        except CheckpointError as error:
            raise ModelError(
                f"the model cannot be stored: {error}; free some space and distil again"
            ) from error


def _statistic(surprise_N2GW: NDArray[np.float32]) -> NDArray[np.float64]:
    return joined_statistic(surprise_N2GW[:, 0].astype(np.float64))


def by_torch(network: Student) -> SayMaps:
    """Return what runs a student through PyTorch, where its weights are."""
    network = network.eval().requires_grad_(False)

    def say(
        pictures_NTHW: NDArray[np.uint8], flow_NTHW2: NDArray[np.float16]
    ) -> NDArray[np.float32]:
        with torch.inference_mode():
            device = network.background_HW.device
            seen = (torch.from_numpy(given).to(device) for given in (pictures_NTHW, flow_NTHW2))
            surprise: NDArray[np.float32] = network(*seen).cpu().numpy()
            return surprise

    return say


def model_from_manifest(
    manifest: Mapping[str, Any],
    say: SayMaps,
    background_HW: NDArray[np.uint8],
    *,
    digest: str,
    network: Student | None,
) -> StudentModel:
    """Return the model that `StudentModel.manifest` describes."""
    summary = manifest["calibration"]
    return StudentModel(
        say=say,
        geometry=StudentGeometry(**manifest["geometry"]),
        view=View(**manifest["view"], grey=True),
        background_HW=background_HW,
        clip_stride=manifest["clip_stride"],
        statistic_tail=TailModel.from_dict(manifest["statistic_tail"]),
        policy=EventPolicy.from_dict(summary["policy"]),
        tail=EventTail(**summary["tail"]),
        budget_per_day=summary["budget_per_day"],
        held_out_seconds=summary["held_out_seconds"],
        teacher=manifest["teacher"],
        health=health_from_manifest(manifest),
        figures=manifest["figures"],
        digest=digest,
        network=network,
    )


def load_student_model(
    folder: Path, digest: str | None = None, *, device: str = "auto"
) -> StudentModel:
    """Return the student stored in `folder`, verified against `digest` before anything of it is
    used; ModelDamaged when a byte differs or something is missing."""
    try:
        trusted = digest or checkpoint_digest(folder)
        tensors, manifest = load_checkpoint(folder, trusted)
        network = Student(StudentGeometry(**manifest["geometry"]))
        network.load_state_dict(tensors, strict=True)
        network = network.to(choose_device(device))
        background_HW = tensors["background_HW"].round().to(torch.uint8).numpy()
        return model_from_manifest(
            manifest, by_torch(network), background_HW, digest=trusted, network=network
        )
    except (
        CheckpointError,
        NonFiniteError,
        KeyError,
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:
        raise ModelDamaged(
            f"model {folder}: {' '.join(str(error).split())}; roll back to an earlier model or "
            "distil again"
        ) from error


def uncalibrated(network: Student, teacher: CameraModel) -> StudentModel:
    """Return a student of `teacher` whose values mean nothing yet."""
    sight = teacher.sight
    return StudentModel(
        say=by_torch(network),
        geometry=network.geometry,
        view=sight.view,
        background_HW=sight.background_HW,
        clip_stride=teacher.preset.clip_stride,
        statistic_tail=TailModel(
            body=(0.0, 1.0), count=0, threshold=1.0, tail_share=0.0, scale=1.0
        ),
        policy=teacher.policy,
        tail=teacher.tail,
        budget_per_day=teacher.budget_per_day,
        held_out_seconds=0.0,
        teacher=teacher.digest,
        health=teacher.health,
        network=network,
    )
