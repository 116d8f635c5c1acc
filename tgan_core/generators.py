"""The generator of a recipe, with its first weights: TGAN's, or one that it is compared with."""

from typing import Literal

import torch

from tgan_core.baselines.moment_generator import MomentGenerator
from tgan_core.baselines.one_piece_generator import OnePieceGenerator
from tgan_core.config import GeometryConfig
from tgan_core.initialisation import initialise_
from tgan_core.video_generator import VideoGenerator

__all__ = ["Generator", "initialise_generator_", "new_generator"]

Generator = VideoGenerator | OnePieceGenerator


def new_generator(geometry: GeometryConfig) -> Generator:
    """A generator as the geometry names it, with torch's own first weights."""
    if geometry.generator == "one_piece":
        return OnePieceGenerator(geometry)
    return (
        MomentGenerator(geometry) if geometry.generator == "moments" else VideoGenerator(geometry)
    )


def initialise_generator_(
    generator: Generator, scheme: Literal["lecun", "uniform"], random: torch.Generator
) -> None:
    """Draws all weights anew; those of an image generator are uniform whatever the scheme."""
    if isinstance(generator, OnePieceGenerator):
        initialise_(generator, scheme, random)
        return
    initialise_(generator.temporal, scheme, random)
    initialise_(generator.image, "uniform", random)
