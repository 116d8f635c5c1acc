"""The gradients of both players at one point, from one generated batch (section 4, alg. 1)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

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
    label_B: Tensor | None = None,
    pseudo_BCTHW: Tensor | None = None,
    pseudo_label_B: Tensor | None = None,
    mixing_B: Tensor | None = None,
    processes: Processes = ALONE,
    draw: Callable[..., Tensor] | None = None,
    judge: Callable[..., Tensor] | None = None,
) -> PlayerGradients:
    """Gradients of both losses with the same generated batch, networks in train mode.

    `label_B`, of a conditional model, are the labels of the real clips; the generator is asked for
    the same ones, so that labels by themselves say nothing of what is real.

    With `pseudo_BCTHW`, clips that are neither real nor generated, the critic's loss is the mean of
    its losses against both (Zaheer et al. 2020, section 3.2); the generator's stays as it is.
    `pseudo_label_B` are the labels of those clips.

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
    labels = _given(label_B)
    bf16 = optimisation.autocast == "bf16"
    # The names are for profilers.
    with (
        record_function("generator"),
        torch.autocast(latent_BZ.device.type, torch.bfloat16, enabled=bf16),
    ):
        generated_BCTHW = (generator if draw is None else draw)(latent_BZ, *labels)
    # The graph is cut here: the critic's part is walked before the generator's.
    fake_BCTHW = generated_BCTHW.detach().requires_grad_()
    with record_function("critic"):
        critic_slopes, fake_slope_BCTHW, figures = _critic_slopes(
            critic if judge is None else judge,
            list(critic.parameters()),
            (fake_BCTHW, *labels),
            (real_BCTHW, *labels),
            None if pseudo_BCTHW is None else (pseudo_BCTHW, *_given(pseudo_label_B)),
            optimisation,
        )
        if penalty_is_due(optimisation, step):
            extra, figures["gradient penalty"] = _penalty_slopes(
                critic, fake_BCTHW, real_BCTHW, label_B, mixing_B, optimisation
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


def _given(label_B: Tensor | None) -> tuple[Tensor, ...]:
    """The label as an argument that is only there when it is: a recorded network takes tensors."""
    return () if label_B is None else (label_B,)


def _critic_slopes(
    judge: Callable[..., Tensor],
    weights: list[nn.Parameter],
    fake: tuple[Tensor, ...],
    real: tuple[Tensor, ...],
    pseudo: tuple[Tensor, ...] | None,
    optimisation: OptimisationConfig,
) -> tuple[list[Tensor], Tensor, dict[str, Tensor]]:
    """The critic's gradient, how the generator's loss depends on its clips, and the figures; clips
    come with their labels, if there are any."""
    bf16 = optimisation.autocast == "bf16"
    fake_BCTHW = fake[0]
    with torch.autocast(fake_BCTHW.device.type, torch.bfloat16, enabled=bf16):
        # Fake before real, in separate passes: batch norm sees them one after the other.
        fake_score_B = judge(*fake)
        real_score_B = judge(*real)
        pseudo_score_B = None if pseudo is None else judge(*pseudo)
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
    label_B: Tensor | None,
    mixing_B: Tensor | None,
    optimisation: OptimisationConfig,
) -> tuple[tuple[Tensor | None, ...], Tensor]:
    """What the due penalty adds to the critic's gradient, and the penalty without its weight."""
    judge = partial(critic, label_B=label_B)
    if optimisation.constraint == "gradient_penalty":
        if mixing_B is None:
            raise ValueError("constraint 'gradient_penalty' needs mixing_B")
        penalty = mixed_gradient_penalty(judge, real_BCTHW, fake_BCTHW, mixing_B)
        weight = optimisation.constraint_level
    else:
        penalty = r1_penalty(judge, real_BCTHW)
        weight = 0.5 * optimisation.r1_weight * optimisation.r1_every
    # The head's bias shifts all scores alike: it has no part in a slope.
    slopes = torch.autograd.grad(weight * penalty, list(critic.parameters()), allow_unused=True)
    return slopes, penalty.detach()
