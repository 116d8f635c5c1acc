"""A conditional model: labels reach each of the three networks, and travel with what is stored."""

import copy

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.core_recipes import (
    batches,
    logistic_recipe,
    random_clips,
    random_latents,
    same_tensors,
    small_geometry,
    small_recipe,
)
from tgan_core.baselines.constraints import normalise_spectrally_
from tgan_core.checkpoint import load_checkpoint, save_checkpoint
from tgan_core.config import GeometryConfig, TganConfig
from tgan_core.critic import Critic
from tgan_core.encoder import encode, reconstruct
from tgan_core.encoder_training import new_encoder, train_encoder
from tgan_core.errors import CheckpointError
from tgan_core.interpolation import interpolate
from tgan_core.inversion import refine_latent
from tgan_core.labels import LabelledClips, checked_labels, draw_labels
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.simultaneous_gradients import simultaneous_gradients
from tgan_core.training import (
    TrainingState,
    load_state_tensors,
    new_training_state,
    state_tensors,
    train,
    training_step,
)
from tgan_core.video_generator import VideoGenerator

LABELS = 4
RECIPE = small_recipe({"labels": LABELS})
LOGISTIC = TganConfig(
    geometry=small_geometry(labels=LABELS, critic_norm="none"),
    optimisation=logistic_recipe(r1_every=1).optimisation,
)


def labels_of(*values: int) -> Tensor:
    return torch.tensor(values)


def labelled_batches(recipe: TganConfig, steps: int, start: int = 0) -> list[LabelledClips]:
    """Return batches of noise whose labels change from batch to batch."""
    return [
        LabelledClips(video_BCTHW, (torch.arange(len(video_BCTHW)) + start + index) % LABELS)
        for index, video_BCTHW in enumerate(batches(recipe, steps, start))
    ]


def trained(recipe: TganConfig = RECIPE, steps: int = 2) -> TrainingState:
    state = new_training_state(recipe, seed=0)
    assert train(state, iter(labelled_batches(recipe, steps)), steps) == steps
    return state


def lively() -> VideoGenerator:
    """Return a conditional generator whose clips differ, in eval mode."""
    generator = new_training_state(RECIPE, 0).generator
    assert isinstance(generator, VideoGenerator)
    with torch.no_grad():
        for weight in generator.image.parameters():
            if weight.dim() > 1:
                weight.mul_(30.0)
    inputs = (random_latents(generator.geometry, 32, seed=1), torch.arange(32) % LABELS)
    recompute_batch_norm_statistics(generator, [inputs])
    return generator.eval()


def parameters(network: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters())


def test_labels_widen_the_papers_networks_by_what_the_section_says() -> None:
    generator = VideoGenerator(GeometryConfig(labels=10))
    critic = Critic(GeometryConfig(labels=10))
    # dc0 sees 100 + 10 numbers.
    assert parameters(generator.temporal) == 825_444 + 10 * 512
    # A linear layer without bias to 128 x 4 x 4, gain and shift of its norm, 128 channels of dc1.
    branch = 10 * 2_048 + 2 * 2_048
    assert parameters(generator.image) == 3_622_691 + branch + 128 * 256 * 16
    # c0 sees 3 + 10 planes.
    assert parameters(critic) == 11_032_385 + 10 * 64 * 64
    assert critic.convolutions[0].weight.shape == (64, 13, 4, 4, 4)
    assert generator.image.first.weight.shape == (512 + 128, 256, 4, 4)


def test_a_model_without_labels_is_what_it_was_before_there_were_any() -> None:
    plain, conditional = (
        state_tensors(new_training_state(recipe, 0)) for recipe in (small_recipe(), RECIPE)
    )
    assert [name for name in plain if "label" in name] == []
    assert "labels" not in small_recipe().to_dict()["geometry"]
    assert RECIPE.to_dict()["geometry"]["labels"] == LABELS
    assert TganConfig.from_dict(RECIPE.to_dict()) == RECIPE
    wider = {name for name in plain if plain[name].shape != conditional[name].shape}
    assert {name.split(".", 1)[1] for name in wider} == {
        "temporal.layers.0.weight",
        "image.first.weight",
        "convolutions.0.weight",
    }
    assert {name.split(".", 1)[1] for name in set(conditional) - set(plain)} == {
        "label_counts_V",
        *(
            f"image.label_branch.{name}"
            for name in (
                "0.weight",
                "1.weight",
                "1.bias",
                "1.running_mean",
                "1.running_var",
                "1.num_batches_tracked",
            )
        ),
    }


