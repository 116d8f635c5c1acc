"""Small recipes and clips for the tests of tgan_core: seconds become milliseconds."""

from typing import Any

import torch
from torch import Tensor

from tgan_core.config import GeometryConfig, OptimisationConfig, TganConfig
from tgan_core.normalisation import recompute_batch_norm_statistics
from tgan_core.training import new_training_state
from tgan_core.video_generator import VideoGenerator

SMALL = {
    "frames": 8,
    "tile_px": 32,
    "channels": 2,
    "latent": 6,
    "generator_width": 16,
    "critic_width": 4,
    "temporal_width": 8,
}


def small_geometry(**changes: Any) -> GeometryConfig:
    return GeometryConfig(**(SMALL | changes))


def small_recipe(geometry: dict[str, Any] | None = None, **optimisation: Any) -> TganConfig:
    return TganConfig(
        geometry=small_geometry(**(geometry or {})),
        optimisation=OptimisationConfig(**({"batch": 3, "ema_decay": 0.9} | optimisation)),
    )


def logistic_recipe(**optimisation: Any) -> TganConfig:
    changes = {"objective": "non_saturating", "optimiser": "adam", "r1_weight": 1.0, "r1_every": 4}
    return small_recipe({"critic_norm": "none"}, **(changes | optimisation))


def random_clips(geometry: GeometryConfig, count: int, seed: int = 0) -> Tensor:
    """video_BCTHW of noise in [-1, 1]."""
    size = (count, geometry.channels, geometry.frames, geometry.tile_px, geometry.tile_px)
    return torch.empty(size).uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))


def random_latents(geometry: GeometryConfig, count: int, seed: int = 0) -> Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.empty(count, geometry.latent).uniform_(-1, 1, generator=random)


def same_tensors(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Equal names and, bit for bit, equal values."""
    return left.keys() == right.keys() and all(torch.equal(left[n], right[n]) for n in left)


def lively_generator(seed: int = 0) -> VideoGenerator:
    """A small generator whose clips differ: weights of the first step, made stronger."""
    generator = new_training_state(small_recipe(), seed).generator
    with torch.no_grad():
        for weight in generator.image.parameters():
            if weight.dim() > 1:
                weight.mul_(30.0)
    latents = [random_latents(generator.geometry, 32, seed=1)]
    recompute_batch_norm_statistics(generator, latents)
    return generator.eval()


RECIPES = {"wasserstein": small_recipe(), "logistic": logistic_recipe()}


def batches(recipe: TganConfig, steps: int, start: int = 0) -> list[torch.Tensor]:
    """Return `steps` batches of noise, numbered from `start`."""
    clips = recipe.optimisation.batch
    return [random_clips(recipe.geometry, clips, seed) for seed in range(start, start + steps)]
