"""Small models that draw pictures, and footage in which one thing moves, for tests of synthesis."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.footage.frames import View
from pipeline.learning.camera_model import CameraModel, Sight
from pipeline.learning.presets import Preset, preset_named
from pipeline.scoring.calibration import PlaceStatistics
from pipeline.scoring.clip_batch import Networks
from pipeline.scoring.fusion import Calibration
from pipeline.synthesis.source import Source
from tests.core_recipes import lively_generator, logistic_recipe
from tests.evaluation_makers import policy
from tests.scoring_makers import small_networks

__all__ = ["camera_model", "moving_square", "sight", "source"]

HEIGHT_PX, WIDTH_PX = 48, 64
NO_PLACES: dict[str, PlaceStatistics] = {}


def preset(**changes: Any) -> Preset:
    small = replace(preset_named("compact"), working_width_px=WIDTH_PX, tgan=logistic_recipe())
    return replace(small, **changes)


def sight(seed: int = 0, **changes: Any) -> Sight:
    """Return how a small model with a lively generator looks at 64 x 48 px."""
    networks = small_networks(seed)
    lively = Networks(
        generator=lively_generator(seed),
        critic=networks.critic,
        encoder=networks.encoder,
        bf16=False,
    ).freeze()
    return Sight(
        preset=preset(**changes),
        view=View(width_px=WIDTH_PX, height_px=HEIGHT_PX, frame_rate=10.0),
        background_HW=moving_square(1, speed_px=0, side_px=0)[0],
        full_speed_px=4.0,
        networks=lively,
    )


def camera_model(seed: int = 0) -> CameraModel:
    """Return a whole model that can be stored and loaded; its calibration knows nothing."""
    return CameraModel(
        sight=sight(seed),
        calibration=Calibration(places=NO_PLACES, terms={}, experts={}, groups={}),
        policy=policy(),
        tail=EventTail(threshold=1.0, events_per_day=10.0, scale=0.5, shape=0.0),
        budget_per_day=1.0,
        held_out_seconds=0.0,
        figures={"metrics": []},
    )


def source(out: Path) -> Source:
    """Return that model as `kizashi generate` sees it, without footage."""
    return Source(name="belt", model=camera_model(), masks=(), out=out, normal=list)


def moving_square(
    frames: int, *, speed_px: int = 2, side_px: int = 12, seed: int = 0
) -> list[NDArray[np.uint8]]:
    """Return pictures of a smooth background over which a bright, textured square moves right."""
    chance = np.random.default_rng(seed)
    ramp = np.linspace(60, 140, WIDTH_PX)[None] + np.linspace(0, 30, HEIGHT_PX)[:, None]
    texture = chance.integers(170, 250, (side_px // 4 + 1, side_px // 4 + 1)).repeat(4, 0)
    square = texture.repeat(4, 1)[:side_px, :side_px]
    video = []
    for index in range(frames):
        picture = ramp.astype(np.uint8)
        left = (4 + index * speed_px) % (WIDTH_PX - side_px)
        picture[14 : 14 + side_px, left : left + side_px] = square
        video.append(picture)
    return video