@pytest.mark.parametrize("generator", ["temporal", "moments"])
def test_the_label_changes_the_trajectory_the_frames_and_the_score(generator: str) -> None:
    networks = lively(), Critic(RECIPE.geometry).eval()
    if generator == "moments":
        state = new_training_state(small_recipe({"labels": LABELS, "generator": generator}), 0)
        state.generator.load_state_dict(networks[0].state_dict())
        networks = state.generator.eval(), networks[1]
    drawing, critic = networks
    latent_BZ = random_latents(RECIPE.geometry, 2)
    one, other = labels_of(0, 0), labels_of(0, 3)
    with torch.no_grad():
        moments_BZT = drawing.frame_latents(latent_BZ, one)
        gap_B = (drawing.frame_latents(latent_BZ, other) - moments_BZT).abs().amax(dim=(1, 2))
        assert gap_B[0] == 0 < gap_B[1]
        # Along the same trajectory: the label's own branch of the image generator.
        video_BCTHW = drawing.render(latent_BZ, moments_BZT, one)
        moved_BCTHW = drawing.render(latent_BZ, moments_BZT, other)
        gap_B = (moved_BCTHW - video_BCTHW).abs().amax(dim=(1, 2, 3, 4))
        assert gap_B[0] < 1e-5
        assert gap_B[1] > 0.01
        gap_B = (critic(video_BCTHW, other) - critic(video_BCTHW, one)).abs()
        assert gap_B[0] == 0 < gap_B[1]


def test_the_critic_sees_the_label_as_planes_that_are_joined_to_the_clip() -> None:
    critic, label_B = Critic(RECIPE.geometry), labels_of(2, 0, 3)
    video_BCTHW = random_clips(RECIPE.geometry, 3)
    planes_BVTHW = F.one_hot(label_B, LABELS).float()[:, :, None, None, None]
    planes_BVTHW = planes_BVTHW.expand(-1, -1, *video_BCTHW.shape[2:])
    joined = critic.convolutions[0](torch.cat([video_BCTHW, planes_BVTHW], dim=1))
    found_BCTHW = critic.features(video_BCTHW, label_B)[0]
    torch.testing.assert_close(found_BCTHW, F.leaky_relu(joined, 0.2), atol=1e-5, rtol=1e-4)


def test_the_split_first_doubling_of_three_parts_equals_the_joined_one() -> None:
    image, geometry, label_B = lively().image, RECIPE.geometry, labels_of(1, 3)
    latent_BZ, moments_NZ = random_latents(geometry, 2), random_latents(geometry, 6, seed=3)
    with torch.no_grad():
        split_NCHW = image._join(latent_BZ, moments_NZ, 3, label_B)
        clip_NCHW = image.clip_branch(latent_BZ).view(2, 8, 4, 4).repeat_interleave(3, dim=0)
        moment_NCHW = image.moment_branch(moments_NZ).view(6, 8, 4, 4)
        one_hot_BV = F.one_hot(label_B, LABELS).float()
        label_NCHW = image.label_branch(one_hot_BV).view(2, 4, 4, 4).repeat_interleave(3, dim=0)
        joined_NCHW = image.first(torch.cat([clip_NCHW, moment_NCHW, label_NCHW], dim=1))
    torch.testing.assert_close(split_NCHW, joined_NCHW)


