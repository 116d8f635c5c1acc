"""Training that begins with networks that were trained on something else."""

from dataclasses import replace

import pytest

from tests.core_recipes import batches, logistic_recipe, same_tensors, small_geometry
from tgan_core.encoder_training import encoder_step, new_encoder, new_encoder_state
from tgan_core.errors import CheckpointError
from tgan_core.fine_tuning import begin_encoder_with, begin_with
from tgan_core.training import TrainingState, new_training_state, state_tensors, training_step
from tgan_core.video_generator import VideoGenerator

RECIPE = logistic_recipe()


def trained(steps: int = 2) -> TrainingState:
    state = new_training_state(RECIPE, seed=1)
    for clips in batches(RECIPE, steps):
        training_step(state, clips)
    return state


def test_players_and_averages_begin_with_the_trained_networks_and_fresh_optimisers() -> None:
    other = trained()
    state = new_training_state(RECIPE, seed=2)
    begin_with(state, other.sampler, other.judge)
    for network, wanted in (
        (state.generator, other.sampler),
        (state.sampler, other.sampler),
        (state.critic, other.judge),
        (state.judge, other.judge),
    ):
        assert same_tensors(network.state_dict(), wanted.state_dict())
    assert not state.generator_optimiser.state
    assert not state.critic_optimiser.state


def test_the_trained_networks_stay_as_they_are() -> None:
    other = trained()
    before = state_tensors(other)
    state = new_training_state(RECIPE, seed=2)
    begin_with(state, other.sampler, other.judge)
    for clips in batches(RECIPE, 2, start=5):
        training_step(state, clips)
    assert same_tensors(state_tensors(other), before)
    assert not same_tensors(state.critic.state_dict(), other.judge.state_dict())


def test_networks_of_another_shape_are_refused_and_nothing_is_touched() -> None:
    wider = logistic_recipe()
    geometry = replace(wider.geometry, critic_width=2 * wider.geometry.critic_width)
    other = new_training_state(replace(wider, geometry=geometry), seed=1)
    state = new_training_state(RECIPE, seed=2)
    before = state_tensors(state)
    with pytest.raises(CheckpointError, match="Critic"):
        begin_with(state, other.generator, other.critic)
    assert same_tensors(state_tensors(state), before)


def test_a_state_that_has_taken_a_step_cannot_begin_so() -> None:
    other, state = trained(), trained(steps=1)
    with pytest.raises(ValueError, match="only a fresh one"):
        begin_with(state, other.sampler, other.judge)


def test_an_encoder_begins_with_a_trained_one() -> None:
    other = trained()
    assert isinstance(other.sampler, VideoGenerator)
    known = new_encoder_state(new_encoder(RECIPE.geometry, seed=1))
    encoder_step(known, other.sampler, other.judge, batches(RECIPE, 1)[0])
    state = new_encoder_state(new_encoder(RECIPE.geometry, seed=2))
    begin_encoder_with(state, known.encoder)
    assert same_tensors(state.encoder.state_dict(), known.encoder.state_dict())
    assert not state.optimiser.state
    with pytest.raises(ValueError, match="only a fresh one"):
        begin_encoder_with(known, state.encoder)
    with pytest.raises(CheckpointError, match="Encoder"):
        begin_encoder_with(state, new_encoder(small_geometry(latent=8), seed=1))
