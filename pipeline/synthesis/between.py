"""What several methods draw at moments between two frames, and what the critic thinks of the place.

Frames are at a model's working size and rate. TGAN's way is section 5.4 of the paper: the encoder
gives the latents of the clip around the two frames, the latents of the two moments are joined by a
straight line, and the image generator draws what lies on it.

Shapes: N frames of a run, T of a clip, S moments, P planes, F features, H x W pixels. Pictures are
HW, or HWC in colour; levels are 0 to 255 and float32 where they are not rounded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from pipeline.clips.flow import FlowPair, flow_between, flow_pair
from pipeline.clips.reader import WindowBatch
from pipeline.clips.tensors import levels_of, lighting_of
from pipeline.clips.tiles import cut_tiles, stitch_tiles
from pipeline.errors import ModelError
from pipeline.learning.camera_model import Sight
from tgan_core.critic import Critic
from tgan_core.encoder import encode
from tgan_core.inversion import refine_latent
from tgan_core.training import new_training_state

__all__ = ["Between", "Interpolator", "Run"]

Levels = NDArray[np.float32]

_TILES_AT_ONCE = 32
_MIDDLES = ((0, 2), (1, 4))
"""Of the critic's layers that are looked at: the gap that lies in the middle of what the first step
of the layer sees, and how many gaps on that of the next step lies."""
_PICTURES = ("background_difference", "grey", "colour")
"""First planes that show a picture; from speeds or frame differences none can be drawn."""


class Run:
    """Frames in a row with the flow from each to the next, worked out when first asked for."""

    def __init__(self, frames: Sequence[NDArray[np.uint8]], *, step: int = 1) -> None:
        self.frames = tuple(frames)
        self.step = step
        """Steps of the model's time from one frame to the next."""
        self._forward: dict[int, NDArray[np.float32]] = {}

    def __len__(self) -> int:
        return len(self.frames)

    def forward(self, gap: int) -> NDArray[np.float32]:
        """Return the flow from frame `gap` to the next, HW2."""
        if gap not in self._forward:
            self._forward[gap] = flow_between(self.frames[gap], self.frames[gap + 1])
        return self._forward[gap]

    def pair(self, gap: int) -> FlowPair:
        """Return frame `gap` and the next with the flow both ways."""
        return flow_pair(self.frames[gap], self.frames[gap + 1], self.forward(gap))

    def thinned(self, first: int, spacing: int) -> Run:
        """Return every `spacing`-th frame, from the frame `first` on."""
        return Run(self.frames[first::spacing], step=self.step * spacing)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Between:
    """Moments between two frames, one entry a moment."""

    shares: tuple[float, ...]
    """Where the moments lie: 0 at the frame before, 1 at the frame after."""
    linear: tuple[Levels, ...]
    """Both frames blended by time."""
    warped: tuple[tuple[Levels, Levels], ...]
    """The frame before and the frame after, each brought to the moment along the optical flow."""
    flow: tuple[Levels, ...]
    """The two warps blended by time."""
    render: tuple[Levels, ...]
    """What TGAN draws there, in the light of the footage."""
    residual: tuple[Levels, ...]
    """What TGAN draws there less the blend of what it draws at the two frames: the part of its
    movement that blending misses. Zero at either frame."""
    features_FHW: Levels
    """First two layers of the critic around the two frames, with a plane of ones before them."""
    control_FHW: Levels | None = None
    """The same of a critic that has learnt nothing; None unless it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Interpolator:
    """A model, asked for moments between frames."""

    sight: Sight
    refine_steps: int = 0
    """Steps of latent search after the encoder; 0 takes the encoder's word."""
    control: Critic | None = None
    """A critic that has learnt nothing, to tell what the learning is worth."""

    def __post_init__(self) -> None:
        first = self.sight.preset.planes[0]
        if first not in _PICTURES:
            raise ModelError(
                f"a model that sees {first} first draws no pictures to interpolate; train with one "
                "of the presets"
            )

    def with_control(self, seed: int = 0) -> Interpolator:
        """Return the same beside a critic of the same shape with first weights from chance."""
        critic = new_training_state(self.sight.preset.tgan, seed).critic
        untrained = critic.to(self.sight.networks.device).eval().requires_grad_(False)
        return replace(self, control=untrained)

    @cached_property
    def frames(self) -> int:
        """T: how many frames a run must have at least."""
        return self.sight.preset.tgan.geometry.frames

    def between(self, run: Run, gap: int, shares: Sequence[float]) -> Between:
        """Return the moments at `shares` (0 to 1) of the way from frame `gap` to the next.

        The clip that the networks see has the two frames in its middle, or as near to it as the run
        allows. Raises ValueError when the run is shorter than a clip.
        """
        if len(run) < self.frames:
            raise ValueError(f"{len(run)} frames are no clip of {self.frames}")
        start = min(max(gap - (self.frames // 2 - 1), 0), len(run) - self.frames)
        planes_NPTHW, gain, offset = self._seen(run, start)
        drawn_S = self._drawn(planes_NPTHW, gap - start, (0.0, *shares, 1.0))
        pair = run.pair(gap)
        before, after = (picture.astype(np.float32) for picture in (pair.before, pair.after))
        warped = tuple(pair.warped(share) for share in shares)
        return Between(
            shares=tuple(shares),
            linear=tuple(_blend(before, after, share) for share in shares),
            warped=warped,
            flow=tuple(_blend(*both, share) for both, share in zip(warped, shares, strict=True)),
            render=tuple((drawn - offset) / gain for drawn in drawn_S[1:-1]),
            residual=tuple(
                (drawn - _blend(drawn_S[0], drawn_S[-1], share)) / gain
                for drawn, share in zip(drawn_S[1:-1], shares, strict=True)
            ),
            features_FHW=self._features(self.sight.networks.critic, planes_NPTHW, gap - start),
            control_FHW=None
            if self.control is None
            else self._features(self.control, planes_NPTHW, gap - start),
        )

    def _seen(self, run: Run, start: int) -> tuple[Tensor, float, float]:
        """Return the planes of one clip, and what gain and offset brought it to the background's
        light."""
        sight = self.sight
        pictures = torch.from_numpy(np.stack(run.frames[start : start + self.frames])).unsqueeze(0)
        gain, offset = 1.0, 0.0
        if sight.view.grey:
            gain_N1, offset_N1 = lighting_of(pictures, torch.from_numpy(sight.background_HW))
            gain, offset = float(gain_N1), float(offset_N1)
            pictures = (gain * pictures.float() + offset).round().clamp(0.0, 255.0).to(torch.uint8)
        flows = [run.forward(gap) for gap in range(start, start + self.frames - 1)]
        # As in every window, the first frame has the flow of the second. Speeds are those of a step
        # of the model, whatever was left out: its networks know them so.
        flow_THW2 = (np.stack([flows[0], *flows]) / run.step).astype(np.float16)
        windows = WindowBatch(pictures=pictures.numpy(), flow_NTHW2=flow_THW2[None])
        planes = sight.reader().planes_NPTHW(windows)
        return planes.to(sight.networks.device), gain, offset

    def _drawn(self, planes_NPTHW: Tensor, index: int, shares: Sequence[float]) -> list[Levels]:
        """Return the levels that the generator draws at moments behind frame `index` of a clip,
        its tiles blended into whole frames."""
        sight, networks = self.sight, self.sight.networks
        every_NK = torch.arange(len(sight.grid.corners)).unsqueeze(0)
        tiles = cut_tiles(planes_NPTHW, sight.grid, every_NK)
        share_S = torch.tensor(shares, device=tiles.device)
        parts = []
        for part in torch.split(tiles, _TILES_AT_ONCE):
            with networks.precision():
                latent_BZ, path_BZT = encode(networks.encoder, networks.generator, part)
            if self.refine_steps:
                latent_BZ = refine_latent(
                    networks.generator,
                    networks.critic,
                    part.clone(),
                    latent_BZ.clone(),
                    steps=self.refine_steps,
                )
                path_BZT = networks.generator.frame_latents(latent_BZ)
            with networks.precision():
                moments_BZS = torch.lerp(
                    path_BZT[:, :, index, None], path_BZT[:, :, index + 1, None], share_S
                )
                parts.append(networks.generator.render(latent_BZ, moments_BZS).float())
        with networks.precision():
            frames_NPSHW = stitch_tiles(torch.cat(parts), sight.grid, every_NK)
        background = torch.from_numpy(sight.background_HW)
        levels = levels_of(frames_NPSHW.cpu(), background, sight.preset.planes)[0]
        return [level.numpy() for level in levels]

    def _features(self, critic: Critic, planes_NPTHW: Tensor, index: int) -> Levels:
        size = planes_NPTHW.shape[-2:]
        with self.sight.networks.precision():
            parts = [torch.ones((1, *size), device=planes_NPTHW.device)]
            activations = critic.features(planes_NPTHW)[: len(_MIDDLES)]
            for hidden_BCTHW, (first, stride) in zip(activations, _MIDDLES, strict=True):
                hidden_CTHW = hidden_BCTHW[0].float()
                last = hidden_CTHW.shape[1] - 1
                at = min(max((index - first) / stride, 0.0), float(last))
                lower, upper = int(at), min(int(at) + 1, last)
                now_CHW = torch.lerp(hidden_CTHW[:, lower], hidden_CTHW[:, upper], at - lower)
                parts.append(
                    F.interpolate(now_CHW[None], size, mode="bilinear", align_corners=False)[0]
                )
            features_FHW = torch.cat(parts)
        return features_FHW.cpu().numpy()


def _blend(before: Levels, after: Levels, share: float) -> Levels:
    return np.asarray((1.0 - share) * before + share * after, dtype=np.float32)
