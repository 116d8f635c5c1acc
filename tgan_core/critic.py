"""D: how much a clip looks like the footage (paper, table 1, right), on tiles or whole frames."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgan_core.config import GeometryConfig
from tgan_core.normalisation import batch_norm
from tgan_core.shapes import check_shape

__all__ = ["Critic", "strided_layers"]

LEAK = 0.2
"""Slope of the leaky rectifier below zero; at most 1, so it never lengthens a gradient."""


class Critic(nn.Module):
    """Strided 3-D convolutions and one valid convolution that leaves a single score.

    The network is fully convolutional in space: on a frame larger than the tile it gives a map
    of scores. It is 1-Lipschitz only as far as singular value clipping keeps it so.
    """

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.geometry = geometry
        convolutions, steps_left = strided_layers(geometry, geometry.critic_width)
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            nn.Identity()
            if index == 0 or geometry.critic_norm == "none"
            else batch_norm(nn.BatchNorm3d, convolution.out_channels, shift=False)
            for index, convolution in enumerate(convolutions)
        )
        self.head = nn.Conv3d(convolutions[-1].out_channels, 1, (steps_left, 4, 4))

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """score_B of tile-sized clips."""
        tile_px = self.geometry.tile_px
        check_shape(video_BCTHW, (None, None, None, tile_px, tile_px), "video_BCTHW")
        return self.score_map(video_BCTHW).flatten()

    def score_map(self, video_BCTHW: Tensor) -> Tensor:
        """score_BHW of frames of at least a tile; one score every tile_px / 4 pixels.

        The score at (row, column) belongs to the tile whose corner is at that multiple of
        tile_px / 4. Inside a larger frame the neighbourhood takes the place of zero padding.
        """
        return self.score_map_from_features(self.features(video_BCTHW))

    def score_map_from_features(self, activations: list[Tensor]) -> Tensor:
        """score_BHW from what `features` returned, when the caller needs both."""
        deepest = activations[-1]
        # The score is a sum of thousands of products: in bfloat16 only 8 bits would be left.
        with torch.autocast(deepest.device.type, enabled=False):
            score_BCTHW: Tensor = self.head(deepest.float())
        return score_BCTHW[:, 0, 0]

    def features(self, video_BCTHW: Tensor) -> list[Tensor]:
        """The activations (BCTHW) behind each strided layer, shallow to deep."""
        check_shape(
            video_BCTHW, (None, self.geometry.channels, self.geometry.frames, None, None), "video"
        )
        if min(video_BCTHW.shape[3:]) < self.geometry.tile_px:
            raise ValueError(f"video_BCTHW is smaller than a tile of {self.geometry.tile_px} px")
        hidden_BCTHW, activations = video_BCTHW, []
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden_BCTHW = F.leaky_relu(norm(convolution(hidden_BCTHW)), LEAK)
            activations.append(hidden_BCTHW)
        return activations


def strided_layers(geometry: GeometryConfig, width: int) -> tuple[list[nn.Conv3d], int]:
    """Convolutions that bring a tile to 4x4 px, and the time steps that are left then.

    Space is halved by every layer; time only while more than one step is left.
    """
    layers, inputs, steps = [], geometry.channels, geometry.frames
    for index in range(geometry.image_doublings):
        in_time = (4, 2, 1) if steps > 1 else (1, 1, 0)
        kernel, stride, padding = (
            (time, *space) for time, space in zip(in_time, ((4, 4), (2, 2), (1, 1)), strict=True)
        )
        layers.append(nn.Conv3d(inputs, width << index, kernel, stride, padding))
        inputs, steps = width << index, max(steps // 2, 1)
    return layers, steps
