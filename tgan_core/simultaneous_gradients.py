"""The gradients of both players at one point, from one generated batch (section 4, alg. 1)."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.profiler import record_function

from tgan_core.baselines.constraints import mixed_gradient_penalty
from tgan_core.config import OptimisationConfig
from tgan_core.critic import Critic
from tgan_core.objectives import losses, r1_penalty
from tgan_core.processes import ALONE, Processes

__all__ = ["PlayerGradients", "penalty_is_due", "simultaneous_gradients"]


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


def penalty_is_due(optimisation: OptimisationConfig, step: int) -> bool:
    """Whether the critic's slope is looked at in this step, counted from 1."""
    if optimisation.constraint == "gradient_penalty":
        return True
    return bool(optimisation.r1_weight) and step % optimisation.r1_every == 0


def simultaneous_gradients(
    generator: nn.Module,
    critic: Critic,
    latent_BZ: Tensor,
    real_BCTHW: Tensor,
    optimisation: OptimisationConfig,
    *,
    step: int,
    pseudo_BCTHW: Tensor | None = None,
    mixing_B: Tensor | None = None,
    processes: Processes = ALONE,
    draw: Callable[[Tensor], Tensor] | None = None,
    judge: Callable[[Tensor], Tensor] | None = None,
) -> PlayerGradients:
    """Gradients of both losses with the same generated batch, networks in train mode.

    With `pseudo_BCTHW`, clips that are neither real nor generated, the critic's loss is the mean of
    its losses against both (Zaheer et al. 2020, section 3.2); the generator's stays as it is.

    `step`, counted from 1, says whether the lazy gradient penalty is due. `mixing_B` in [0, 1] says
    where between generated and real clips the constraint "gradient_penalty" looks; it needs it.
    Only the running statistics of batch norm change. With several `processes` the batches are this
    one's share, and the result is that of the whole batch, the same for all of them. `draw` and
    `judge` are faster ways to call the generator and the critic, where they need not be
    differentiable twice.
    """
    generator.train()
    critic.train()
    weights = list(generator.parameters())
    bf16 = optimisation.autocast == "bf16"
    # The names are for profilers.
    with (
        record_function("generator"),
        torch.autocast(latent_BZ.device.type, torch.bfloat16, enabled=bf16),
    ):
        generated_BCTHW = (generator if draw is None else draw)(latent_BZ)
    # The graph is cut here: the critic's part is walked before the generator's.
    fake_BCTHW = generated_BCTHW.detach().requires_grad_()
    with record_function("critic"):
        critic_slopes, fake_slope_BCTHW, figures = _critic_slopes(
            critic if judge is None else judge,
            list(critic.parameters()),
            fake_BCTHW,
            real_BCTHW,
            pseudo_BCTHW,
            optimisation,
        )
        if penalty_is_due(optimisation, step):
            extra, figures["gradient penalty"] = _penalty_slopes(
                critic, fake_BCTHW, real_BCTHW, mixing_B, optimisation
            )
            critic_slopes = [
                slope if more is None else slope + more
                for slope, more in zip(critic_slopes, extra, strict=True)
            ]
    with record_function("generator"):
        slopes = torch.autograd.grad(generated_BCTHW, weights, fake_slope_BCTHW)
    # Losses are means over the batch: their slopes are the means of those of equal shares.
    means = iter(processes.means([*slopes, *critic_slopes, *figures.values()]))
    return PlayerGradients(
        generator=[next(means) for _ in slopes],
        critic=[next(means) for _ in critic_slopes],
        figures=dict(zip(figures, means, strict=True)),
    )


def _critic_slopes(
    judge: Callable[[Tensor], Tensor],
    weights: list[nn.Parameter],
    fake_BCTHW: Tensor,
    real_BCTHW: Tensor,
    pseudo_BCTHW: Tensor | None,
    optimisation: OptimisationConfig,
) -> tuple[list[Tensor], Tensor, dict[str, Tensor]]:
    """The critic's gradient, how the generator's loss depends on its clips, and the figures."""
    bf16 = optimisation.autocast == "bf16"
    with torch.autocast(fake_BCTHW.device.type, torch.bfloat16, enabled=bf16):
        # Fake before real, in separate passes: batch norm sees them one after the other.
        fake_score_B = judge(fake_BCTHW)
        real_score_B = judge(real_BCTHW)
        pseudo_score_B = None if pseudo_BCTHW is None else judge(pseudo_BCTHW)
    both = losses(optimisation.objective, real_score_B, fake_score_B)
    critic_loss, share = both.critic, 1.0
    if pseudo_score_B is not None:
        against_pseudo = losses(optimisation.objective, real_score_B, pseudo_score_B).critic
        critic_loss, share = (both.critic + against_pseudo) / 2.0, 0.5
    if optimisation.objective == "wasserstein":
        # mean D(fake) stands in both losses with opposite signs, so one pass serves both.
        *slopes, slope = torch.autograd.grad(critic_loss, [*weights, fake_BCTHW])
        fake_slope_BCTHW = -slope / share
    else:
        (fake_slope_BCTHW,) = torch.autograd.grad(both.generator, [fake_BCTHW], retain_graph=True)
        slopes = list(torch.autograd.grad(critic_loss, weights))
    figures = {
        "critic loss": critic_loss.detach(),
        "generator loss": both.generator.detach(),
        "real score": real_score_B.detach().mean(),
        "fake score": fake_score_B.detach().mean(),
    }
    if pseudo_score_B is not None:
        figures["pseudo score"] = pseudo_score_B.detach().mean()
    return slopes, fake_slope_BCTHW, figures


def _penalty_slopes(
    critic: Critic,
    fake_BCTHW: Tensor,
    real_BCTHW: Tensor,
    mixing_B: Tensor | None,
    optimisation: OptimisationConfig,
) -> tuple[tuple[Tensor | None, ...], Tensor]:
    """What the due penalty adds to the critic's gradient, and the penalty without its weight."""
    if optimisation.constraint == "gradient_penalty":
        if mixing_B is None:
            raise ValueError("constraint 'gradient_penalty' needs mixing_B")
        penalty = mixed_gradient_penalty(critic, real_BCTHW, fake_BCTHW, mixing_B)
        weight = optimisation.constraint_level
    else:
        penalty = r1_penalty(critic, real_BCTHW)
        weight = 0.5 * optimisation.r1_weight * optimisation.r1_every
    # The head's bias shifts all scores alike: it has no part in a slope.
    slopes = torch.autograd.grad(weight * penalty, list(critic.parameters()), allow_unused=True)
    return slopes, penalty.detach()
