"""Finer time steps of a clip: the same trajectory, sampled more often (section 5.4)."""

import torch
from torch import Tensor
from torch.nn import functional as F

from tgan_core.reconstruction_loss import frozen
from tgan_core.video_generator import VideoGenerator

__all__ = ["interpolate"]


@torch.no_grad()
def interpolate(
    generator: VideoGenerator,
    latent_BZ: Tensor,
    factor: int,
    frame_latents_BZT: Tensor | None = None,
    label_B: Tensor | None = None,
) -> Tensor:
    """video_BCTHW with (T - 1) * factor + 1 frames; every factor-th is the clip's own.

    `frame_latents_BZT` is a trajectory to follow instead of the latent's own, from a relaxed
    encoder for example. Points between two moments lie on the straight line between them, behind
    the tanh, so the line never leaves the box. `label_B` are the labels of a conditional model.
    """
    if factor < 1:
        raise ValueError(f"factor must be at least 1, not {factor}")
    with frozen(generator):
        if frame_latents_BZT is None:
            frame_latents_BZT = generator.frame_latents(latent_BZ, label_B)
        moments = (frame_latents_BZT.shape[2] - 1) * factor + 1
        finer_BZT = F.interpolate(
            frame_latents_BZT, size=moments, mode="linear", align_corners=True
        )
        return generator.render(latent_BZ, finer_BZT, label_B)
