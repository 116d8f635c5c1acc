"""Camera troubles: what makes a camera blind, put into real footage at its own size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.health.events import Trouble

__all__ = ["TroublePaint", "trouble_paint"]

TroublePaint = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8] | None]
"""(frame of the trouble from 0, its picture) -> what the camera gives instead; None: no frame."""

_BLUR_SHARE: Final = (0.008, 0.02)
_KNOCK_SHARE: Final = (0.05, 0.12)
_KNOCK_DEGREES: Final = 8.0
_NUDGE_SHARE: Final = (0.01, 0.02)
"""Of the picture's width."""
_ONE_IN: Final = 3
"""Frames that still come when the frame rate is down."""
_SENSOR_NOISE: Final = 2.0


def trouble_paint(
    trouble: Trouble, *, width_px: int, height_px: int, rng: np.random.Generator
) -> TroublePaint:
    """Return what a trouble makes of pictures, HW or HWC; the same `rng` state gives the same."""
    size = width_px, height_px
    if trouble is Trouble.FROZEN:
        return _frozen()
    if trouble is Trouble.BLACK:
        return _instead_of_the_scene(np.full((height_px, width_px), 4.0, np.float32), rng)
    if trouble is Trouble.COVERED:
        return _instead_of_the_scene(_close_surface(size, rng), rng)
    if trouble is Trouble.OUT_OF_FOCUS:
        sigma = rng.uniform(*_BLUR_SHARE) * width_px
        return lambda _, image: np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.uint8)
    if trouble is Trouble.FRAME_RATE_DOWN:
        return lambda index, image: image if index % _ONE_IN == 0 else None
    share = _NUDGE_SHARE if trouble is Trouble.MOVED_SLIGHTLY else _KNOCK_SHARE
    degrees = 0.0
    if trouble is Trouble.MOVED:
        degrees = rng.uniform(-_KNOCK_DEGREES, _KNOCK_DEGREES)
    return _moved(size, rng.uniform(*share) * width_px, rng.uniform(0.0, 2.0 * np.pi), degrees)


def _frozen() -> TroublePaint:
    kept: list[NDArray[np.uint8]] = []

    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if index == 0:
            kept[:] = [image.copy()]
        return kept[0]

    return paint


def _close_surface(size: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return what a surface right before the lens looks like: soft patches of light."""
    patches = rng.uniform(25.0, 130.0, (3, 4)).astype(np.float32)
    return np.asarray(cv2.resize(patches, size, interpolation=cv2.INTER_CUBIC), np.float32)


def _instead_of_the_scene(
    picture_HW: NDArray[np.float32], rng: np.random.Generator
) -> TroublePaint:
    seed = int(rng.integers(1 << 31))

    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        noise = np.random.default_rng([seed, index]).standard_normal(picture_HW.shape, np.float32)
        grey_HW = np.clip(picture_HW + _SENSOR_NOISE * noise, 0, 255).astype(np.uint8)
        return grey_HW if image.ndim == 2 else np.repeat(grey_HW[..., None], 3, axis=2)

    return paint


def _moved(size: tuple[int, int], reach_px: float, angle: float, degrees: float) -> TroublePaint:
    matrix = cv2.getRotationMatrix2D((size[0] / 2, size[1] / 2), degrees, 1.0)
    # Whole pixels: a scene that moves is not blurred by it.
    matrix[:, 2] += np.rint(reach_px * np.array([np.cos(angle), np.sin(angle)]))

    def paint(_: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        moved = cv2.warpAffine(
            image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
        )
        return np.asarray(moved, np.uint8)

    return paint
