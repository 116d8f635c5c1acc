"""A batch of clips with what several experts need of it, each computed once.

Shapes: N clips, P planes, T frames, H x W pixels, grid of G x W cells, K tiles, Z latent numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pipeline.clips.reader import WindowBatch
from pipeline.clips.tiles import CELL_PX, TileGrid, cut_tiles, stitch_tiles
from pipeline.scoring.feature_bank import DepthBank
from pipeline.scoring.rhythm_bank import RhythmBank
from pipeline.stopwatch import stage
from tgan_core.critic import Critic
from tgan_core.encoder import Encoder
from tgan_core.video_generator import VideoGenerator

__all__ = ["ClipBatch", "LatentStatistics", "Networks", "to_cells"]

_TILES_AT_ONCE = 32
"""Tiles reconstructed in one go: 256 of the compact preset are no faster on a CPU (0.18 s a clip,
32: 0.17 s) and take 250 MB more."""
_BLOCK_TILES = 16
"""A batch is made up to whole blocks: a rest goes through other kernels, which round otherwise, and
the scores of a clip would hang on which clips were looked at with it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Networks:
    """The networks of one camera, frozen, in eval mode, on one device."""

    generator: VideoGenerator
    critic: Critic
    encoder: Encoder
    bf16: bool

    def freeze(self) -> Networks:
        """Put every network into eval mode without gradients, its weights with the channels of a
        pixel together (nearly twice as fast on a CPU); return self."""
        for network in (self.generator, self.critic, self.encoder):
            network.eval().requires_grad_(False)
            for weight in network.parameters():
                if weight.dim() in (4, 5):
                    layout = torch.channels_last if weight.dim() == 4 else torch.channels_last_3d
                    weight.data = weight.data.contiguous(memory_format=layout)
        return self

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.critic.parameters()).device

    @contextmanager
    def precision(self) -> Iterator[None]:
        """Run what is inside without gradients, in bf16 where the preset says so."""
        with (
            torch.inference_mode(),
            torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.bf16),
        ):
            yield


@dataclass(frozen=True, kw_only=True, slots=True)
class LatentStatistics:
    """Mean and spread of the encoder's latent at each tile of the grid, in normal operation."""

    mean_KZ: Tensor
    spread_KZ: Tensor


