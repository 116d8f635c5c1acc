"""The networks have the paper's tables, and keep their promises about shapes and dependence."""

import pytest
import torch

from tests.core_recipes import (
    lively_generator,
    random_clips,
    random_latents,
    small_geometry,
    small_recipe,
)
from tgan_core.config import GeometryConfig
from tgan_core.critic import Critic
from tgan_core.interpolation import interpolate
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.training import new_training_state
from tgan_core.video_generator import VideoGenerator


def parameters(network):
    return sum(weight.numel() for weight in network.parameters())


def test_the_papers_geometry_has_the_papers_parameter_counts():
    generator, critic = VideoGenerator(GeometryConfig()), Critic(GeometryConfig())
    assert parameters(generator.temporal) == 825_444
    assert parameters(generator.image) == 3_622_691
    assert parameters(critic) == 11_032_385


def test_the_papers_layers_have_the_papers_weight_shapes():
    generator, critic = VideoGenerator(GeometryConfig()), Critic(GeometryConfig())
    assert [tuple(w.shape) for w in generator.temporal.parameters() if w.dim() == 3] == [
        (100, 512, 1),
        (512, 256, 4),
        (256, 128, 4),
        (128, 128, 4),
        (128, 100, 4),
    ]
    assert [tuple(w.shape) for w in generator.image.parameters() if w.dim() == 4] == [
        (512, 256, 4, 4),
        (256, 128, 4, 4),
        (128, 64, 4, 4),
        (64, 32, 4, 4),
        (32, 3, 3, 3),
    ]
    assert [tuple(w.shape) for w in critic.parameters() if w.dim() == 5] == [
        (64, 3, 4, 4, 4),
        (128, 64, 4, 4, 4),
        (256, 128, 4, 4, 4),
        (512, 256, 4, 4, 4),
        (1, 512, 1, 4, 4),
    ]


@pytest.mark.parametrize("frames", [8, 16, 32])
@pytest.mark.parametrize("tile_px", [32, 64])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_every_geometry_draws_and_judges_clips_of_its_own_size(frames, tile_px, channels):
    geometry = small_geometry(frames=frames, tile_px=tile_px, channels=channels, generator_width=32)
    generator, critic = VideoGenerator(geometry), Critic(geometry)
    latent_BZ = random_latents(geometry, 2)
    video_BCTHW = generator(latent_BZ)
    assert generator.frame_latents(latent_BZ).shape == (2, 6, frames)
    assert video_BCTHW.shape == (2, channels, frames, tile_px, tile_px)
    assert video_BCTHW.abs().max() <= 1
    assert critic(video_BCTHW).shape == (2,)
    deepest_BCTHW = critic.features(video_BCTHW)[-1]
    assert deepest_BCTHW.shape[3:] == (4, 4)
    assert deepest_BCTHW.shape[2] == critic.head.kernel_size[0]


def test_the_papers_critic_ends_in_one_time_step():
    geometry = GeometryConfig(critic_width=2)
    sizes = [tuple(f.shape[1:]) for f in Critic(geometry).features(random_clips(geometry, 2))]
    assert sizes == [(2, 8, 32, 32), (4, 4, 16, 16), (8, 2, 8, 8), (16, 1, 4, 4)]


def test_the_trajectory_depends_on_the_latent_alone():
    geometry = small_geometry()
    temporal = lively_generator().temporal
    latent_BZ = random_latents(geometry, 4)
    first_BZT, again_BZT = temporal(latent_BZ), temporal(latent_BZ.clone())
    assert torch.equal(first_BZT, again_BZT)
    assert first_BZT.abs().max() < 1
    assert not torch.allclose(first_BZT[0], first_BZT[1])


def test_permuting_latents_permutes_clips_and_permuting_clips_permutes_scores():
    geometry = small_geometry()
    generator = lively_generator()
    critic = new_training_state(small_recipe(), 0).critic.eval()
    latent_BZ, order = random_latents(geometry, 4), torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        video_BCTHW = generator(latent_BZ)
        torch.testing.assert_close(generator(latent_BZ[order]), video_BCTHW[order])
        torch.testing.assert_close(critic(video_BCTHW[order]), critic(video_BCTHW)[order])
    assert (video_BCTHW[0] - video_BCTHW[1]).abs().max() > 0.01


def test_each_frame_follows_its_own_moment_and_no_other():
    geometry = small_geometry()
    generator = lively_generator()
    latent_BZ = random_latents(geometry, 2)
    frame_latents_BZT = generator.frame_latents(latent_BZ).detach()
    moved_BZT = frame_latents_BZT.clone()
    moved_BZT[:, :, 5] = -moved_BZT[:, :, 5] + 0.5
    with torch.no_grad():
        before = generator.render(latent_BZ, frame_latents_BZT)
        after = generator.render(latent_BZ, moved_BZT)
    changed = (before - after).abs().amax(dim=(0, 1, 3, 4)) > 1e-4
    assert changed.tolist() == [False] * 5 + [True] + [False] * 2


