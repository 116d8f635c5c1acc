"""CameraModel: everything learnt for one camera, on disk in one folder with one digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy
from pipeline.camera import Polygon
from pipeline.clips.reader import ClipReader, WindowBatch
from pipeline.clips.tensors import pictures_of
from pipeline.clips.tiles import TileGrid
from pipeline.drift.reference import DriftReference, drift_from_manifest
from pipeline.errors import ModelDamaged, ModelError, TrainingDiverged
from pipeline.footage.frames import View
from pipeline.health.reference import HealthReference, health_from_manifest
from pipeline.learning.presets import Preset, preset_from_dict
from pipeline.learning.stored_lighting import (
    calibrations_of,
    lighting_manifest,
    lighting_of,
    lighting_tensors,
)
from pipeline.lighting.judge import Lighting
from pipeline.lighting.light import MEASURES
from pipeline.scoring.calibration import PlaceStatistics
from pipeline.scoring.clip_batch import ClipBatch, LatentStatistics, Networks
from pipeline.scoring.experts import Expert, all_term_maps, experts_named
from pipeline.scoring.feature_bank import DepthBank
from pipeline.scoring.fusion import CalibratedClips, Calibration, fuse
from pipeline.scoring.policy import policy_within
from pipeline.scoring.rhythm_bank import RhythmBank
from pipeline.stopwatch import stage
from tgan_core.checkpoint import checkpoint_digest, load_checkpoint, save_checkpoint
from tgan_core.critic import Critic
from tgan_core.encoder import Encoder
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.video_generator import VideoGenerator

__all__ = ["CameraModel", "Sight", "choose_device", "load_camera_model", "new_networks"]


_BANK_TENSORS = ("mean_C", "basis_CD", "bank_GWMD")
_RHYTHM_TENSORS = ("traces_KGWMS", "segments_M", "ends_us_M", "near_us", "regularity_K")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """How a model looks at clips: the part of it that exists before calibration."""

    preset: Preset
    view: View
    background_HW: NDArray[np.uint8]
    full_speed_px: float
    """Pixels a frame that fill the range of the speed plane."""
    networks: Networks
    latent_statistics: LatentStatistics | None = None
    feature_bank: tuple[DepthBank, ...] = ()
    rhythm_bank: RhythmBank | None = None
    lighting: Lighting | None = None
    """The lighting states of the camera; None when it has only one."""

    @property
    def grid(self) -> TileGrid:
        """Where tiles lie for reconstruction, and how many cells the score grid has."""
        return TileGrid(
            height_px=self.view.height_px,
            width_px=self.view.width_px,
            tile_px=self.preset.tgan.geometry.tile_px,
            stride_px=self.preset.tile_stride_px,
        )

    def reader(self, masks: tuple[Polygon, ...] = ()) -> ClipReader:
        """Return what reads clips for this model, with privacy masks burnt in."""
        reader = ClipReader(
            view=self.view,
            frames=self.preset.tgan.geometry.frames,
            planes=self.preset.planes,
            background_HW=self.background_HW,
            full_speed_px=self.full_speed_px,
            history=self.preset.history_at(self.view.frame_rate),
        )
        return reader.with_masks(masks).in_light(self.lighting)

    def batch(
        self, reader: ClipReader, windows: WindowBatch, *, everywhere: bool = False
    ) -> ClipBatch:
        """Return clips ready for the experts; `everywhere`: reconstruct every tile of them."""
        return ClipBatch(
            reader.planes_NPTHW(windows).to(self.networks.device),
            windows,
            self.grid,
            self.networks,
            self.latent_statistics,
            self.feature_bank,
            self.rhythm_bank,
            looked_at=None if everywhere else self.preset.reconstructed_tiles,
            partly_hidden=reader.unlearnt_HW is not None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraModel:
    """Networks, background, calibration and alarm policy of one camera."""

    sight: Sight
    calibration: Calibration
    policy: EventPolicy
    tail: EventTail
    budget_per_day: float
    held_out_seconds: float
    figures: Mapping[str, Any]
    """Of training: seconds a stage, losses at the end, seed, how much footage."""
    health: HealthReference | None = None
    """What the camera looks like when it is well; None in models that were made without it."""
    drift: DriftReference | None = None
    """What recent footage is compared with; None in models that were made without it."""
    digest: str = ""
    """Of the stored files; empty until saved."""
    by_lighting: Mapping[str, Calibration] = field(default_factory=dict)
    """Calibrations of lighting states; one that is not here is judged by `calibration`, that of all
    of them together."""

    @property
    def preset(self) -> Preset:
        """What it was trained with."""
        return self.sight.preset

    @property
    def experts(self) -> tuple[Expert, ...]:
        """The experts it scores with."""
        return experts_named(self.preset.experts)

    @property
    def clip_stride(self) -> int:
        """Frames between the ends of two scored clips."""
        return self.preset.clip_stride

    def reader(self, masks: tuple[Polygon, ...] = ()) -> ClipReader:
        """Return what reads clips for this model, with privacy masks burnt in."""
        return self.sight.reader(masks)

    def look(
        self, reader: ClipReader, windows: WindowBatch, *, leave_one_out: bool = False
    ) -> CalibratedClips:
        """Return the calibrated scores of clips; `leave_one_out`: also by all experts but one."""
        with stage("planes"):
            batch = self.sight.batch(reader, windows)
        maps = all_term_maps(self.experts, batch)
        calibration = self.calibration_in(windows.lighting)
        with stage("fusion"):
            return fuse(self.experts, calibration, maps, leave_one_out=leave_one_out)

    def calibration_in(self, lighting: str) -> Calibration:
        """Return what values mean in a lighting state; empty where the camera has only one."""
        return self.by_lighting.get(lighting, self.calibration)

    def expected_pictures(self, reader: ClipReader, windows: WindowBatch) -> NDArray[np.uint8]:
        """Return the last frame of clips as the generator draws it, NHW (NHWC for colour)."""
        planes = self.sight.batch(reader, windows, everywhere=True).reconstruction_NPTHW.cpu()
        background = torch.from_numpy(reader.background_of(windows.lighting))
        return pictures_of(planes, background, self.preset.planes)[:, -1].numpy()

    def calibration_summary(self) -> dict[str, Any]:
        """Return what people want to know of the calibration, as values that JSON can hold."""
        return {
            "budget_per_day": self.budget_per_day,
            "held_out_seconds": self.held_out_seconds,
            "experts": [expert.name for expert in self.experts],
            "policy": self.policy.to_dict(),
            "tail": asdict(self.tail),
            **self._lighting_summary(),
            **self._cycles_summary(),
        }

    def _cycles_summary(self) -> dict[str, Any]:
        """Return what people want to know of what repeats itself; nothing where nobody looked."""
        if self.drift is None or not self.drift.cycle_sample_seconds:
            return {}
        return {"cycles": [cycle.summary() for cycle in self.drift.cycles]}

    def _lighting_summary(self) -> dict[str, Any]:
        """Return what people want to know of the lighting states; nothing where there is one."""
        if self.sight.lighting is None:
            return {}
        held_out = self.figures.get("held_out_by_lighting", {})
        return {
            "lighting": [
                {
                    **{key: one[key] for key in ("name", "share")},
                    **{m: round(v, 1) for m, v in zip(MEASURES, one["centre"], strict=True)},
                    "held_out_seconds": held_out.get(one["name"], 0.0),
                    "own_calibration": one["name"] in self.by_lighting,
                }
                for one in self.sight.lighting.states.to_list()
            ]
        }

    def with_budget(self, per_day: float) -> CameraModel:
        """Return the same model with the threshold of another alarm budget; ValueError for <= 0."""
        return replace(
            self,
            policy=policy_within(self.tail, per_day, like=self.policy),
            budget_per_day=per_day,
            digest="",
        )

    def save(self, folder: Path) -> str:
        """Write the model durably into `folder`; return its digest.

        Raises TrainingDiverged for a number that is not finite, ModelError when the disk is full.
        """
        manifest = {
            "kind": "kizashi-camera-model",
            "preset": self.preset.to_dict(),
            "view": {
                "width_px": self.sight.view.width_px,
                "height_px": self.sight.view.height_px,
                "frame_rate": self.sight.view.frame_rate,
                "grey": self.sight.view.grey,
            },
            "full_speed_px": self.sight.full_speed_px,
            "tails": self.calibration.to_dict(),
            "two_sided": {t: place.two_sided for t, place in self.calibration.places.items()},
            "calibration": self.calibration_summary(),
            "health": self.health.to_dict() if self.health else None,
            **lighting_manifest(self.sight.lighting, self.by_lighting),
            "drift": self.drift.to_dict() if self.drift else None,
            # Without wall times: the same footage and seed give the same digest, so that a training
            # that was killed at its very end and done again ends in one model and not in two.
            "figures": {k: v for k, v in self.figures.items() if k != "stage_seconds"},
        }
        try:
            return save_checkpoint(folder, _tensors_of(self), manifest)
        except NonFiniteError as error:
            raise TrainingDiverged(f"the model is not stored: {error}; train again") from error
        except CheckpointError as error:
            raise ModelError(
                f"the model cannot be stored: {error}; free some space and train again"
            ) from error


def _tensors_of(model: CameraModel) -> dict[str, Tensor]:
    networks = model.sight.networks
    tensors = {
        f"{name}.{key}": value
        for name in ("generator", "critic", "encoder")
        for key, value in getattr(networks, name).state_dict().items()
    }
    tensors["background"] = torch.from_numpy(model.sight.background_HW)
    latent = model.sight.latent_statistics
    if latent is not None:
        tensors["latent.mean"], tensors["latent.spread"] = latent.mean_KZ, latent.spread_KZ
    for term, place in model.calibration.places.items():
        tensors[f"place.{term}.middle"] = torch.from_numpy(place.middle_GW)
        tensors[f"place.{term}.range"] = torch.from_numpy(place.range_GW)
    for index, bank in enumerate(model.sight.feature_bank):
        for name in _BANK_TENSORS:
            tensors[f"bank.{index}.{name}"] = getattr(bank, name)
    if (rhythm := model.sight.rhythm_bank) is not None:
        for name in _RHYTHM_TENSORS:
            tensors[f"rhythm.{name}"] = getattr(rhythm, name)
        tensors["rhythm.traces_KGWMS"] = rhythm.traces_KGWMS.half()
    tensors |= dict(lighting_tensors(model.sight.lighting, model.by_lighting))
    return {name: value.detach().cpu().contiguous() for name, value in tensors.items()}


def _feature_bank(tensors: Mapping[str, Tensor], device: torch.device) -> tuple[DepthBank, ...]:
    depths = sum(name.endswith(".bank_GWMD") for name in tensors)
    return tuple(
        DepthBank(
            mean_C=tensors[f"bank.{index}.mean_C"].to(device),
            basis_CD=tensors[f"bank.{index}.basis_CD"].to(device),
            bank_GWMD=tensors[f"bank.{index}.bank_GWMD"].to(device),
        )
        for index in range(depths)
    )


def _rhythm_bank(tensors: Mapping[str, Tensor], device: torch.device) -> RhythmBank | None:
    if "rhythm.traces_KGWMS" not in tensors:
        return None
    parts = {name: tensors[f"rhythm.{name}"] for name in _RHYTHM_TENSORS}
    return RhythmBank(**{**parts, "traces_KGWMS": parts["traces_KGWMS"].float()}).on(device)


def choose_device(name: str) -> torch.device:
    """Return the device for `auto`, `cpu` or `cuda`."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def new_networks(preset: Preset, device: torch.device) -> Networks:
    """Return untrained networks of a preset, frozen."""
    geometry = preset.tgan.geometry
    return Networks(
        generator=VideoGenerator(geometry).to(device),
        critic=Critic(geometry).to(device),
        encoder=Encoder(geometry).to(device),
        bf16=preset.tgan.optimisation.autocast == "bf16",
    ).freeze()


