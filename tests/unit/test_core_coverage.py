"""Coverage counts clips that come back, and a generator's own clips come back best."""

import pytest
import torch

from tests.core_recipes import lively_generator, random_clips, random_latents, small_recipe
from tgan_core.encoder_training import new_encoder
from tgan_core.evaluation.coverage import coverage, inversion_residuals
from tgan_core.training import new_training_state


def residuals(video_BCTHW, **options):
    generator = lively_generator()
    critic = new_training_state(small_recipe(), 0).critic
    encoder = new_encoder(generator.geometry, seed=0)
    return inversion_residuals(generator, critic, encoder, video_BCTHW, **options)


def drawn_clips(count):
    generator = lively_generator()
    with torch.no_grad():
        return generator(random_latents(generator.geometry, count, seed=5))


def test_written_values():
    training = torch.arange(1.0, 101.0)
    held_out = torch.tensor([1.0, 50.0, 95.0, 96.0, 200.0])
    assert coverage(held_out, training) == pytest.approx(3 / 5)
    assert coverage(held_out, training, quantile=1.0) == pytest.approx(4 / 5)
    assert coverage(held_out, training, quantile=0.2) == pytest.approx(1 / 5)
    assert coverage(training, training, quantile=0.9) == pytest.approx(0.9)


def test_own_clips_come_back_and_noise_does_not():
    own, noise = drawn_clips(6), random_clips(lively_generator().geometry, 6)
    # Noise as far from its mean as the clips are: it is not harder for being louder.
    noise = noise * (own.std() / noise.std())
    found = {
        name: residuals(video, steps=40, learning_rate=0.1)
        for name, video in (("own", own), ("noise", noise))
    }
    assert found["own"].max() < 0.5 * found["noise"].min()
    assert coverage(found["noise"], found["own"]) == 0.0
    assert (found["own"] < residuals(own, steps=0)).all()


def test_a_clip_comes_to_the_same_beside_any_others():
    video_BCTHW = drawn_clips(5)
    together = residuals(video_BCTHW, steps=8)
    apart = residuals(video_BCTHW, steps=8, batch=2)
    assert together.tolist() == pytest.approx(apart.tolist(), rel=1e-3)


@pytest.mark.parametrize(
    ("held_out", "training", "quantile", "match"),
    [
        ([], [1.0], 0.9, "held-out"),
        ([1.0], [], 0.9, "training"),
        ([float("nan")], [1.0], 0.9, "held-out"),
        ([1.0], [float("inf")], 0.9, "training"),
        ([1.0], [1.0], 0.0, "quantile"),
        ([1.0], [1.0], 1.1, "quantile"),
    ],
)
def test_what_says_nothing_is_our_mistake(held_out, training, quantile, match):
    with pytest.raises(ValueError, match=match):
        coverage(torch.tensor(held_out), torch.tensor(training), quantile=quantile)
