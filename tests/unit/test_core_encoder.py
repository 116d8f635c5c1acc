"""The encoder finds latents, stays in the box, and leaves generator and critic alone."""

import copy
import itertools

import pytest
import torch

from tests.core_recipes import (
    lively_generator,
    random_clips,
    random_latents,
    same_tensors,
    small_geometry,
    small_recipe,
)
from tgan_core.encoder import encode, reconstruct
from tgan_core.encoder_training import (
    encoder_step,
    encoder_tensors,
    load_encoder_tensors,
    new_encoder,
    new_encoder_state,
    train_encoder,
)
from tgan_core.errors import CheckpointError, NonFiniteError
from tgan_core.inversion import refine_latent
from tgan_core.reconstruction_loss import frozen, reconstruction_loss
from tgan_core.training import new_training_state


@pytest.fixture
def networks():
    """A generator with varied clips and a critic, both small."""
    return lively_generator(), new_training_state(small_recipe(), 0).critic


def drawn_clips(generator, count, seed=5):
    with torch.no_grad():
        return generator(random_latents(generator.geometry, count, seed))


@pytest.mark.parametrize("frames", [8, 16, 32])
@pytest.mark.parametrize("tile_px", [32, 64])
def test_codes_have_the_geometrys_sizes_and_stay_in_the_box(frames, tile_px):
    geometry = small_geometry(frames=frames, tile_px=tile_px, generator_width=32)
    encoder = new_encoder(geometry, seed=0, relaxed=True)
    latent_BZ, departure_BZT = encoder.codes(random_clips(geometry, 3))
    assert latent_BZ.shape == (3, 6)
    assert departure_BZT.shape == (3, 6, frames)
    assert latent_BZ.abs().max() < 1
    assert torch.equal(encoder(random_clips(geometry, 3)), latent_BZ)


def test_a_relaxed_encoder_begins_as_a_strict_one(networks):
    generator, _ = networks
    video_BCTHW = random_clips(generator.geometry, 3)
    encoder = new_encoder(generator.geometry, seed=0, relaxed=True)
    relaxed = reconstruct(encoder, generator, video_BCTHW)
    strict = reconstruct(encoder, generator, video_BCTHW, strict=True)
    torch.testing.assert_close(relaxed.video_BCTHW, strict.video_BCTHW, atol=1e-3, rtol=0)
    torch.testing.assert_close(
        strict.frame_latents_BZT, generator.frame_latents(strict.latent_BZ).detach()
    )


def test_a_departure_moves_the_trajectory_inside_the_box_unless_strict(networks):
    generator, _ = networks
    video_BCTHW = random_clips(generator.geometry, 2)
    encoder = new_encoder(generator.geometry, seed=0, relaxed=True).eval()
    torch.nn.init.constant_(encoder.moments.upsample.bias, 0.7)
    with torch.no_grad():
        latent_BZ, moved_BZT = encode(encoder, generator, video_BCTHW)
        _, own_BZT = encode(encoder, generator, video_BCTHW, strict=True)
    assert torch.equal(own_BZT, generator.frame_latents(latent_BZ))
    assert (moved_BZT > own_BZT).all()
    assert moved_BZT.abs().max() < 1
    expected_BZT = torch.tanh(torch.atanh(own_BZT) + 0.7)
    torch.testing.assert_close(moved_BZT, expected_BZT, atol=1e-3, rtol=0)


@pytest.mark.parametrize("strict", [True, False])
def test_training_lowers_the_loss_and_leaves_the_other_networks_alone(networks, strict):
    generator, critic = networks
    critic.train()
    before = copy.deepcopy((generator.state_dict(), critic.state_dict()))
    encoder = new_encoder(generator.geometry, seed=0, relaxed=not strict)
    video_BCTHW, figures = drawn_clips(generator, 8), []
    state = train_encoder(
        encoder,
        generator,
        critic,
        itertools.repeat(video_BCTHW),
        40,
        learning_rate=3e-3,
        strict=strict,
        on_step=figures.append,
    )
    assert figures[-1].loss < 0.5 * figures[0].loss
    assert figures[-1].pixel_error < 0.5 * figures[0].pixel_error
    assert (state.step, figures[-1].step) == (40, 40)
    assert same_tensors(generator.state_dict(), before[0])
    assert same_tensors(critic.state_dict(), before[1])
    assert (encoder.training, generator.training, critic.training) == (False, False, True)
    assert all(weight.requires_grad for weight in critic.parameters())
    if not strict:
        assert encoder.moments.upsample.weight.abs().max() > 0


def test_bfloat16_training_of_the_encoder_lowers_the_loss_too(networks):
    generator, critic = networks
    figures = []
    train_encoder(
        new_encoder(generator.geometry, seed=0),
        generator,
        critic,
        itertools.repeat(drawn_clips(generator, 6)),
        25,
        learning_rate=3e-3,
        autocast="bf16",
        on_step=figures.append,
    )
    assert figures[-1].loss < 0.8 * figures[0].loss


def test_encoder_training_resumes_bit_for_bit(networks):
    generator, critic = networks
    clips = [random_clips(generator.geometry, 3, seed) for seed in range(8)]
    straight = train_encoder(new_encoder(generator.geometry, 0), generator, critic, iter(clips), 8)
    begun = train_encoder(new_encoder(generator.geometry, 0), generator, critic, iter(clips[:4]), 4)
    resumed = new_encoder_state(new_encoder(generator.geometry, 99))
    load_encoder_tensors(resumed, encoder_tensors(begun))
    train_encoder(resumed.encoder, generator, critic, iter(clips[4:]), 9, state=resumed)
    assert resumed.step == 8
    assert same_tensors(encoder_tensors(resumed), encoder_tensors(straight))


