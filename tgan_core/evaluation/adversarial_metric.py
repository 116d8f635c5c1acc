"""Which of two generators is better, by the other's critic (generative adversarial metric).

Im et al. 2016, "Generating images with recurrent adversarial networks", section 4; as in the TGAN
paper (section 6.1.2), where a critic that gives no probability is cut at the score that best tells
its own generator's clips from real ones. Shapes: N clips.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["AdversarialMetric", "Player", "adversarial_metric", "separating_score"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Player:
    """A generator and the critic that it was trained against."""

    generate: Callable[[int], Tensor]
    """How many -> video_BCTHW."""
    score: Callable[[Tensor], Tensor]
    """video_BCTHW -> score_B; larger is more like real clips."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AdversarialMetric:
    """The first of two players against the second."""

    value: float
    """How much more often the first's clips pass for real before the second's critic than the
    other way round; > 1: the first is better. NaN when none passes on either side, infinite when
    the second's never do."""
    critics: float
    """How much more often the first's critic takes fresh real clips for generated than the second's
    does. Far from 1 the value says more of the critics than of the generators."""
    first_passes: float
    """Share of the first's clips that pass for real before the second's critic."""
    second_passes: float
    """Share of the second's clips that pass for real before the first's critic."""


def separating_score(real_score_N: Tensor, fake_score_N: Tensor) -> float:
    """The score at which real and generated clips are told apart with the fewest mistakes.

    Both kinds count alike whatever their numbers; among equally good scores, the middle one.
    Raises ValueError when either is empty.
    """
    if not len(real_score_N) or not len(fake_score_N):
        raise ValueError("scores of real and of generated clips are needed")
    cuts_K = torch.unique(torch.cat([real_score_N, fake_score_N]).double())
    edges_K = torch.cat([cuts_K[:1] - 1.0, (cuts_K[1:] + cuts_K[:-1]) / 2.0, cuts_K[-1:] + 1.0])
    lost_K = _share_below(real_score_N, edges_K)
    passed_K = 1.0 - _share_below(fake_score_N, edges_K)
    mistakes_K = lost_K + passed_K
    best = torch.nonzero(mistakes_K <= mistakes_K.min() + 1e-12).flatten()
    return float(edges_K[best[len(best) // 2]])


def _share_below(score_N: Tensor, edges_K: Tensor) -> Tensor:
    ordered_N = score_N.double().sort().values
    return torch.searchsorted(ordered_N, edges_K).double() / len(ordered_N)


@torch.no_grad()
def adversarial_metric(
    first: Player,
    second: Player,
    known_BCTHW: Tensor,
    fresh_BCTHW: Tensor,
    *,
    clips: int = 1_024,
    batch: int = 64,
) -> AdversarialMetric:
    """Let each critic judge the other's clips.

    `known_BCTHW`: real clips of training, by which the critics are cut. `fresh_BCTHW`: real clips
    that neither has seen. `clips` are drawn of each generator.
    """
    samples = [
        torch.cat([player.generate(min(batch, clips - at)) for at in range(0, clips, batch)])
        for player in (first, second)
    ]

    def scores(player: Player, video_BCTHW: Tensor) -> Tensor:
        parts = torch.split(video_BCTHW, batch)
        return torch.cat([player.score(part).flatten() for part in parts])

    passes, missed = [], []
    for player, own, other in ((first, 0, 1), (second, 1, 0)):
        cut = separating_score(scores(player, known_BCTHW), scores(player, samples[own]))
        passes.append(float((scores(player, samples[other]) > cut).double().mean()))
        missed.append(float((scores(player, fresh_BCTHW) <= cut).double().mean()))
    return AdversarialMetric(
        value=_ratio(passes[1], passes[0]),
        critics=_ratio(missed[0], missed[1]),
        first_passes=passes[1],
        second_passes=passes[0],
    )


def _ratio(over: float, under: float) -> float:
    if under == 0.0:
        return math.nan if over == 0.0 else math.inf
    return over / under
