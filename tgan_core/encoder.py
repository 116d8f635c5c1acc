"""E: from a real clip to the latent whose clip looks most like it (f-AnoGAN, izi_f)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tgan_core.config import GeometryConfig
from tgan_core.critic import LEAK, strided_layers
from tgan_core.normalisation import batch_norm
from tgan_core.reconstruction_loss import frozen
from tgan_core.shapes import check_shape
from tgan_core.video_generator import VideoGenerator

__all__ = ["Encoder", "Reconstruction", "encode", "reconstruct"]

INSIDE = 1.0 - 1e-4
"""Trajectories are pulled this far into the box before atanh, which is infinite at its wall."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconstruction:
    """What the generator can make of a clip."""

    video_BCTHW: Tensor
    """The reconstructed clip, float32 in [-1, 1]."""
    latent_BZ: Tensor
    """The latent it was drawn from, in (-1, 1)."""
    frame_latents_BZT: Tensor
    """The trajectory it was drawn from, in (-1, 1)."""


class Encoder(nn.Module):
    """The critic's strided stack, without constraint, with a latent at its end.

    A relaxed encoder also sees how each moment departs from the trajectory that the latent
    alone would give; the departure starts as zero, so it begins as a strict one. It sees no label:
    of a conditional model the label goes to the generator, and one encoder serves all of them.
    """

    def __init__(self, geometry: GeometryConfig, *, relaxed: bool = False) -> None:
        super().__init__()
        self.geometry, self.relaxed = geometry, relaxed
        width = geometry.critic_width
        convolutions, steps_left = strided_layers(geometry, width)
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(
            batch_norm(nn.BatchNorm3d, convolution.out_channels) if index else nn.Identity()
            for index, convolution in enumerate(convolutions)
        )
        self.head = nn.Conv3d(convolutions[-1].out_channels, geometry.latent, (steps_left, 4, 4))
        self.moments = _MomentHead(geometry) if relaxed else None

    def forward(self, video_BCTHW: Tensor) -> Tensor:
        """latent_BZ in (-1, 1): the box keeps codes where the generator was trained."""
        return self.codes(video_BCTHW)[0]

    def codes(self, video_BCTHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """latent_BZ and, from a relaxed encoder, the unbounded departure_BZT of the moments."""
        sizes = self.geometry
        tile = (sizes.channels, sizes.frames, sizes.tile_px, sizes.tile_px)
        check_shape(video_BCTHW, (None, *tile), "video_BCTHW")
        hidden_BCTHW, shallow_BCTHW = video_BCTHW, None
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            hidden_BCTHW = F.leaky_relu(norm(convolution(hidden_BCTHW)), LEAK)
            shallow_BCTHW = hidden_BCTHW if shallow_BCTHW is None else shallow_BCTHW
        latent_BZ = torch.tanh(self.head(hidden_BCTHW).float()).flatten(1)
        if self.moments is None:
            return latent_BZ, None
        return latent_BZ, self.moments(shallow_BCTHW).float()


class _MomentHead(nn.Module):
    """departure_BZT from the first layer's activations, which still know half of the moments."""

    def __init__(self, geometry: GeometryConfig) -> None:
        super().__init__()
        width, layers = geometry.critic_width, list[nn.Module]()
        for _ in range(geometry.image_doublings - 1):
            layers += [
                nn.Conv3d(width, width, (1, 4, 4), (1, 2, 2), (0, 1, 1)),
                batch_norm(nn.BatchNorm3d, width),
                nn.LeakyReLU(LEAK),
            ]
        self.layers = nn.Sequential(*layers, nn.Conv3d(width, geometry.latent, (1, 4, 4)))
        self.upsample = nn.ConvTranspose1d(geometry.latent, geometry.latent, 4, 2, 1)

    def forward(self, shallow_BCTHW: Tensor) -> Tensor:
        hidden_BZT = self.layers(shallow_BCTHW).flatten(2)
        departure_BZT: Tensor = self.upsample(F.leaky_relu(hidden_BZT, LEAK))
        return departure_BZT


def encode(
    encoder: Encoder,
    generator: VideoGenerator,
    video_BCTHW: Tensor,
    *,
    strict: bool = False,
    label_B: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """latent_BZ and frame_latents_BZT, both in (-1, 1), for clips float in [-1, 1].

    With `strict`, or from an encoder that is not relaxed, the trajectory follows from the latent
    alone: the strongest idea of what is normal. Otherwise it may depart from it. `label_B` are the
    labels of the clips, for a conditional generator.
    """
    latent_BZ, departure_BZT = encoder.codes(video_BCTHW)
    frame_latents_BZT = generator.frame_latents(latent_BZ, label_B)
    if departure_BZT is None or strict:
        return latent_BZ, frame_latents_BZT
    free_BZT = torch.atanh(frame_latents_BZT.clamp(-INSIDE, INSIDE))
    return latent_BZ, torch.tanh(free_BZT + departure_BZT)


@torch.no_grad()
def reconstruct(
    encoder: Encoder,
    generator: VideoGenerator,
    video_BCTHW: Tensor,
    *,
    strict: bool = False,
    label_B: Tensor | None = None,
) -> Reconstruction:
    """The clip that the generator draws from the encoder's code, all networks in eval mode."""
    with frozen(encoder, generator):
        latent_BZ, frame_latents_BZT = encode(
            encoder, generator, video_BCTHW, strict=strict, label_B=label_B
        )
        return Reconstruction(
            video_BCTHW=generator.render(latent_BZ, frame_latents_BZT, label_B),
            latent_BZ=latent_BZ,
            frame_latents_BZT=frame_latents_BZT,
        )
