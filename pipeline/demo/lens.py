"""What light and camera make of the scene: slow drift, vignetting, flicker, sensor noise."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo import geometry as g
from pipeline.demo.canvas import Image

__all__ = ["Lens"]

_NOISE_FIELDS = 12
_NOISE_MARGIN_PX = 64
_NOISE_LEVELS = 2.2
"""Standard deviation of the noise, in grey levels."""


class Lens:
    """Turns the scene into the frame of a camera; the same second gives the same frame."""

    def __init__(self, seed: int, width_px: int, height_px: int) -> None:
        self._size = (width_px, height_px)
        rng = np.random.default_rng([seed, 10])
        self._phases = rng.uniform(0.0, 2.0 * math.pi, 6)
        y, x = np.mgrid[:height_px, :width_px].astype(np.float32)
        x, y = x / width_px - 0.5, y / height_px - 0.5
        self._falloff = (1.04 - 0.36 * (x**2 + y**2)).astype(np.float32)
        # Daylight from the windows lies on the right half of floor and wall.
        self._daylight = np.exp(-(((x - 0.22) / 0.34) ** 2) - ((y + 0.1) / 0.55) ** 2)
        shape = (height_px + _NOISE_MARGIN_PX, width_px + _NOISE_MARGIN_PX)
        self._noise = [_noise(rng, shape) for _ in range(_NOISE_FIELDS)]
        self._seed = seed

    def frame(self, scene: Image, seconds: float) -> Image:
        """Return the frame, uint8 (H, W, 3), of a scene of the same size at a time."""
        lamps, daylight, warmth = self._light(seconds)
        light = self._falloff * lamps + self._daylight * daylight
        lit = cv2.merge([light * (1.0 - warmth), light, light * (1.0 + warmth)])
        exposed = cv2.multiply(scene, lit, dtype=cv2.CV_32F)
        frame: Image = np.asarray(
            cv2.add(exposed, self._noise_at(seconds), dtype=cv2.CV_8U), np.uint8
        )
        return frame

    def _light(self, seconds: float) -> tuple[float, float, float]:
        """Return the strength of lamps and daylight, and how much warmer than white it is."""
        p = self._phases
        turn = 2.0 * math.pi * seconds
        lamps = 1.0 + 0.025 * math.sin(turn / 173.0 + p[0]) + 0.012 * math.sin(turn / 41.0 + p[1])
        daylight = 0.05 * math.sin(turn / 229.0 + p[2]) + 0.03 * math.sin(turn / 67.0 + p[3])
        warmth = 0.02 * math.sin(turn / 205.0 + p[4])
        frame = round(seconds * g.FRAME_RATE)
        flicker = np.random.default_rng([self._seed, 11, frame]).normal(0.0, 0.003)
        return lamps + float(flicker), daylight, warmth

    def _noise_at(self, seconds: float) -> NDArray[np.float32]:
        """Return the noise of a frame: a window at a place of chance in one of a few fields."""
        rng = np.random.default_rng([self._seed, 12, round(seconds * g.FRAME_RATE)])
        field = self._noise[int(rng.integers(_NOISE_FIELDS))]
        top, left = (int(v) for v in rng.integers(0, _NOISE_MARGIN_PX, 2))
        width, height = self._size
        return field[top : top + height, left : left + width]


def _noise(rng: np.random.Generator, shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return noise (h, w, 3): most of it common to the colours, a little finer than a pixel."""
    grey = rng.normal(0.0, _NOISE_LEVELS, (*shape, 1))
    colour = rng.normal(0.0, 0.5 * _NOISE_LEVELS, (*shape, 3))
    return (grey + colour).astype(np.float32)
