"""Synthetic normal clips: what a camera's generator draws from chance alone.

A clip is a tile, as the generator has learnt them. The tensors, as `write_tensors` stores them:

    latent_BZ           float32 in (-1, 1)   latent of each clip, from U(-1, 1)
    frame_latents_BZT   float32 in (-1, 1)   latents of its moments
    video_BCTHW         float32 in [-1, 1]   what the generator draws: the planes of the preset, in
                                             the order of `planes` in the metadata
    background_BHW      uint8                background of the camera at the place (BHWC in colour)
    pictures_BTHW       uint8                what people would see: a difference from the background
                                             is added to it (BTHWC in red, green, blue in colour)
    place_B2            int64                row and column of the place's upper left pixel

Each clip is shown at a place of the camera that chance chooses: the generator knows no places.
Shapes: B clips, C planes, T frames, H x W pixels, Z numbers of a latent.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor

from pipeline.camera import Polygon
from pipeline.clips.masks import burn_masks
from pipeline.clips.tensors import pictures_of
from pipeline.files import write_bytes
from pipeline.learning.camera_model import CameraModel, Sight
from tgan_core.interpolation import interpolate

__all__ = ["SyntheticClips", "finer_pictures", "sample_clips", "write_tensors"]

_AT_ONCE = 32


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class SyntheticClips:
    """Clips from chance; shapes and ranges are in the docstring of this module."""

    latent_BZ: Tensor
    frame_latents_BZT: Tensor
    video_BCTHW: Tensor
    background_BHW: Tensor
    place_B2: Tensor
    planes: tuple[str, ...]
    frame_rate: float
    """Frames a second."""

    @property
    def pictures_BTHW(self) -> Tensor:
        """What people would see."""
        return torch.cat(
            [
                pictures_of(video[None], background, self.planes)
                for video, background in zip(self.video_BCTHW, self.background_BHW, strict=True)
            ]
        )


def sample_clips(
    sight: Sight, clips: int, seed: int, masks: tuple[Polygon, ...] = ()
) -> SyntheticClips:
    """Return so many clips; the same for the same model and seed. Privacy masks are burnt into the
    backgrounds. Raises ValueError for fewer than one."""
    if clips < 1:
        raise ValueError(f"{clips} clips; at least 1")
    geometry, networks = sight.preset.tgan.geometry, sight.networks
    chance = torch.Generator().manual_seed(seed)
    latent_BZ = torch.rand((clips, geometry.latent), generator=chance) * 2.0 - 1.0
    corners = torch.tensor(sight.grid.corners)
    place_B2 = corners[torch.randint(len(corners), (clips,), generator=chance)]
    paths, videos = [], []
    for part in torch.split(latent_BZ.to(networks.device), _AT_ONCE):
        with networks.precision():
            path_BZT = networks.generator.frame_latents(part)
            videos.append(networks.generator.render(part, path_BZT).float().cpu())
            paths.append(path_BZT.float().cpu())
    with torch.no_grad():
        return SyntheticClips(
            latent_BZ=latent_BZ,
            frame_latents_BZT=torch.cat(paths),
            video_BCTHW=torch.cat(videos),
            background_BHW=_backgrounds(sight, place_B2, masks),
            place_B2=place_B2,
            planes=sight.preset.planes,
            frame_rate=sight.view.frame_rate,
        )


def finer_pictures(
    sight: Sight, clips: SyntheticClips, factor: int
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield each clip's own pictures (THW) and those of `factor` times finer steps of the same
    trajectory, of which every factor-th is its own (section 5.4 of the paper)."""
    networks = sight.networks
    for index, own in enumerate(clips.pictures_BTHW):
        latent_BZ = clips.latent_BZ[index : index + 1].to(networks.device)
        with networks.precision():
            video_BCTHW = interpolate(networks.generator, latent_BZ, factor).float().cpu()
        finer = pictures_of(video_BCTHW, clips.background_BHW[index], clips.planes)[0]
        yield own.numpy(), finer.numpy()


def write_tensors(path: Path, clips: SyntheticClips, model: CameraModel, seed: int) -> None:
    """Write the clips as safetensors, durably and in one piece.

    Metadata: `about`, a JSON object with planes, frame_rate, frames, preset, model (digest), seed.
    """
    tensors = {
        "latent_BZ": clips.latent_BZ,
        "frame_latents_BZT": clips.frame_latents_BZT,
        "video_BCTHW": clips.video_BCTHW,
        "background_BHW": clips.background_BHW,
        "pictures_BTHW": clips.pictures_BTHW,
        "place_B2": clips.place_B2,
    }
    about = {
        "planes": list(clips.planes),
        "frame_rate": clips.frame_rate,
        "frames": clips.video_BCTHW.shape[2],
        "preset": model.preset.name,
        "model": model.digest,
        "seed": seed,
    }
    plain = {name: value.clone().contiguous() for name, value in tensors.items()}
    # One entry: several come in an order of chance, and the same clips would be other bytes.
    write_bytes(path, save(plain, metadata={"about": json.dumps(about, sort_keys=True)}))


def _backgrounds(sight: Sight, place_B2: Tensor, masks: tuple[Polygon, ...]) -> Tensor:
    background = torch.from_numpy(burn_masks(sight.background_HW.copy(), masks))
    side = sight.preset.tgan.geometry.tile_px
    return torch.stack(
        [background[top : top + side, left : left + side] for top, left in place_B2.tolist()]
    )
