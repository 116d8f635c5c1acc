"""Search for the latent of a clip by gradient steps on the latent itself (AnoGAN)."""

import torch
from torch import Tensor

from tgan_core.critic import Critic
from tgan_core.errors import NonFiniteError
from tgan_core.reconstruction_loss import frozen, reconstruction_loss
from tgan_core.shapes import check_shape
from tgan_core.video_generator import VideoGenerator

__all__ = ["refine_latent"]

INSIDE = 1.0 - 1e-4
"""The start is pulled this far into the box: at its wall tanh has no slope left."""


def refine_latent(
    generator: VideoGenerator,
    critic: Critic,
    video_BCTHW: Tensor,
    latent_BZ: Tensor,
    steps: int = 50,
    learning_rate: float = 0.03,
    feature_weight: float = 1.0,
    label_B: Tensor | None = None,
) -> Tensor:
    """The best latent_BZ in (-1, 1) met on the way, for each clip on its own.

    Takes `steps` Adam steps from latent_BZ with all networks frozen in eval mode; a clip that
    gets no better keeps its start (pulled into the open box). `label_B` are the labels of a
    conditional model; they stay as they are. Raises NonFiniteError when the
    search runs into a NaN.
    """
    check_shape(latent_BZ, (video_BCTHW.shape[0], generator.geometry.latent), "latent_BZ")
    best_BZ = latent_BZ.detach().float().clamp(-INSIDE, INSIDE)
    best_loss_B = torch.full((len(best_BZ),), float("inf"), device=best_BZ.device)
    free_BZ = torch.atanh(best_BZ).requires_grad_()
    optimiser = torch.optim.Adam([free_BZ], lr=learning_rate)
    with frozen(generator, critic), torch.enable_grad():
        with torch.no_grad():
            real_features = critic.features(video_BCTHW, label_B)
        for step in range(steps + 1):
            tried_BZ = torch.tanh(free_BZ)
            loss_B = reconstruction_loss(
                critic,
                video_BCTHW,
                generator(tried_BZ, label_B),
                feature_weight=feature_weight,
                real_features=real_features,
                label_B=label_B,
            )
            if not bool(torch.isfinite(loss_B).all()):
                raise NonFiniteError("loss of the latent search", step=step)
            better_B = loss_B.detach() < best_loss_B
            best_BZ = torch.where(better_B[:, None], tried_BZ.detach(), best_BZ)
            best_loss_B = torch.where(better_B, loss_B.detach(), best_loss_B)
            if step < steps:
                # The sum keeps the clips apart: each latent sees only its own loss.
                (free_BZ.grad,) = torch.autograd.grad(loss_B.sum(), [free_BZ])
                optimiser.step()
    return best_BZ
