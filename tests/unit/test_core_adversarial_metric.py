"""The generative adversarial metric: the better of two players wins, whichever is named first."""

import math

import pytest
import torch
from torch import Tensor

from tgan_core.evaluation.adversarial_metric import Player, adversarial_metric, separating_score

REAL_LEVEL = 1.0


def clips_at(level: float, spread: float, count: int, seed: int) -> Tensor:
    """Return "clips" of one pixel around a level."""
    random = torch.Generator().manual_seed(seed)
    return level + spread * torch.randn(count, 1, 1, 1, 1, generator=random)


def player(level: float, seed: int) -> Player:
    """Return a generator of clips at a level, with a critic that asks how near clips are to real
    ones."""
    random = torch.Generator().manual_seed(seed)

    def generate(count: int) -> Tensor:
        return level + 0.2 * torch.randn(count, 1, 1, 1, 1, generator=random)

    def score(video_BCTHW: Tensor) -> Tensor:
        return -(video_BCTHW.flatten() - REAL_LEVEL).abs()

    return Player(generate=generate, score=score)


def test_the_nearer_generator_wins_and_the_order_only_turns_the_ratio_round() -> None:
    known, fresh = clips_at(REAL_LEVEL, 0.2, 500, 1), clips_at(REAL_LEVEL, 0.2, 500, 2)
    near, far = (player(0.7, 3), player(0.3, 4)), (player(0.3, 4), player(0.7, 3))
    one, other = (adversarial_metric(*pair, known, fresh, clips=700) for pair in (near, far))
    assert one.value > 1.5
    assert other.value == pytest.approx(1.0 / one.value, rel=1e-6)
    assert one.first_passes == other.second_passes > one.second_passes
    assert one.critics == pytest.approx(1.0 / other.critics)


def test_equal_players_draw() -> None:
    drawn = [
        adversarial_metric(
            player(0.6, 10 + seed),
            player(0.6, 20 + seed),
            clips_at(REAL_LEVEL, 0.2, 2_000, 30 + seed),
            clips_at(REAL_LEVEL, 0.2, 2_000, 40 + seed),
            clips=2_000,
        )
        for seed in range(6)
    ]
    for values in ([one.value for one in drawn], [one.critics for one in drawn]):
        assert sum(map(math.log, values)) / len(values) == pytest.approx(0.0, abs=0.12)


def test_who_never_passes_loses_without_bounds_and_two_of_them_have_no_value() -> None:
    known, fresh = clips_at(REAL_LEVEL, 0.01, 100, 1), clips_at(REAL_LEVEL, 0.01, 100, 2)
    perfect, hopeless = player(REAL_LEVEL, 3), player(90.0, 4)
    assert adversarial_metric(perfect, hopeless, known, fresh, clips=100).value == math.inf
    assert math.isnan(adversarial_metric(hopeless, hopeless, known, fresh, clips=100).value)


def test_the_cut_lies_between_what_can_be_told_apart() -> None:
    assert 2.0 < separating_score(torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0])) < 3.0
    # Three generated clips and one real one count alike: one mistake among the three is cheaper.
    cut = separating_score(torch.tensor([2.0]), torch.tensor([0.0, 1.0, 3.0]))
    assert 1.0 < cut < 2.0


@pytest.mark.parametrize("empty", [0, 1])
def test_scores_of_both_kinds_are_needed(empty: int) -> None:
    scores = [torch.ones(3), torch.ones(3)]
    scores[empty] = torch.empty(0)
    with pytest.raises(ValueError, match="are needed"):
        separating_score(*scores)
