"""G0: from the latent of a clip to the latent of each frame (paper, table 1, left)."""

from itertools import pairwise

import torch
from torch import Tensor, nn

from tgan_core.config import GeometryConfig
from tgan_core.labels import checked_labels, one_hot
from tgan_core.normalisation import batch_norm
from tgan_core.shapes import check_shape

__all__ = ["TemporalGenerator"]


class TemporalGenerator(nn.Module):
    """Turns latent_BZ into frame_latents_BZT, both in [-1, 1], without further chance.

    One transposed convolution of length 1, then one of kernel 4 and stride 2 for each doubling
    of the time axis: 1, 2, 4, 8, 16 steps. A conditional one sees the latent joined with the
    one-hot label.
    """

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        self.latent, self.labels = geometry.latent, geometry.labels
        doublings = geometry.temporal_doublings
        widths = [max(geometry.temporal_width >> i, geometry.temporal_width // 4) for i in range(8)]
        outputs = [*widths[:doublings], geometry.latent]
        layers: list[nn.Module] = [nn.ConvTranspose1d(self.latent + self.labels, outputs[0], 1)]
        for inputs, width in pairwise(outputs):
            layers += [
                batch_norm(nn.BatchNorm1d, inputs, shift=False),
                nn.ReLU(),
                nn.ConvTranspose1d(inputs, width, 4, stride=2, padding=1),
            ]
        self.layers = nn.Sequential(*layers, nn.Tanh())

    def forward(self, latent_BZ: Tensor, label_B: Tensor | None = None) -> Tensor:
        """The trajectory frame_latents_BZT in (-1, 1) that belongs to latent_BZ (and label_B)."""
        check_shape(latent_BZ, (None, self.latent), "latent_BZ")
        label_B = checked_labels(label_B, self.labels, len(latent_BZ))
        if label_B is not None:
            latent_BZ = torch.cat([latent_BZ, one_hot(label_B, self.labels, latent_BZ)], dim=1)
        frame_latents_BZT: Tensor = self.layers(latent_BZ[:, :, None])
        return frame_latents_BZT
