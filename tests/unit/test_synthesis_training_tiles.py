"""Synthetic clips become tiles as footage has them: the same pictures, speeds in their steps."""

from dataclasses import replace

import numpy as np
import torch

from pipeline.clips.flow import SPEED_STEPS
from pipeline.clips.tensors import planes_of, speed_plane
from pipeline.synthesis.sampling import sample_clips
from pipeline.synthesis.training_tiles import synthetic_tiles
from tests.synthesis_makers import sight


def test_they_are_what_generate_draws_and_training_sees_the_same_planes_again() -> None:
    look = sight()
    made, tiles = sample_clips(look, 5, 3), synthetic_tiles(look, 5, 3)
    assert (tiles.pictures == made.pictures_BTHW.numpy()).all()
    assert (tiles.corners_K2 == made.place_B2.numpy()).all()
    assert tiles.speeds.any()
    seen = planes_of(
        torch.from_numpy(tiles.pictures),
        made.background_BHW,
        made.planes,
        speed_plane(torch.from_numpy(tiles.speeds).float() / SPEED_STEPS, look.full_speed_px),
    )
    speed = made.planes.index("speed")
    drawn = made.video_BCTHW.clone()
    drawn[:, speed].clamp_(0.0, 1.0)
    assert (seen[:, speed] - drawn[:, speed]).abs().max() < 1.0 / SPEED_STEPS
    grey = 1 - speed
    assert (seen[:, grey] - drawn[:, grey]).abs().max() < 1.5 / 96.0


def test_another_seed_draws_other_tiles() -> None:
    look = sight()
    assert synthetic_tiles(look, 4, 0).digest == synthetic_tiles(look, 4, 0).digest
    assert synthetic_tiles(look, 4, 0).digest != synthetic_tiles(look, 4, 1).digest


def test_speeds_that_no_code_holds_are_the_fastest_there_is() -> None:
    fast = replace(sight(), full_speed_px=1_000.0)
    speeds = synthetic_tiles(fast, 4, 0).speeds
    assert speeds.max() == 255
    assert speeds.dtype == np.uint8
