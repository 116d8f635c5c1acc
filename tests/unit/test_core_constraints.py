"""The constraints and generators that the paper compares with train like its own do."""

from __future__ import annotations

import json

import pytest
import torch

from tests.core_recipes import batches, random_clips, same_tensors, small_recipe
from tgan_core.baselines.constraints import mixed_gradient_penalty
from tgan_core.baselines.one_piece_generator import OnePieceGenerator
from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig
from tgan_core.singular_value_clipping import clip_singular_values
from tgan_core.training import (
    load_state_tensors,
    new_training_state,
    state_tensors,
    train,
    training_step,
)

NO_NORM = {"critic_norm": "none"}
RECIPES = {
    "weights": small_recipe(constraint="weights", constraint_level=0.05),
    "gradient penalty": small_recipe(NO_NORM, constraint="gradient_penalty", constraint_level=10.0),
    "spectral norm": small_recipe(NO_NORM, constraint="spectral_norm"),
    "nothing": small_recipe(clip_every=0),
    "one piece": small_recipe({"generator": "one_piece"}),
    "moments": small_recipe({"generator": "moments"}),
}
every_recipe = pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)


@every_recipe
def test_a_step_moves_generator_and_critic_and_equal_seeds_move_them_alike(
    recipe: TganConfig,
) -> None:
    states = [new_training_state(recipe, seed=3) for _ in range(2)]
    first = state_tensors(states[0])
    for state in states:
        assert train(state, iter(batches(recipe, 2)), 2) == 2
    one, other = map(state_tensors, states)
    assert same_tensors(one, other)
    for player in ("generator", "critic"):
        assert any(
            not torch.equal(one[name], first[name])
            for name in first
            if name.startswith(f"{player}.") and name.endswith("weight")
        ) or any("parametrizations" in name for name in first)


@every_recipe
def test_a_training_that_was_cut_goes_on_bit_for_bit(recipe: TganConfig) -> None:
    through, cut = (new_training_state(recipe, seed=1) for _ in range(2))
    train(through, iter(batches(recipe, 4)), 4)
    train(cut, iter(batches(recipe, 2)), 2)
    resumed = new_training_state(recipe, seed=9)
    load_state_tensors(resumed, state_tensors(cut))
    train(resumed, iter(batches(recipe, 2, start=2)), 2)
    assert same_tensors(state_tensors(through), state_tensors(resumed))


@every_recipe
def test_the_average_is_no_other_network(recipe: TganConfig) -> None:
    state = new_training_state(recipe, seed=0)
    train(state, iter(batches(recipe, 2)), 2)
    assert type(state.sampler) is type(state.generator)
    assert state.judge.state_dict().keys() == state.critic.state_dict().keys()
    assert torch.isfinite(state.judge(batches(recipe, 1)[0])).all()


def test_clipped_weights_stay_in_their_box_biases_too() -> None:
    recipe = RECIPES["weights"]
    state = new_training_state(recipe, seed=0)
    figures = training_step(state, batches(recipe, 1)[0])
    largest = {
        name: max(float(weight.detach().abs().max()) for weight in network.parameters())
        for name, network in (("critic", state.critic), ("generator", state.generator))
    }
    assert largest["critic"] == pytest.approx(0.05)
    assert largest["generator"] > 0.05
    assert figures.share_at_one is None


def test_a_spectrally_normalised_critic_multiplies_by_at_most_about_one() -> None:
    recipe = RECIPES["spectral norm"]
    state = new_training_state(recipe, seed=0)
    train(state, iter(batches(recipe, 20)), 20)
    for part in state.critic.modules():
        if isinstance(part, torch.nn.Conv3d):
            matrix_OI = part.weight.detach().flatten(1)
            largest = float(torch.linalg.matrix_norm(matrix_OI, ord=2))
            assert largest == pytest.approx(1.0, abs=0.05)
            assert torch.allclose(clip_singular_values(matrix_OI), matrix_OI, atol=0.05)


def test_the_mixed_penalty_of_a_linear_critic_is_how_far_its_slope_is_from_one() -> None:
    class Linear(torch.nn.Module):
        def forward(self, video_BCTHW: torch.Tensor) -> torch.Tensor:
            return 0.5 * video_BCTHW.flatten(1).sum(1)

    real, fake = torch.rand(3, 1, 4, 4, 4), torch.rand(3, 1, 4, 4, 4)
    # 64 slopes of a half are a gradient of length 4.
    penalty = mixed_gradient_penalty(Linear(), real, fake, torch.tensor([0.0, 0.5, 1.0]))
    assert penalty.item() == pytest.approx(9.0)


def test_the_mixed_penalty_looks_between_real_and_generated_clips() -> None:
    class Square(torch.nn.Module):
        def forward(self, video_BCTHW: torch.Tensor) -> torch.Tensor:
            return video_BCTHW.square().flatten(1).sum(1)

    real, fake = torch.ones(1, 1, 1, 1, 1), torch.zeros(1, 1, 1, 1, 1)
    for share in (0.0, 0.25, 1.0):
        penalty = mixed_gradient_penalty(Square(), real, fake, torch.tensor([share]))
        assert penalty.item() == pytest.approx((2.0 * share - 1.0) ** 2)


def test_the_penalty_draws_from_the_chance_of_the_state_and_reports_itself() -> None:
    recipe = RECIPES["gradient penalty"]
    state = new_training_state(recipe, seed=0)
    before = torch.random.get_rng_state()
    figures = training_step(state, random_clips(recipe.geometry, 3))
    assert figures.gradient_penalty is not None
    assert figures.gradient_penalty > 0.0
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_one_piece_generator_has_no_trajectory() -> None:
    sampler = new_training_state(RECIPES["one piece"], seed=0).sampler
    assert isinstance(sampler, OnePieceGenerator)
    assert not hasattr(sampler, "frame_latents")


def test_choices_that_came_later_leave_the_name_of_earlier_recipes_alone() -> None:
    plain = TganConfig().to_dict()
    assert "generator" not in plain["geometry"]
    assert "constraint" not in plain["optimisation"]
    for recipe in RECIPES.values():
        assert TganConfig.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"constraint": "none"}, "constraint"),
        ({"constraint_level": 0.0}, "constraint_level"),
        ({"constraint_level": float("inf")}, "constraint_level"),
    ],
)
def test_an_impossible_constraint_is_refused_by_name(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        OptimisationConfig(**wrong)  # type: ignore[arg-type]


def test_a_penalty_needs_a_critic_without_batch_norm_and_a_generator_needs_its_name() -> None:
    with pytest.raises(ValueError, match="gradient_penalty"):
        small_recipe(constraint="gradient_penalty")
    with pytest.raises(ValueError, match="r1_weight 0"):
        small_recipe(NO_NORM, constraint="gradient_penalty", r1_weight=1.0)
    with pytest.raises(ValueError, match="generator"):
        GeometryConfig(generator="two_piece")  # type: ignore[arg-type]