def test_a_strictly_trained_relaxed_encoder_can_be_saved_and_resumed(networks):
    generator, critic = networks
    clips = [random_clips(generator.geometry, 3)]
    begun = train_encoder(
        new_encoder(generator.geometry, 0, relaxed=True), generator, critic, iter(clips), 1
    )
    resumed = new_encoder_state(new_encoder(generator.geometry, 1, relaxed=True))
    load_encoder_tensors(resumed, encoder_tensors(begun))
    assert same_tensors(encoder_tensors(resumed), encoder_tensors(begun))


def test_encoder_tensors_that_do_not_fit_are_refused(networks):
    generator, _ = networks
    saved = encoder_tensors(new_encoder_state(new_encoder(generator.geometry, 0)))
    relaxed = new_encoder_state(new_encoder(generator.geometry, 0, relaxed=True))
    with pytest.raises(CheckpointError, match="moments"):
        load_encoder_tensors(relaxed, saved)
    with pytest.raises(CheckpointError, match="encoder_step"):
        load_encoder_tensors(relaxed, {})


@pytest.mark.parametrize("place", ["clip", "weight", "generator"])
def test_a_non_finite_value_stops_the_encoder_before_anything_changes(networks, place):
    generator, critic = networks
    video_BCTHW = random_clips(generator.geometry, 3)
    state = new_encoder_state(new_encoder(generator.geometry, 0))
    encoder_step(state, generator, critic, video_BCTHW)
    with torch.no_grad():
        spoilt = {
            "clip": video_BCTHW,
            "weight": state.encoder.head.weight,
            "generator": generator.image.last.weight,
        }[place]
        spoilt[(0,) * spoilt.dim()] = float("nan")
    before = encoder_tensors(state)
    with pytest.raises(NonFiniteError, match="at training step 2"):
        encoder_step(state, generator, critic, video_BCTHW)
    for name, value in encoder_tensors(state).items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0, equal_nan=True)


def test_a_learning_rate_must_be_positive():
    with pytest.raises(ValueError, match="learning_rate"):
        new_encoder_state(new_encoder(small_geometry(), 0), 0.0)


def test_the_loss_of_a_perfect_reconstruction_is_zero_and_of_flat_grey_one(networks):
    _, critic = networks
    video_BCTHW = random_clips(small_geometry(), 4)
    grey_BCTHW = video_BCTHW.mean(dim=(0, 2, 3, 4), keepdim=True).expand_as(video_BCTHW)
    with torch.no_grad(), frozen(critic):
        perfect_B = reconstruction_loss(critic, video_BCTHW, video_BCTHW, feature_weight=1.0)
        grey_B = reconstruction_loss(critic, video_BCTHW, grey_BCTHW, feature_weight=0.0)
        both_B = reconstruction_loss(critic, video_BCTHW, grey_BCTHW, feature_weight=1.0)
    assert torch.equal(perfect_B, torch.zeros(4))
    torch.testing.assert_close(grey_B.mean(), torch.tensor(1.0))
    assert (both_B > grey_B).all()


def test_a_flat_grey_batch_gives_a_finite_loss(networks):
    _, critic = networks
    flat_BCTHW = torch.zeros_like(random_clips(small_geometry(), 2))
    with torch.no_grad(), frozen(critic):
        loss_B = reconstruction_loss(critic, flat_BCTHW, flat_BCTHW + 0.01, feature_weight=1.0)
    assert torch.isfinite(loss_B).all()


def test_refining_brings_each_latent_nearer_to_its_own_clip(networks):
    generator, critic = networks
    true_BZ = random_latents(generator.geometry, 3, seed=8)
    with torch.no_grad():
        video_BCTHW = generator(true_BZ)
    start_BZ = (true_BZ + 0.3 * random_latents(generator.geometry, 3, seed=9)).clamp(-1, 1)
    refined_BZ = refine_latent(
        generator, critic, video_BCTHW, start_BZ, steps=40, learning_rate=0.05
    )
    assert refined_BZ.abs().max() < 1
    with torch.no_grad(), frozen(critic):
        before_B, after_B = (
            reconstruction_loss(critic, video_BCTHW, generator(latent_BZ), feature_weight=1.0)
            for latent_BZ in (start_BZ, refined_BZ)
        )
    assert (after_B < 0.5 * before_B).all()


def test_refining_zero_steps_keeps_the_start_and_clips_are_refined_apart(networks):
    generator, critic = networks
    video_BCTHW = drawn_clips(generator, 2)
    start_BZ = random_latents(generator.geometry, 2, seed=3)
    same_BZ = refine_latent(generator, critic, video_BCTHW, start_BZ, steps=0)
    torch.testing.assert_close(same_BZ, start_BZ)
    pixels = {"steps": 5, "learning_rate": 0.05, "feature_weight": 0.0}
    together_BZ = refine_latent(generator, critic, video_BCTHW, start_BZ, **pixels)
    changed_BCTHW = torch.stack([video_BCTHW[0], -video_BCTHW[1]])
    other_BZ = refine_latent(generator, critic, changed_BCTHW, start_BZ, **pixels)
    torch.testing.assert_close(together_BZ[0], other_BZ[0], atol=2e-2, rtol=0)
    assert (together_BZ[1] - other_BZ[1]).abs().max() > 2e-2


def test_refining_against_a_broken_generator_stops(networks):
    generator, critic = networks
    video_BCTHW = drawn_clips(generator, 2)
    with torch.no_grad():
        generator.image.last.bias[0] = float("nan")
    with pytest.raises(NonFiniteError, match="latent search"):
        refine_latent(generator, critic, video_BCTHW, random_latents(generator.geometry, 2))
