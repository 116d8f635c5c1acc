"""Nuisances: what happens to every camera and must not alarm, put into real footage.

Each changes the whole picture for the whole of its video, and is a function of the seed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["NuisanceKind", "Paint", "nuisance_paint"]

Paint = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]
"""(frame from 0, its picture) -> a picture of the same shape; the given one is left as it is."""


class NuisanceKind(StrEnum):
    """What must not alarm."""

    BRIGHTNESS_RAMP = "brightness_ramp"
    FLICKER = "flicker"
    SENSOR_NOISE = "sensor_noise"
    COMPRESSION = "compression"
    CAMERA_SHAKE = "camera_shake"


_RAMP_GAIN: Final = (0.15, 0.3)
"""The ramp ends this much brighter or darker than it began."""
_FLICKER_GAIN: Final = 0.05
_FLICKER_HERTZ: Final = (0.7, 3.0)
_NOISE_SIGMA: Final = (3.0, 6.0)
"""Grey levels."""
_JPEG_QUALITY: Final = (15, 35)
_SHAKE_PX: Final = 1.0
"""At most, in each direction."""


def nuisance_paint(
    kind: NuisanceKind, *, frames: int, frame_rate: float, rng: np.random.Generator
) -> Paint:
    """Return how a nuisance changes each of `frames` pictures; same `rng` state, same pictures."""
    if kind is NuisanceKind.BRIGHTNESS_RAMP:
        end = 1.0 + rng.uniform(*_RAMP_GAIN) * float(rng.choice([-1.0, 1.0]))
        return _gain(np.linspace(1.0, end, frames))
    if kind is NuisanceKind.FLICKER:
        turns = np.arange(frames) / frame_rate * rng.uniform(*_FLICKER_HERTZ)
        wave = np.sin(2.0 * np.pi * (turns + rng.uniform()))
        return _gain(1.0 + _FLICKER_GAIN * wave)
    if kind is NuisanceKind.SENSOR_NOISE:
        return _noise(rng.uniform(*_NOISE_SIGMA), int(rng.integers(1 << 31)))
    if kind is NuisanceKind.COMPRESSION:
        return _jpeg(int(rng.integers(_JPEG_QUALITY[0], _JPEG_QUALITY[1] + 1)))
    return _shake(frames, rng)


def _gain(gains_F: NDArray[np.float64]) -> Paint:
    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(cv2.convertScaleAbs(image, alpha=float(gains_F[index])), dtype=np.uint8)

    return paint


def _noise(sigma: float, seed: int) -> Paint:
    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        # A generator for each frame: a picture does not depend on which were asked for before.
        noise = np.random.default_rng([seed, index]).standard_normal(image.shape, dtype=np.float32)
        return np.clip(np.rint(image + sigma * noise), 0, 255).astype(np.uint8)

    return paint


def _jpeg(quality: int) -> Paint:
    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        done, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        assert done
        flag = cv2.IMREAD_GRAYSCALE if image.ndim == 2 else cv2.IMREAD_COLOR
        return np.asarray(cv2.imdecode(packed, flag), dtype=np.uint8)

    return paint


def _shake(frames: int, rng: np.random.Generator) -> Paint:
    """Shift by a random walk that is drawn back to the middle, as a mast in the wind is."""
    walk_F2 = np.zeros((frames, 2))
    for index in range(1, frames):
        walk_F2[index] = 0.7 * walk_F2[index - 1] + 0.5 * rng.standard_normal(2)
    walk_F2 = np.clip(walk_F2, -_SHAKE_PX, _SHAKE_PX)

    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        (x, y), (height, width) = walk_F2[index], image.shape[:2]
        matrix = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        # Cubic: a linear mean of neighbours would also blur, now more and now less.
        moved = cv2.warpAffine(
            image, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return np.asarray(moved, dtype=np.uint8)

    return paint
