"""The two games between generator and critic, and the gradient penalty at real clips."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Losses", "losses", "non_saturating_losses", "r1_penalty", "wasserstein_losses"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Losses:
    """What each player wants to make small, scalars of one batch."""

    critic: Tensor
    generator: Tensor


def wasserstein_losses(real_score_B: Tensor, fake_score_B: Tensor) -> Losses:
    """Earth mover's distance: mean D(fake) - mean D(real) against -mean D(fake)."""
    fake_score = fake_score_B.mean()
    return Losses(critic=fake_score - real_score_B.mean(), generator=-fake_score)


def non_saturating_losses(real_score_B: Tensor, fake_score_B: Tensor) -> Losses:
    """Logistic game: the generator maximises log sigmoid(D(fake)) instead of hiding from it."""
    # softplus(x) = -log(1 - sigmoid(x)) and softplus(-x) = -log(sigmoid(x))
    return Losses(
        critic=F.softplus(fake_score_B).mean() + F.softplus(-real_score_B).mean(),
        generator=F.softplus(-fake_score_B).mean(),
    )


def losses(
    objective: Literal["wasserstein", "non_saturating"], real_score_B: Tensor, fake_score_B: Tensor
) -> Losses:
    """The losses of the objective of that name."""
    chosen = wasserstein_losses if objective == "wasserstein" else non_saturating_losses
    return chosen(real_score_B, fake_score_B)


def r1_penalty(critic: Callable[[Tensor], Tensor], video_BCTHW: Tensor) -> Tensor:
    """Mean over real clips of ||dD/dx||^2, differentiable; always computed in float32."""
    with torch.autocast(video_BCTHW.device.type, enabled=False), torch.enable_grad():
        video_BCTHW = video_BCTHW.detach().float().requires_grad_()
        # Clips do not influence each other, so the gradient of the sum holds each one's own.
        (slope_BCTHW,) = torch.autograd.grad(
            critic(video_BCTHW).sum(), [video_BCTHW], create_graph=True
        )
    return slope_BCTHW.square().flatten(1).sum(1).mean()