def load_camera_model(
    folder: Path, digest: str | None = None, *, device: str = "auto"
) -> CameraModel:
    """Return the model stored in `folder`, verified against `digest` before anything of it is used.

    `digest` None takes what the folder says of itself (a model given by hand to `evaluate`).
    Raises ModelDamaged when a byte differs, a tensor is missing, or a number is not finite.
    """
    try:
        trusted = digest or checkpoint_digest(folder)
        tensors, manifest = load_checkpoint(folder, trusted)
        return _assemble(tensors, manifest, choose_device(device), trusted)
    except (
        CheckpointError,
        NonFiniteError,
        KeyError,
        TypeError,
        ValueError,  # a recipe that this version does not know
        RuntimeError,
    ) as error:
        raise ModelDamaged(
            f"model {folder}: {' '.join(str(error).split())}; roll back to an earlier model or "
            "train again"
        ) from error


def _assemble(
    tensors: Mapping[str, Tensor], manifest: Mapping[str, Any], device: torch.device, digest: str
) -> CameraModel:
    preset = preset_from_dict(manifest["preset"])
    networks = new_networks(preset, device)
    for name in ("generator", "critic", "encoder"):
        network: nn.Module = getattr(networks, name)
        prefix = f"{name}."
        state = {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}
        network.load_state_dict(state, strict=True)
    latent = None
    if "latent.mean" in tensors:
        latent = LatentStatistics(
            mean_KZ=tensors["latent.mean"].to(device), spread_KZ=tensors["latent.spread"].to(device)
        )
    places = {
        term: PlaceStatistics(
            middle_GW=tensors[f"place.{term}.middle"].numpy(),
            range_GW=tensors[f"place.{term}.range"].numpy(),
            two_sided=two_sided,
        )
        for term, two_sided in manifest["two_sided"].items()
    }
    summary = manifest["calibration"]
    return CameraModel(
        sight=Sight(
            preset=preset,
            view=View(**manifest["view"]),
            background_HW=tensors["background"].numpy(),
            full_speed_px=float(manifest["full_speed_px"]),
            networks=networks,
            latent_statistics=latent,
            feature_bank=_feature_bank(tensors, device),
            rhythm_bank=_rhythm_bank(tensors, device),
            lighting=lighting_of(manifest, tensors),
        ),
        calibration=Calibration.from_dict(manifest["tails"], places),
        policy=EventPolicy.from_dict(summary["policy"]),
        tail=EventTail(**summary["tail"]),
        budget_per_day=summary["budget_per_day"],
        held_out_seconds=summary["held_out_seconds"],
        figures=manifest["figures"],
        health=health_from_manifest(manifest),
        drift=drift_from_manifest(manifest),
        digest=digest,
        by_lighting=calibrations_of(manifest, tensors),
    )
