"""Synthetic clips as tiles that another training learns from."""

from __future__ import annotations

import numpy as np

from pipeline.clips.flow import SPEED_STEPS
from pipeline.learning.camera_model import Sight
from pipeline.learning.reservoir import PlacedTiles
from pipeline.synthesis.sampling import sample_clips

__all__ = ["synthetic_tiles"]


def synthetic_tiles(sight: Sight, count: int, seed: int) -> PlacedTiles:
    """Return what `kizashi generate` draws with this model and seed, as tiles with their speeds.

    A generator draws no speed when its preset looks at none: those tiles stand still. Negative
    speeds, which mean nothing, are none.
    """
    made = sample_clips(sight, count, seed)
    pictures = made.pictures_BTHW.numpy()
    speeds = np.zeros(pictures.shape[:4], np.uint8)
    if "speed" in made.planes:
        drawn_BTHW = made.video_BCTHW[:, made.planes.index("speed")].clamp(0.0, 1.0)
        codes = drawn_BTHW * (sight.full_speed_px * SPEED_STEPS)
        speeds = codes.round().clamp(0.0, 255.0).numpy().astype(np.uint8)
    return PlacedTiles(pictures=pictures, speeds=speeds, corners_K2=made.place_B2.numpy())
