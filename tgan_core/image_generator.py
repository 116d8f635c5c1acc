"""G1: one frame from the latent of the clip and the latent of the moment (paper, table 1)."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgan_core.config import GeometryConfig
from tgan_core.labels import checked_labels, one_hot
from tgan_core.normalisation import batch_norm
from tgan_core.shapes import check_shape

__all__ = ["ImageGenerator"]


class ImageGenerator(nn.Module):
    """A DCGAN that is shared by all frames and sees both latents.

    Each latent gets its own linear layer to half of the channels at 4x4 px; the halves are
    joined in the order clip, moment and doubled in size up to the tile. In a conditional model the
    label has a layer of its own too, to half as many channels as a latent, joined last: how the
    paper splits them is not known.
    """

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.latent, self.labels = geometry.latent, geometry.labels
        self.half_width = geometry.generator_width // 2
        self.clip_branch = _branch(geometry.latent, self.half_width * 16)
        self.moment_branch = _branch(geometry.latent, self.half_width * 16)
        self.label_width = self.half_width // 2 if self.labels else 0
        self.label_branch = _branch(self.labels, self.label_width * 16) if self.labels else None
        widths = [geometry.generator_width >> i for i in range(geometry.image_doublings + 1)]
        joined = widths[0] + self.label_width
        self.first = nn.ConvTranspose2d(joined, widths[1], 4, stride=2, padding=1, bias=False)
        layers: list[nn.Module] = [batch_norm(nn.BatchNorm2d, widths[1]), nn.ReLU()]
        for inputs, outputs in pairwise(widths[1:]):
            layers += [
                nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                batch_norm(nn.BatchNorm2d, outputs),
                nn.ReLU(),
            ]
        self.layers = nn.Sequential(*layers)
        self.last = nn.ConvTranspose2d(widths[-1], geometry.channels, 3, stride=1, padding=1)

    def forward(
        self, latent_BZ: Tensor, frame_latents_BZT: Tensor, label_B: Tensor | None = None
    ) -> Tensor:
        """video_BCTHW in [-1, 1], one frame for each of the T moments (any T >= 1)."""
        check_shape(latent_BZ, (None, self.latent), "latent_BZ")
        clips = latent_BZ.shape[0]
        check_shape(frame_latents_BZT, (clips, self.latent, None), "frame_latents_BZT")
        label_B = checked_labels(label_B, self.labels, clips)
        moments = frame_latents_BZT.shape[2]
        moments_NZ = frame_latents_BZT.transpose(1, 2).reshape(clips * moments, self.latent)
        hidden_NCHW = self.layers(self._join(latent_BZ, moments_NZ, moments, label_B))
        # Close to black and white bfloat16 has steps of one grey level: tanh stays float32.
        frames_NCHW = torch.tanh(self.last(hidden_NCHW).float())
        return frames_NCHW.view(clips, moments, *frames_NCHW.shape[1:]).transpose(
            1, 2
        )  # BTCHW -> BCTHW

    def _join(
        self, latent_BZ: Tensor, moments_NZ: Tensor, moments: int, label_B: Tensor | None = None
    ) -> Tensor:
        """The first doubling of cat(clip, moment, label), with all but the moment's part computed
        once a clip.

        A convolution of joined channels is the sum of the convolutions of the parts; batch
        statistics of repeated rows are those of the rows.
        """
        square = (self.half_width, 4, 4)
        clip_BCHW = self.clip_branch(latent_BZ).unflatten(1, square)
        moment_NCHW = self.moment_branch(moments_NZ).unflatten(1, square)
        weight = self.first.weight  # (in, out, 4, 4)
        from_clip = F.conv_transpose2d(clip_BCHW, weight[: self.half_width], stride=2, padding=1)
        latents = 2 * self.half_width
        from_moment = F.conv_transpose2d(
            moment_NCHW, weight[self.half_width : latents], stride=2, padding=1
        )
        if self.label_branch is not None and label_B is not None:
            label_BV = one_hot(label_B, self.labels, latent_BZ)
            label_BCHW = self.label_branch(label_BV).unflatten(1, (self.label_width, 4, 4))
            from_clip = from_clip + F.conv_transpose2d(
                label_BCHW, weight[latents:], stride=2, padding=1
            )
        return from_moment + from_clip.repeat_interleave(moments, dim=0)


def _branch(latent: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(latent, outputs, bias=False), batch_norm(nn.BatchNorm1d, outputs), nn.ReLU()
    )