def test_the_split_first_doubling_equals_the_joined_one():
    geometry = small_geometry()
    image = lively_generator().image
    latent_BZ = random_latents(geometry, 2)
    moments_NZ = random_latents(geometry, 6, seed=3)
    with torch.no_grad():
        split_NCHW = image._join(latent_BZ, moments_NZ, moments=3)
        clip_NCHW = image.clip_branch(latent_BZ).view(2, 8, 4, 4).repeat_interleave(3, dim=0)
        moment_NCHW = image.moment_branch(moments_NZ).view(6, 8, 4, 4)
        joined_NCHW = image.first(torch.cat([clip_NCHW, moment_NCHW], dim=1))
    torch.testing.assert_close(split_NCHW, joined_NCHW)


def test_the_score_map_of_a_tile_is_its_score():
    geometry = small_geometry()
    critic = Critic(geometry).eval()
    video_BCTHW = random_clips(geometry, 3)
    with torch.no_grad():
        map_BHW = critic.score_map(video_BCTHW)
        assert map_BHW.shape == (3, 1, 1)
        assert torch.equal(map_BHW[:, 0, 0], critic(video_BCTHW))


def test_the_score_map_of_a_frame_moves_with_the_picture():
    geometry = small_geometry(channels=1)
    critic = Critic(geometry).eval()
    stride_px = geometry.tile_px // 4
    frame_BCTHW = random_clips(small_geometry(channels=1, tile_px=64, generator_width=32), 1)
    with torch.no_grad():
        map_BHW = critic.score_map(frame_BCTHW)
        moved_BHW = critic.score_map(frame_BCTHW.roll(stride_px, dims=4))
    assert map_BHW.shape == (1, 5, 5)
    # The outer columns see the border; one step inside, a shift of the picture is a shift.
    torch.testing.assert_close(moved_BHW[:, 1:4, 2:4], map_BHW[:, 1:4, 1:3])


def test_clips_of_a_wrong_size_are_refused():
    geometry = small_geometry()
    critic, generator = Critic(geometry), VideoGenerator(geometry)
    video_BCTHW = random_clips(geometry, 2)
    with pytest.raises(ValueError, match="video"):
        critic(video_BCTHW[..., :30])
    with pytest.raises(ValueError, match="smaller than a tile"):
        critic.score_map(video_BCTHW[..., :30])
    with pytest.raises(ValueError, match="video"):
        critic.score_map(video_BCTHW[:, :, :7])
    with pytest.raises(ValueError, match="latent_BZ"):
        generator(torch.zeros(2, 7))
    with pytest.raises(ValueError, match="frame_latents_BZT"):
        generator.render(torch.zeros(2, 6), torch.zeros(3, 6, 8))


def test_interpolation_keeps_the_clips_own_frames_and_moves_between_them():
    geometry = small_geometry()
    generator = lively_generator()
    latent_BZ = random_latents(geometry, 2)
    with torch.no_grad():
        own_BCTHW = generator(latent_BZ)
    finer_BCTHW = interpolate(generator, latent_BZ, 3)
    assert finer_BCTHW.shape == (2, 2, 22, 32, 32)
    torch.testing.assert_close(finer_BCTHW[:, :, ::3], own_BCTHW, atol=1e-5, rtol=0)
    steps = (finer_BCTHW[:, :, 1:] - finer_BCTHW[:, :, :-1]).abs().amax(dim=(0, 1, 3, 4))
    coarse = (own_BCTHW[:, :, 1:] - own_BCTHW[:, :, :-1]).abs().amax()
    assert 0 < steps.max() < coarse


def test_interpolation_follows_a_given_trajectory_and_refuses_factor_zero():
    geometry = small_geometry()
    generator = lively_generator()
    latent_BZ = random_latents(geometry, 1)
    still_BZT = generator.frame_latents(latent_BZ).detach()[:, :, :1].expand(-1, -1, 4)
    still_BCTHW = interpolate(generator, latent_BZ, 2, still_BZT)
    assert still_BCTHW.shape[2] == 7
    torch.testing.assert_close(still_BCTHW, still_BCTHW[:, :, :1].expand_as(still_BCTHW))
    with pytest.raises(ValueError, match="factor"):
        interpolate(generator, latent_BZ, 0)


def test_recomputed_statistics_are_the_mean_over_the_given_batches():
    geometry = small_geometry()
    generator = VideoGenerator(geometry).eval()
    batches = [random_latents(geometry, 8, seed=seed) for seed in range(3)]
    recompute_batch_norm_statistics(generator, batches)
    norm = generator.image.clip_branch[1]
    linear = generator.image.clip_branch[0]
    expected = torch.stack([linear(batch).mean(0) for batch in batches]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected)
    assert not generator.training
    assert norm.momentum == 0.1


def test_recomputing_from_no_batches_changes_nothing():
    generator = VideoGenerator(small_geometry())
    before = {name: value.clone() for name, value in generator.named_buffers()}
    recompute_batch_norm_statistics(generator, [])
    assert all(torch.equal(value, before[name]) for name, value in generator.named_buffers())
