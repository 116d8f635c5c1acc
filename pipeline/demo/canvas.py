"""A picture to draw on in scene pixels, with smooth edges; and sprites to put on it.

Colours are (blue, green, red) in [0, 255]. Images are uint8 (H, W, 3), H = 192 * scale.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["Canvas", "Colour", "Image", "Sprite", "shade", "sprite_from"]

Colour = tuple[float, float, float]
Image = NDArray[np.uint8]
Point = tuple[float, float]

_SHIFT = 4
_FINE = 1 << _SHIFT
_FINER = 4
"""Sprites are drawn this many times larger and reduced, so that their edges are smooth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sprite:
    """A small picture with soft edges, ready to be put on a canvas of the same scale."""

    light: NDArray[np.uint16]
    """(h, w, 3): colour times opacity, in [0, 255 * 255]."""
    behind: NDArray[np.uint16]
    """(h, w, 1): 255 less opacity: what is left of what lies behind, in [0, 255]."""
    anchor: tuple[int, int]
    """The pixel (x, y) that is put at the given place."""


class Canvas:
    """Draws on `image` in place; everything is given in scene pixels."""

    def __init__(self, image: Image, scale: int) -> None:
        self.image = image
        self.scale = scale

    def _points(self, points: Sequence[Point]) -> NDArray[np.int32]:
        return np.round(np.asarray(points) * (self.scale * _FINE) - _FINE / 2).astype(np.int32)

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        """Fill a polygon."""
        cv2.fillPoly(self.image, [self._points(points)], colour, cv2.LINE_AA, _SHIFT)

    def rectangle(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Fill an upright rectangle from its left upper corner."""
        self.polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)], colour)

    def line(self, points: Sequence[Point], width_px: float, colour: Colour) -> None:
        """Draw a line with round ends through all points."""
        thickness = max(1, round(width_px * self.scale))
        cv2.polylines(
            self.image, [self._points(points)], False, colour, thickness, cv2.LINE_AA, _SHIFT
        )

    def disc(self, centre: Point, radius_px: float, colour: Colour, flatness: float = 1.0) -> None:
        """Fill a disc; `flatness` is the share of its height that it keeps."""
        x, y = self._points([centre])[0].tolist()
        across = round(radius_px * self.scale * _FINE)
        axes = (across, round(across * flatness))
        cv2.ellipse(self.image, (x, y), axes, 0, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT)

    def limb(self, start: Point, end: Point, widths_px: Point, colour: Colour) -> None:
        """Draw a tapered limb with round ends."""
        direction = np.asarray(end) - np.asarray(start)
        length = float(np.hypot(*direction)) or 1.0
        normal = np.asarray((-direction[1], direction[0])) / length
        a, b = widths_px[0] / 2 * normal, widths_px[1] / 2 * normal
        (sx, sy), (ex, ey) = start, end
        self.polygon(
            [
                (sx + a[0], sy + a[1]),
                (ex + b[0], ey + b[1]),
                (ex - b[0], ey - b[1]),
                (sx - a[0], sy - a[1]),
            ],
            colour,
        )
        self.disc(start, widths_px[0] / 2, colour)
        self.disc(end, widths_px[1] / 2, colour)

    def shadow(self, centre: Point, radius_px: float, flatness: float, strength: float) -> None:
        """Darken an ellipse on the floor, softly towards its edge."""
        self.paste(_shadow(round(radius_px * self.scale), flatness, strength), centre)

    def paste(self, sprite: Sprite, place: Point) -> None:
        """Put a sprite with its anchor at a place; what lies outside of the picture is left out."""
        left = round(place[0] * self.scale) - sprite.anchor[0]
        top = round(place[1] * self.scale) - sprite.anchor[1]
        height, width = sprite.behind.shape[:2]
        rows = slice(max(top, 0), min(top + height, self.image.shape[0]))
        columns = slice(max(left, 0), min(left + width, self.image.shape[1]))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            return
        inner = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        below = self.image[rows, columns]
        mixed = below * sprite.behind[inner] + sprite.light[inner]
        self.image[rows, columns] = (mixed + 127) // 255


_SHADOWS: dict[tuple[int, float, float], Sprite] = {}


def _shadow(radius: int, flatness: float, strength: float) -> Sprite:
    key = (radius, flatness, strength)
    if key not in _SHADOWS:
        height = max(1, round(radius * flatness))
        y, x = np.mgrid[-height : height + 1, -radius : radius + 1]
        distance = np.hypot(x / radius, y / height)
        opacity = strength * np.clip(1.0 - distance, 0.0, 1.0) ** 0.7
        _SHADOWS[key] = sprite_from(np.zeros((*distance.shape, 3)), opacity, (radius, height))
    return _SHADOWS[key]


def sprite_from(
    colour: NDArray[np.floating], opacity: NDArray[np.floating], anchor: tuple[int, int]
) -> Sprite:
    """Return a sprite from colour (h, w, 3) in [0, 255] and opacity (h, w) in [0, 1]."""
    alpha = np.round(np.clip(opacity, 0.0, 1.0) * 255.0)[..., None]
    light = np.round(np.clip(colour, 0.0, 255.0) * alpha)
    return Sprite(
        light=light.astype(np.uint16), behind=(255 - alpha).astype(np.uint16), anchor=anchor
    )


def shade(colour: Colour, share: float) -> Colour:
    """Return a colour `share` times as bright."""
    blue, green, red = (min(255.0, value * share) for value in colour)
    return blue, green, red
