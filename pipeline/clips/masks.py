"""Privacy masks: painted over before anything is learnt, stored or shown."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from pipeline.camera import Polygon

__all__ = ["burn_masks", "covered_pixels", "uncovers"]

_Image = np.ndarray[Any, np.dtype[np.uint8]]


def burn_masks(image: _Image, masks: tuple[Polygon, ...]) -> _Image:
    """Return the picture (uint8 HW or HWC) with every pixel that a mask touches set to 0.

    Without masks it is the picture itself, else a copy.
    """
    if not masks:
        return image
    burnt = image.copy()
    burnt[covered_pixels(image.shape[0], image.shape[1], masks)] = 0
    return burnt


def uncovers(before: tuple[Polygon, ...], after: tuple[Polygon, ...]) -> bool:
    """Tell whether a picture of 1920 x 1080 pixels shows anything behind the masks `after` that it
    does not show behind the masks `before`."""
    full_hd = (1080, 1920)
    return bool((covered_pixels(*full_hd, before) & ~covered_pixels(*full_hd, after)).any())


@lru_cache(maxsize=64)
def covered_pixels(
    height_px: int, width_px: int, masks: tuple[Polygon, ...]
) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return covered_HW: True where a mask touches a pixel."""
    import cv2  # the command line reads this file long before anybody needs a picture

    covered = np.zeros((height_px, width_px), np.uint8)
    for polygon in masks:
        corners = [(round(x * width_px), round(y * height_px)) for x, y in polygon]
        cv2.fillPoly(covered, [np.array(corners, np.int32)], 1)
    # One pixel more on every side: resizing has mixed each pixel with its neighbours.
    return cv2.dilate(covered, np.ones((3, 3), np.uint8)).astype(bool)
