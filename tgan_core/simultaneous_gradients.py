"""The gradients of both players at one point, from one generated batch (section 4, alg. 1)."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from tgan_core.baselines.constraints import mixed_gradient_penalty
from tgan_core.config import OptimisationConfig
from tgan_core.critic import Critic
from tgan_core.objectives import losses, r1_penalty

__all__ = ["PlayerGradients", "simultaneous_gradients"]


@dataclass(frozen=True, kw_only=True, slots=True)
class PlayerGradients:
    """What both players would follow; nothing has been updated yet."""

    generator: list[Tensor]
    """In the order of the generator's parameters."""
    critic: list[Tensor]
    """In the order of the critic's parameters, gradient penalty included."""
    figures: dict[str, Tensor]
    """Scalars: critic loss, generator loss, real score, fake score, maybe pseudo score and gradient
    penalty."""


def simultaneous_gradients(
    generator: nn.Module,
    critic: Critic,
    latent_BZ: Tensor,
    real_BCTHW: Tensor,
    optimisation: OptimisationConfig,
    *,
    step: int,
    label_B: Tensor | None = None,
    pseudo_BCTHW: Tensor | None = None,
    pseudo_label_B: Tensor | None = None,
    mixing_B: Tensor | None = None,
) -> PlayerGradients:
    """Gradients of both losses with the same generated batch, networks in train mode.

    `label_B`, of a conditional model, are the labels of the real clips; the generator is asked for
    the same ones, so that labels by themselves say nothing of what is real.

    With `pseudo_BCTHW`, clips that are neither real nor generated, the critic's loss is the mean of
    its losses against both (Zaheer et al. 2020, section 3.2); the generator's stays as it is.
    `pseudo_label_B` are the labels of those clips.

    `step`, counted from 1, says whether the lazy gradient penalty is due. `mixing_B` in [0, 1] says
    where between generated and real clips the constraint "gradient_penalty" looks; it needs it.
    Only the running statistics of batch norm change.
    """
    generator.train()
    critic.train()
    judge = partial(critic, label_B=label_B)
    generator_weights, critic_weights = list(generator.parameters()), list(critic.parameters())
    bf16 = optimisation.autocast == "bf16"
    with torch.autocast(latent_BZ.device.type, torch.bfloat16, enabled=bf16):
        generated_BCTHW = generator(latent_BZ, label_B)
        # The graph is cut here: the critic's part is walked before the generator's.
        fake_BCTHW = generated_BCTHW.detach().requires_grad_()
        # Fake before real, in separate passes: batch norm sees them one after the other.
        fake_score_B = judge(fake_BCTHW)
        real_score_B = judge(real_BCTHW)
        pseudo_score_B = None if pseudo_BCTHW is None else critic(pseudo_BCTHW, pseudo_label_B)
    both = losses(optimisation.objective, real_score_B, fake_score_B)
    critic_loss, share = both.critic, 1.0
    if pseudo_score_B is not None:
        against_pseudo = losses(optimisation.objective, real_score_B, pseudo_score_B).critic
        critic_loss, share = (both.critic + against_pseudo) / 2.0, 0.5
    if optimisation.objective == "wasserstein":
        # mean D(fake) stands in both losses with opposite signs, so one pass serves both.
        *critic_slopes, slope = torch.autograd.grad(critic_loss, [*critic_weights, fake_BCTHW])
        fake_slope_BCTHW = -slope / share
    else:
        (fake_slope_BCTHW,) = torch.autograd.grad(both.generator, [fake_BCTHW], retain_graph=True)
        critic_slopes = list(torch.autograd.grad(critic_loss, critic_weights))
    figures = {
        "critic loss": critic_loss.detach(),
        "generator loss": both.generator.detach(),
        "real score": real_score_B.detach().mean(),
        "fake score": fake_score_B.detach().mean(),
    }
    if pseudo_score_B is not None:
        figures["pseudo score"] = pseudo_score_B.detach().mean()
    penalty, weight = None, 0.0
    if optimisation.constraint == "gradient_penalty":
        if mixing_B is None:
            raise ValueError("constraint 'gradient_penalty' needs mixing_B")
        penalty = mixed_gradient_penalty(judge, real_BCTHW, fake_BCTHW, mixing_B)
        weight = optimisation.constraint_level
    elif optimisation.r1_weight and step % optimisation.r1_every == 0:
        penalty = r1_penalty(judge, real_BCTHW)
        weight = 0.5 * optimisation.r1_weight * optimisation.r1_every
    if penalty is not None:
        # The head's bias shifts all scores alike: it has no part in a slope.
        extra = torch.autograd.grad(weight * penalty, critic_weights, allow_unused=True)
        critic_slopes = [
            slope if more is None else slope + more
            for slope, more in zip(critic_slopes, extra, strict=True)
        ]
        figures["gradient penalty"] = penalty.detach()
    return PlayerGradients(
        generator=list(torch.autograd.grad(generated_BCTHW, generator_weights, fake_slope_BCTHW)),
        critic=critic_slopes,
        figures=figures,
    )