class ClipBatch:
    """Clips on their way through the experts. Everything is computed on first use and kept."""

    def __init__(
        self,
        planes_NPTHW: Tensor,
        windows: WindowBatch,
        grid: TileGrid,
        networks: Networks,
        latent_statistics: LatentStatistics | None,
        feature_bank: tuple[DepthBank, ...],
        rhythm_bank: RhythmBank | None,
        *,
        looked_at: int | None,
        partly_hidden: bool = False,
    ) -> None:
        self.planes_NPTHW = planes_NPTHW
        self.windows = windows
        self.grid = grid
        self.networks = networks
        self.latent_statistics = latent_statistics
        self.feature_bank = feature_bank
        self.rhythm_bank = rhythm_bank
        self._looked_at = looked_at
        self.partly_hidden = partly_hidden
        """Whether places are hidden that were not when the model learnt, so that what the whole
        picture does together cannot be compared."""

    def __len__(self) -> int:
        return len(self.planes_NPTHW)

    @cached_property
    def critic_features(self) -> list[Tensor]:
        """Activations of the critic over whole frames, from the first layer to the last."""
        with stage("critic"), self.networks.precision():
            return self.networks.critic.features(self.planes_NPTHW)

    @cached_property
    def critic_map_NGW(self) -> NDArray[np.float32]:
        """Critic output over whole frames on the score grid; larger is more like normal."""
        with stage("critic"), self.networks.precision():
            scores_NHW = self.networks.critic.score_map_from_features(self.critic_features).float()
        # The critic's last layer spans 4 x 4 cells: 3 fewer each way, put back at the edges.
        padded = F.pad(scores_NHW.unsqueeze(1), (1, 2, 1, 2), mode="replicate")
        return to_cells(padded, self.grid)

    @cached_property
    def tiles_NK(self) -> Tensor:
        """Which tiles of the grid are reconstructed, by their number in the order of corners.

        The generator is by far the slowest part, so it looks only where the critic finds a clip
        least normal; everywhere when no number was given.
        """
        count = len(self.grid.corners)
        if self._looked_at is None or self._looked_at >= count:
            return torch.arange(count).expand(len(self), -1)
        side = self.grid.tile_px // CELL_PX
        corners = [(top // CELL_PX, left // CELL_PX) for top, left in self.grid.corners]
        lowest = [
            self.critic_map_NGW[:, row : row + side, column : column + side].min(axis=(1, 2))
            for row, column in corners
        ]
        ranked = np.argsort(np.stack(lowest, axis=1), axis=1, kind="stable")
        return torch.from_numpy(np.sort(ranked[:, : self._looked_at], axis=1).copy())

    @cached_property
    def latent_NKZ(self) -> Tensor:
        """Latent of every tile of `tiles_NK`, by the encoder."""
        with stage("encoder"), self.networks.precision():
            with stage("tiles"):
                tiles = cut_tiles(self.planes_NPTHW, self.grid, self.tiles_NK)
            latent_MZ = _in_blocks(self.networks.encoder, tiles)
            return latent_MZ.reshape(len(self), -1, latent_MZ.shape[1])

    @cached_property
    def reconstruction_NPTHW(self) -> Tensor:
        """What the generator makes of the latents, stitched to whole frames; where it did not look,
        the clip itself."""
        with stage("tiles"), self.networks.precision():
            latents = self.latent_NKZ.flatten(0, 1)
            with stage("generator"):
                drawn = _in_blocks(self.networks.generator, latents)
            stitched = stitch_tiles(drawn, self.grid, self.tiles_NK)
            return torch.where(stitched.isnan(), self.planes_NPTHW, stitched)

    @cached_property
    def reconstruction_features(self) -> list[Tensor]:
        """Activations of the critic over the reconstruction."""
        with stage("critic of the reconstruction"), self.networks.precision():
            return self.networks.critic.features(self.reconstruction_NPTHW)

    def over_tiles(self, values_NK: Tensor) -> NDArray[np.float32]:
        """Return one value a tile of `tiles_NK` on the score grid, NGW: averaged where tiles
        overlap, NaN where there is none."""
        painted = values_NK.reshape(-1, 1, 1, 1, 1).expand(-1, 1, 1, *[self.grid.tile_px] * 2)
        return to_cells(stitch_tiles(painted, self.grid, self.tiles_NK)[:, :, 0], self.grid)

    @cached_property
    def unseen_NGW(self) -> NDArray[np.bool_]:
        """Cells where the generator did not look."""
        looked = self.over_tiles(torch.ones(self.tiles_NK.shape))
        return np.isnan(looked)


def _in_blocks(network: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """Return what a network makes of each tile (first dimension), in float32, the same whatever
    tiles are beside it."""
    parts = []
    for part in torch.split(inputs, _TILES_AT_ONCE):
        missing = -len(part) % _BLOCK_TILES
        whole = torch.cat([part, part[:1].expand(missing, *part.shape[1:])]) if missing else part
        parts.append(network(whole)[: len(part)])
    return torch.cat(parts).float()


def to_cells(maps_NCHW: Tensor, grid: TileGrid) -> NDArray[np.float32]:
    """Return maps_NGW on the score grid: the mean over C, averaged down or interpolated up."""
    rows, columns = grid.cells
    maps = maps_NCHW.float().mean(dim=1, keepdim=True)
    if maps.shape[-2] >= rows and maps.shape[-1] >= columns:
        resized = F.adaptive_avg_pool2d(maps, (rows, columns))
    else:
        resized = F.interpolate(maps, (rows, columns), mode="bilinear", align_corners=False)
    return resized.squeeze(1).cpu().numpy().astype(np.float32)