def test_a_score_map_of_a_larger_frame_follows_the_label_of_its_clip() -> None:
    critic = Critic(RECIPE.geometry).eval()
    frame_BCTHW = random_clips(small_geometry(tile_px=64, generator_width=32), 2)
    with torch.no_grad():
        both_BHW = critic.score_map(frame_BCTHW, labels_of(1, 2))
        assert both_BHW.shape == (2, 5, 5)
        torch.testing.assert_close(both_BHW[1:], critic.score_map(frame_BCTHW[1:], labels_of(2)))
        assert not torch.allclose(both_BHW[1:], critic.score_map(frame_BCTHW[1:], labels_of(1)))


@pytest.mark.parametrize("recipe", [RECIPE, LOGISTIC], ids=["wasserstein", "logistic with R1"])
def test_gradients_are_those_of_separate_losses_with_the_labels_of_the_real_clips(
    recipe: TganConfig,
) -> None:
    state, real_BCTHW = trained(recipe), batches(recipe, 1, start=9)[0]
    generator, critic = copy.deepcopy((state.generator, state.critic))
    latent_BZ, label_B = random_latents(recipe.geometry, 3), labels_of(3, 0, 1)
    pseudo_BCTHW, pseudo_label_B = real_BCTHW.flip(2), labels_of(2, 2, 0)
    found = simultaneous_gradients(
        state.generator,
        state.critic,
        latent_BZ,
        real_BCTHW,
        recipe.optimisation,
        step=3,
        label_B=label_B,
        pseudo_BCTHW=pseudo_BCTHW,
        pseudo_label_B=pseudo_label_B,
    )
    fake_BCTHW = generator(latent_BZ, label_B)
    fake_B, real_B = critic(fake_BCTHW, label_B), critic(real_BCTHW, label_B)
    pseudo_B = critic(pseudo_BCTHW, pseudo_label_B)
    if recipe is RECIPE:
        critic_loss = (fake_B.mean() + pseudo_B.mean()) / 2 - real_B.mean()
        generator_loss = -fake_B.mean()
    else:
        critic_loss = (F.softplus(fake_B) + F.softplus(pseudo_B)).mean() / 2
        critic_loss = critic_loss + F.softplus(-real_B).mean()
        generator_loss = F.softplus(-fake_B).mean()
        free_BCTHW = real_BCTHW.clone().requires_grad_()
        (slope,) = torch.autograd.grad(
            critic(free_BCTHW, label_B).sum(), [free_BCTHW], create_graph=True
        )
        critic_loss = critic_loss + 0.5 * slope.square().flatten(1).sum(1).mean()
    wanted = torch.autograd.grad(generator_loss, list(generator.parameters()), retain_graph=True)
    wanted += torch.autograd.grad(critic_loss, list(critic.parameters()))
    for ours, expected in zip([*found.generator, *found.critic], wanted, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-6)
    # The weights behind the label have a slope in each of the three networks.
    slopes = dict(zip((n for n, _ in generator.named_parameters()), found.generator, strict=True))
    assert slopes["image.label_branch.0.weight"].abs().sum() > 0
    assert slopes["temporal.layers.0.weight"][-LABELS:].abs().sum() > 0
    critics = dict(zip((n for n, _ in critic.named_parameters()), found.critic, strict=True))
    by_label_V = critics["convolutions.0.weight"][:, 2:].abs().sum(dim=(0, 2, 3, 4))
    assert (by_label_V > 0).all()


def test_the_layer_that_sees_the_labels_is_clipped_with_them() -> None:
    state = new_training_state(RECIPE, 0)
    with torch.no_grad():
        state.critic.convolutions[0].weight[:, 2:].mul_(20.0)
    before = torch.linalg.svdvals(state.critic.convolutions[0].weight.detach().flatten(1))[0]
    assert before > 3
    training_step(state, *labelled_batches(RECIPE, 1)[0])
    whole = torch.linalg.svdvals(state.critic.convolutions[0].weight.detach().flatten(1))
    assert whole[0] <= 1 + 1e-4


