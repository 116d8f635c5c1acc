"""The generators that TGAN is compared with: same doors, and what each of them cannot know."""

import pytest
import torch

from tests.core_recipes import random_latents, small_geometry
from tgan_core.baselines.moment_generator import MomentGenerator
from tgan_core.baselines.one_piece_generator import OnePieceGenerator
from tgan_core.config import GeometryConfig
from tgan_core.initialisation import initialise_
from tgan_core.video_generator import VideoGenerator

GENERATORS = (OnePieceGenerator, MomentGenerator)


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize(
    ("frames", "tile_px", "width"), [(8, 32, 16), (16, 64, 32), (32, 32, 16), (8, 64, 32)]
)
def test_clips_have_the_shape_and_range_that_critics_take(
    kind: type[VideoGenerator], frames: int, tile_px: int, width: int
) -> None:
    geometry = small_geometry(frames=frames, tile_px=tile_px, generator_width=width)
    video_BCTHW = kind(geometry)(random_latents(geometry, 3))
    assert video_BCTHW.shape == (3, 2, frames, tile_px, tile_px)
    assert video_BCTHW.abs().max() <= 1.0


@pytest.mark.parametrize("kind", GENERATORS)
def test_every_weight_is_reached_from_the_clip(kind: type[VideoGenerator]) -> None:
    generator = kind(small_geometry())
    initialise_(generator, "lecun", torch.Generator().manual_seed(0))
    generator(random_latents(generator.geometry, 4)).square().sum().backward()
    assert all(weight.grad is not None for weight in generator.parameters())


def test_the_published_size_of_the_one_piece_generator_mirrors_the_critic() -> None:
    layers = OnePieceGenerator(GeometryConfig()).layers
    shapes = [tuple(part.weight.shape) for part in layers if hasattr(part, "stride")]
    assert shapes == [
        (512, 256, 4, 4, 4), (256, 128, 4, 4, 4), (128, 64, 4, 4, 4), (64, 3, 4, 4, 4),
    ]  # fmt: skip


def test_frames_of_the_moment_generator_know_their_moment_alone() -> None:
    generator = MomentGenerator(small_geometry()).eval()
    initialise_(generator, "lecun", torch.Generator().manual_seed(0))
    latent_BZ = random_latents(generator.geometry, 2)
    trajectory = generator.frame_latents(latent_BZ)
    assert torch.equal(
        generator.render(latent_BZ, trajectory), generator.render(-latent_BZ, trajectory)
    )
    whole = VideoGenerator(small_geometry()).eval()
    whole.load_state_dict(generator.state_dict())
    assert not torch.equal(
        whole.render(latent_BZ, trajectory), whole.render(-latent_BZ, trajectory)
    )
