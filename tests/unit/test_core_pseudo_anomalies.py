"""Pseudo-anomalies: the critic learns to tell them from real clips, the generator never feels
them."""

import copy
import math

import pytest
import torch

from tests.core_recipes import (
    RECIPES,
    batches,
    logistic_recipe,
    same_tensors,
    small_recipe,
)
from tgan_core.config import TganConfig
from tgan_core.errors import NonFiniteError
from tgan_core.objectives import r1_penalty
from tgan_core.simultaneous_gradients import simultaneous_gradients
from tgan_core.training import (
    TrainingState,
    latent_batches,
    new_training_state,
    state_tensors,
    train,
    training_step,
)


def trained_state(recipe: TganConfig) -> TrainingState:
    state = new_training_state(recipe, seed=0)
    assert train(state, iter(batches(recipe, 2)), 2) == 2
    return state


def wanted_losses(recipe, real_score_B, other_score_B):
    """The critic's and the generator's loss by their definitions."""
    if recipe.optimisation.objective == "wasserstein":
        return other_score_B.mean() - real_score_B.mean(), -other_score_B.mean()
    critic_loss = -torch.log(1 - other_score_B.sigmoid()).mean()
    critic_loss = critic_loss - torch.log(real_score_B.sigmoid()).mean()
    return critic_loss, -torch.log(other_score_B.sigmoid()).mean()


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_with_pseudo_anomalies_the_critic_follows_the_mean_of_two_losses(recipe):
    state = trained_state(recipe)
    generator, critic = copy.deepcopy((state.generator, state.critic))
    real_BCTHW, pseudo_BCTHW = batches(recipe, 2, start=9)
    latent_BZ = next(latent_batches(state, batches=1))
    found = simultaneous_gradients(
        state.generator,
        state.critic,
        latent_BZ,
        real_BCTHW,
        recipe.optimisation,
        step=4,
        pseudo_BCTHW=pseudo_BCTHW,
    )
    fake_score_B, real_score_B = critic(generator(latent_BZ)), critic(real_BCTHW)
    pseudo_score_B = critic(pseudo_BCTHW)
    against_fake, generator_loss = wanted_losses(recipe, real_score_B, fake_score_B)
    against_pseudo, _ = wanted_losses(recipe, real_score_B, pseudo_score_B)
    critic_loss = (against_fake + against_pseudo) / 2
    penalty = 0.0
    if recipe.optimisation.r1_weight:
        penalty = 0.5 * 1.0 * 4 * r1_penalty(critic, real_BCTHW)
    wanted_generator = torch.autograd.grad(
        generator_loss, list(generator.parameters()), retain_graph=True
    )
    wanted_critic = torch.autograd.grad(critic_loss + penalty, list(critic.parameters()))
    for ours, wanted in zip(
        [*found.generator, *found.critic], [*wanted_generator, *wanted_critic], strict=True
    ):
        torch.testing.assert_close(ours, wanted, rtol=1e-3, atol=1e-6)
    for name, wanted in (
        ("critic loss", critic_loss),
        ("generator loss", generator_loss),
        ("pseudo score", pseudo_score_B.mean()),
    ):
        assert float(found.figures[name]) == pytest.approx(float(wanted.detach()), abs=1e-5)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_the_generator_does_not_feel_the_pseudo_anomalies(recipe):
    state = trained_state(recipe)
    real_BCTHW, pseudo_BCTHW = batches(recipe, 2, start=9)
    latent_BZ = next(latent_batches(state, batches=1))
    with_them, without = (
        simultaneous_gradients(
            *copy.deepcopy((state.generator, state.critic)),
            latent_BZ,
            real_BCTHW,
            recipe.optimisation,
            step=1,
            pseudo_BCTHW=pseudo,
        )
        for pseudo in (pseudo_BCTHW, None)
    )
    for ours, wanted in zip(with_them.generator, without.generator, strict=True):
        torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-8)
    assert float(with_them.figures["generator loss"]) == float(without.figures["generator loss"])
    assert any(
        not torch.allclose(ours, other, rtol=1e-3)
        for ours, other in zip(with_them.critic, without.critic, strict=True)
    )
    assert "pseudo score" not in without.figures


def test_a_step_reports_the_score_of_the_pseudo_anomalies_if_there_were_any():
    recipe = logistic_recipe()
    state = new_training_state(recipe, 0)
    real_BCTHW, pseudo_BCTHW = batches(recipe, 2)
    assert training_step(state, real_BCTHW).pseudo_score is None
    figures = training_step(state, real_BCTHW, pseudo_BCTHW=pseudo_BCTHW)
    assert math.isfinite(figures.pseudo_score)
    assert figures.pseudo_score != figures.real_score


def test_the_critic_learns_to_score_pseudo_anomalies_below_the_real_clips():
    recipe = logistic_recipe(critic_learning_rate=3e-3)
    state = new_training_state(recipe, 0)
    real_BCTHW = batches(recipe, 1)[0] * 0.2
    pseudo_BCTHW = real_BCTHW + 0.6
    for _ in range(20):
        figures = training_step(state, real_BCTHW, pseudo_BCTHW=pseudo_BCTHW)
    assert figures.pseudo_score < figures.real_score - 0.5


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda video: video * 1.5, ValueError),
        (lambda video: video[:, :1], ValueError),
        (lambda video: video * float("nan"), NonFiniteError),
    ],
)
def test_pseudo_anomalies_that_no_clip_can_be_are_refused_before_anything_changes(change, error):
    recipe = small_recipe()
    state = trained_state(recipe)
    before = state_tensors(state)
    real_BCTHW, pseudo_BCTHW = batches(recipe, 2)
    with pytest.raises(error):
        training_step(state, real_BCTHW, pseudo_BCTHW=change(pseudo_BCTHW))
    assert same_tensors(state_tensors(state), before)
