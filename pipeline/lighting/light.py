"""Light: what a picture says of the light that its scene is in, whatever happens there."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.clips.flow import grey_of
from pipeline.footage.frames import WorkingFrame

__all__ = ["LOOK_US", "MEASURES", "Light", "light_of"]

LOOK_US = 450_000
"""Looks are at least this far apart: two a second."""

_EVERY_PX = 2
"""Every second pixel of every second row: four thousand pixels tell light well enough."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """The light of one picture, in grey levels 0 .. 255: three quantiles of its exposure histogram,
    so that something bright in a corner moves none of them far, and how colourful it is."""

    dark: float
    """One pixel in ten is darker."""
    level: float
    """Half of the pixels are darker."""
    bright: float
    """One pixel in ten is brighter."""
    contrast: float
    """Standard deviation over the picture."""
    colour: float
    """Mean distance of a pixel's strongest from its weakest colour: 0 under infrared."""

    def values(self) -> NDArray[np.float64]:
        """Return the numbers in the order of MEASURES."""
        return np.asarray(astuple(self), dtype=np.float64)


MEASURES = ("dark", "level", "bright", "contrast", "colour")


def light_of(frame: WorkingFrame) -> Light:
    """Return the light of a frame."""
    pixels = grey_of(frame.image)[::_EVERY_PX, ::_EVERY_PX]
    dark, level, bright = np.quantile(pixels, (0.1, 0.5, 0.9))
    return Light(
        dark=float(dark),
        level=float(level),
        bright=float(bright),
        contrast=float(pixels.std()),
        colour=frame.colour,
    )