@pytest.mark.parametrize(
    ("constraint", "norm"), [("spectral_norm", "batch"), ("gradient_penalty", "none")]
)
def test_other_constraints_of_the_critic_know_labels_too(constraint: str, norm: str) -> None:
    recipe = small_recipe({"labels": LABELS, "critic_norm": norm}, constraint=constraint)
    state = trained(recipe, 3)
    assert state.step == 3
    critic = Critic(small_geometry(labels=LABELS))
    normalise_spectrally_(critic)
    assert critic(random_clips(RECIPE.geometry, 2), labels_of(0, 1)).shape == (2,)


def test_training_goes_on_bit_for_bit_through_a_checkpoint(tmp_path) -> None:
    clips = labelled_batches(RECIPE, 6)
    straight = new_training_state(RECIPE, 0)
    train(straight, iter(clips), 6)
    begun = new_training_state(RECIPE, 0)
    train(begun, iter(clips), 3)
    manifest = {"config": RECIPE.to_dict()}
    digest = save_checkpoint(tmp_path, state_tensors(begun), manifest)
    tensors, kept = load_checkpoint(tmp_path, digest)
    resumed = new_training_state(TganConfig.from_dict(kept["config"]), seed=9)
    load_state_tensors(resumed, tensors)
    train(resumed, iter(clips[3:]), 3)
    assert same_tensors(state_tensors(resumed), state_tensors(straight))
    # 18 clips went round the 4 labels, starting one further each time.
    assert straight.generator.label_counts_V.tolist() == [4, 5, 5, 4]
    assert straight.sampler.label_counts_V.tolist() == [4, 5, 5, 4]


@pytest.mark.parametrize("labels", [0, LABELS + 1])
def test_a_checkpoint_of_other_labels_is_refused(labels: int) -> None:
    other = new_training_state(small_recipe({"labels": labels}), 0)
    before = state_tensors(other)
    with pytest.raises(CheckpointError):
        load_state_tensors(other, state_tensors(trained()))
    assert same_tensors(state_tensors(other), before)


WRONG = {
    "none": (None, "label_B is missing: the model has 4 labels"),
    "too high": (labels_of(0, 4, 1), "from 0 to 4, outside 0 to 3"),
    "negative": (labels_of(0, -1, 1), "from -1 to 1, outside 0 to 3"),
    "too few": (labels_of(0, 1), r"shape \(2,\), expected \(3,\)"),
    "fractions": (torch.tensor([0.0, 1.0, 2.0]), "whole numbers"),
    "one-hot": (torch.eye(3, dtype=torch.int64), "shape"),
    "truths": (torch.tensor([True, False, True]), "whole numbers"),
}


@pytest.mark.parametrize(("label_B", "message"), WRONG.values(), ids=WRONG)
def test_wrong_labels_are_refused_everywhere_and_change_nothing(label_B, message: str) -> None:
    state = trained()
    before = state_tensors(state)
    video_BCTHW = batches(RECIPE, 1)[0]
    with pytest.raises(ValueError, match=message):
        training_step(state, video_BCTHW, label_B)
    pseudo_message = message.replace("label_B", "pseudo_label_B")
    with pytest.raises(ValueError, match=pseudo_message):
        training_step(
            state,
            video_BCTHW,
            labels_of(0, 1, 2),
            pseudo_BCTHW=video_BCTHW,
            pseudo_label_B=label_B,
        )
    assert same_tensors(state_tensors(state), before)
    with pytest.raises(ValueError, match=message):
        state.critic(video_BCTHW, label_B)
    with pytest.raises(ValueError, match=message):
        state.generator(random_latents(RECIPE.geometry, 3), label_B)


def test_a_model_without_labels_takes_none() -> None:
    recipe = small_recipe()
    state, label_B = new_training_state(recipe, 0), labels_of(0, 1, 2)
    with pytest.raises(ValueError, match="the model has no labels"):
        training_step(state, batches(recipe, 1)[0], label_B)
    one_piece = new_training_state(small_recipe({"generator": "one_piece"}), 0).generator
    with pytest.raises(ValueError, match="the model has no labels"):
        one_piece(random_latents(recipe.geometry, 3), label_B)
    assert checked_labels(None, 0, 3) is None
    assert state.generator.draw_labels(5, torch.Generator()) is None


