"""D: how much a clip looks like the footage (paper, table 1, right), on tiles or whole frames."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgan_core.config import GeometryConfig
from tgan_core.labels import checked_labels
from tgan_core.normalisation import batch_norm
from tgan_core.shapes import check_shape

__all__ = ["Critic", "strided_layers"]

LEAK = 0.2
"""Slope of the leaky rectifier below zero; at most 1, so it never lengthens a gradient."""


class Critic(nn.Module):
    """Strided 3-D convolutions and one valid convolution that leaves a single score.

    The network is fully convolutional in space: on a frame larger than the tile it gives a map
    of scores. It is 1-Lipschitz only as far as singular value clipping keeps it so. A conditional
    one (section 1.6) sees a clip with V planes more, those of its label ones and all others zeros.
    """

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.geometry = geometry
        convolutions, steps_left = strided_layers(
            geometry, geometry.critic_width, labels=geometry.labels
        )
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            nn.Identity()
            if index == 0 or geometry.critic_norm == "none"
            else batch_norm(nn.BatchNorm3d, convolution.out_channels, shift=False)
            for index, convolution in enumerate(convolutions)
        )
        self.head = nn.Conv3d(convolutions[-1].out_channels, 1, (steps_left, 4, 4))

    def forward(self, video_BCTHW: Tensor, label_B: Tensor | None = None) -> Tensor:
        """score_B of tile-sized clips, each as one of its label."""
        tile_px = self.geometry.tile_px
        check_shape(video_BCTHW, (None, None, None, tile_px, tile_px), "video_BCTHW")
        return self.score_map(video_BCTHW, label_B).flatten()

    def score_map(self, video_BCTHW: Tensor, label_B: Tensor | None = None) -> Tensor:
        """score_BHW of frames of at least a tile; one score every tile_px / 4 pixels.

        The score at (row, column) belongs to the tile whose corner is at that multiple of
        tile_px / 4. Inside a larger frame the neighbourhood takes the place of zero padding.
        """
        return self.score_map_from_features(self.features(video_BCTHW, label_B))

    def score_map_from_features(self, activations: list[Tensor]) -> Tensor:
        """score_BHW from what `features` returned, when the caller needs both."""
        deepest = activations[-1]
        # The score is a sum of thousands of products: in bfloat16 only 8 bits would be left.
        with torch.autocast(deepest.device.type, enabled=False):
            score_BCTHW: Tensor = self.head(deepest.float())
        return score_BCTHW[:, 0, 0]

    def features(self, video_BCTHW: Tensor, label_B: Tensor | None = None) -> list[Tensor]:
        """The activations (BCTHW) behind each strided layer, shallow to deep."""
        check_shape(
            video_BCTHW, (None, self.geometry.channels, self.geometry.frames, None, None), "video"
        )
        if min(video_BCTHW.shape[3:]) < self.geometry.tile_px:
            raise ValueError(f"video_BCTHW is smaller than a tile of {self.geometry.tile_px} px")
        label_B = checked_labels(label_B, self.geometry.labels, len(video_BCTHW))
        hidden_BCTHW, activations = video_BCTHW, list[Tensor]()
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            if label_B is not None and not activations:
                hidden_BCTHW = self._with_labels(video_BCTHW, label_B.to(video_BCTHW.device))
            else:
                hidden_BCTHW = convolution(hidden_BCTHW)
            hidden_BCTHW = F.leaky_relu(norm(hidden_BCTHW), LEAK)
            activations.append(hidden_BCTHW)
        return activations

    def _with_labels(self, video_BCTHW: Tensor, label_B: Tensor) -> Tensor:
        """The first convolution of cat(video, planes of the label), computed once a label.

        A convolution of joined channels is the sum of the convolutions of the parts, and that of
        a plane of ones is the same for all clips of the label; planes of zeros add nothing.
        """
        first, channels = self.convolutions[0], self.geometry.channels
        assert isinstance(first, nn.Conv3d)
        weight = first.weight  # read once: behind a spectral norm that is a step of its iteration
        convolve = partial(F.conv3d, stride=first.stride, padding=first.padding)
        from_video = convolve(video_BCTHW, weight[:, :channels], first.bias)
        ones = video_BCTHW.new_ones(1, 1, *video_BCTHW.shape[2:])
        by_label = weight[:, channels:].transpose(0, 1).flatten(0, 1)[:, None]
        planes_VCTHW = torch.unflatten(convolve(ones, by_label)[0], 0, (-1, first.out_channels))
        return from_video + planes_VCTHW[label_B]


def strided_layers(
    geometry: GeometryConfig, width: int, *, labels: int = 0
) -> tuple[list[nn.Conv3d], int]:
    """Convolutions that bring a tile to 4x4 px, and the time steps that are left then.

    Space is halved by every layer; time only while more than one step is left. The first one takes
    `labels` channels more than a clip has.
    """
    layers, inputs, steps = [], geometry.channels + labels, geometry.frames
    for index in range(geometry.image_doublings):
        in_time = (4, 2, 1) if steps > 1 else (1, 1, 0)
        kernel, stride, padding = (
            (time, *space) for time, space in zip(in_time, ((4, 4), (2, 2), (1, 1)), strict=True)
        )
        layers.append(nn.Conv3d(inputs, width << index, kernel, stride, padding))
        inputs, steps = width << index, max(steps // 2, 1)
    return layers, steps