@pytest.mark.parametrize("wrong", [{"labels": 1}, {"labels": -1}, {"labels": 3, "generator": "?"}])
def test_impossible_numbers_of_labels_are_refused(wrong) -> None:
    generator = "one_piece" if "generator" in wrong else "temporal"
    with pytest.raises(ValueError, match="labels"):
        small_geometry(**(wrong | {"generator": generator}))


def test_labels_are_drawn_as_often_as_training_saw_them() -> None:
    random = torch.Generator().manual_seed(0)
    drawn_B = draw_labels(labels_of(10, 0, 30, 60), 10_000, random)
    shares = (torch.bincount(drawn_B, minlength=4) / 10_000).tolist()
    assert shares == pytest.approx([0.1, 0.0, 0.3, 0.6], abs=0.02)
    assert shares[1] == 0
    with pytest.raises(ValueError, match="none yet"):
        lively().draw_labels(3, random)


def test_a_short_training_draws_what_it_is_asked_for() -> None:
    recipe = small_recipe(
        {"labels": 2, "channels": 1, "critic_norm": "none"},
        objective="non_saturating",
        optimiser="adam",
        generator_learning_rate=2e-3,
        critic_learning_rate=2e-3,
        ema_decay=0.0,
        batch=8,
    )
    state, random = new_training_state(recipe, 0), torch.Generator().manual_seed(0)
    for _ in range(40):
        label_B = torch.randint(2, (8,), generator=random)
        noise_BCTHW = 0.1 * torch.randn(8, 1, 8, 32, 32, generator=random)
        level_B = label_B - 0.5  # dark clips are labelled 0, bright ones 1
        clips = (level_B[:, None, None, None, None] + noise_BCTHW).clamp(-1.0, 1.0)
        training_step(state, clips, label_B)
    with torch.no_grad():
        drawn = state.generator(random_latents(recipe.geometry, 40), torch.arange(40) % 2)
    assert float(drawn[1::2].mean() - drawn[::2].mean()) > 0.2


def test_encoder_inversion_and_interpolation_follow_the_label() -> None:
    generator, geometry = lively(), RECIPE.geometry
    critic, encoder = Critic(geometry).eval(), new_encoder(geometry, 0)
    clips = labelled_batches(RECIPE, 4)
    weights = [weight.detach().clone() for weight in encoder.parameters()]
    train_encoder(encoder, generator, critic, iter(clips), 4)
    assert any(not torch.equal(a, b) for a, b in zip(weights, encoder.parameters(), strict=True))
    video_BCTHW, one = clips[0].video_BCTHW, labels_of(0, 0, 0)
    other = labels_of(0, 3, 3)
    made = [reconstruct(encoder, generator, video_BCTHW, label_B=label) for label in (one, other)]
    gap_B = (made[0].video_BCTHW - made[1].video_BCTHW).abs().amax(dim=(1, 2, 3, 4))
    assert (gap_B > 1e-3).tolist() == [False, True, True]
    latent_BZ, _ = encode(encoder, generator, video_BCTHW, label_B=one)
    assert torch.equal(latent_BZ, encode(encoder, generator, video_BCTHW, label_B=other)[0])
    finer = interpolate(generator, latent_BZ.detach(), 2, label_B=other)
    torch.testing.assert_close(finer[:, :, ::2], generator(latent_BZ, other), atol=1e-5, rtol=0)
    refined_BZ = [
        refine_latent(generator, critic, video_BCTHW, latent_BZ, steps=3, label_B=label)
        for label in (one, other)
    ]
    assert not torch.allclose(refined_BZ[0][1], refined_BZ[1][1])
    for call in (
        lambda: reconstruct(encoder, generator, video_BCTHW),
        lambda: interpolate(generator, latent_BZ, 2),
        lambda: refine_latent(generator, critic, video_BCTHW, latent_BZ),
        lambda: train_encoder(encoder, generator, critic, iter([video_BCTHW]), 1),
    ):
        with pytest.raises(ValueError, match="label_B is missing"):
            call()
