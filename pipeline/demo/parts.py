"""What travels on the belt of the demo line: bottles, cans, jars and boxes, a rag, a spanner.

Each look is drawn once, large, and reduced; a leaning part is turned from it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo.canvas import Canvas, Colour, Sprite, shade, sprite_from

__all__ = ["PartSprites"]

Plane = NDArray[np.floating]

_FINER = 4
_SIZE_PX = 56
_FOREIGN_SCALE = 2
"""What does not belong on the belt is larger than what does."""
"""Side of the square that a part is drawn in."""
_FOOT_PX = (28.0, 44.0)
"""Where in the square the middle of its foot is."""

HUES: tuple[Colour, ...] = (
    (72, 156, 208),  # amber
    (98, 168, 106),  # green
    (196, 154, 92),  # blue
    (84, 98, 198),  # red
    (92, 188, 212),  # yellow
    (198, 204, 202),  # white
    (176, 124, 168),  # violet
    (164, 168, 98),  # teal
)
_PAPER: Colour = (206, 212, 214)
_TIN: Colour = (190, 194, 194)
_SAG = 0.26
"""Height of a lid as a share of its width: how steeply the camera looks down."""
_KRAFT: tuple[Colour, ...] = ((120, 165, 205), (140, 180, 215), (165, 195, 215), (215, 220, 222))


class PartSprites:
    """Sprites of every look, made when first asked for."""

    def __init__(self, scale: int) -> None:
        self.scale = scale
        self._sprites: dict[tuple[str, int, int], Sprite] = {}

    def part(self, look: int, angle_degrees: float) -> Sprite:
        """Return the part of a look, leaning to the right by an angle."""
        return self._sprite("part", look % (len(_SHAPES) * len(HUES)), round(angle_degrees))

    def foreign(self, look: int) -> Sprite:
        """Return what does not belong on the belt."""
        return self._sprite("foreign", look % len(_FOREIGN), 0)

    def _sprite(self, family: str, look: int, angle: int) -> Sprite:
        key = (family, look, angle)
        if key not in self._sprites:
            self._sprites[key] = _drawn(family, look, angle, self.scale)
        return self._sprites[key]


def _drawn(family: str, look: int, angle: int, scale: int) -> Sprite:
    """Draw colour and opacity of a look on a large canvas, turn it, reduce it."""
    scale = scale * _FOREIGN_SCALE if family == "foreign" else scale
    fine = scale * _FINER
    side = _SIZE_PX * fine
    colour = np.full((side, side, 3), 90, np.uint8)
    cover = np.zeros((side, side, 3), np.uint8)
    if family == "part":
        shape, hue = divmod(look, len(HUES))
        _SHAPES[shape](Canvas(colour, fine), Canvas(cover, fine), hue)
    else:
        _FOREIGN[look](Canvas(colour, fine), Canvas(cover, fine))
    opacity: Plane = cover[..., 0] / np.float32(255.0)
    light: Plane = colour * opacity[..., None]
    if angle:
        centre = (_FOOT_PX[0] * fine, (_FOOT_PX[1] - 6.0) * fine)
        turn = cv2.getRotationMatrix2D(centre, -angle, 1.0)
        light = np.asarray(cv2.warpAffine(light, turn, (side, side)), np.float32)
        opacity = np.asarray(cv2.warpAffine(opacity, turn, (side, side)), np.float32)
    small = (_SIZE_PX * scale, _SIZE_PX * scale)
    light = np.asarray(cv2.resize(light, small, interpolation=cv2.INTER_AREA), np.float32)
    opacity = np.asarray(cv2.resize(opacity, small, interpolation=cv2.INTER_AREA), np.float32)
    if family == "part":
        opacity = _with_shadow(opacity, scale)
    plain = light / np.maximum(opacity, 1e-3)[..., None]
    rows, columns = np.flatnonzero(opacity.any(1)), np.flatnonzero(opacity.any(0))
    cut = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    anchor = (round(_FOOT_PX[0] * scale - columns[0]), round(_FOOT_PX[1] * scale - rows[0]))
    return sprite_from(plain[cut], opacity[cut], anchor)


def _with_shadow(opacity: Plane, scale: int) -> Plane:
    """Add a soft shadow on the belt to the right of the foot: it covers, and has no light."""
    y, x = np.mgrid[: opacity.shape[0], : opacity.shape[1]] / scale
    reach = np.hypot((x - _FOOT_PX[0] - 4.0) / 15.0, (y - _FOOT_PX[1] + 1.0) / 5.0)
    dark = 0.5 * np.clip(1.3 - reach, 0.0, 1.0)
    return np.asarray(opacity + dark * (1.0 - opacity), np.float32)


# shapes -----------------------------------------------------------------------------
def _round(
    colour: Canvas,
    cover: Canvas,
    tint: Colour,
    low_px: float,
    high_px: float,
    half_px: tuple[float, float],
    *,
    lid: Colour | None = None,
) -> None:
    """Draw a turned body from one height to another, lit from the left.

    `half_px` is half its width below and above. Its edges sag as those of a round thing seen from
    above do; `lid` closes it.
    """
    x, y = _FOOT_PX
    shares = np.linspace(-1.0, 1.0, 33)
    for left, right in pairwise(shares):
        across = (left + right) / 2.0
        lit = 0.42 + 0.62 * np.sqrt(max(0.0, 1.0 - (across + 0.25) ** 2 / 1.6))
        lit += 0.4 * np.exp(-(((across + 0.45) / 0.12) ** 2))
        strip = [
            (x + share * half, y - height + _SAG * half * math.sqrt(1.0 - share**2))
            for share, half, height in (
                (left, half_px[0], low_px),
                (left, half_px[1], high_px),
                (right, half_px[1], high_px),
                (right, half_px[0], low_px),
            )
        ]
        colour.polygon(strip, shade(tint, float(lit)))
        cover.polygon(strip, (255, 255, 255))
    if lid is not None:
        cover.disc((x, y - high_px), half_px[1], (255, 255, 255), _SAG)
        colour.disc((x, y - high_px), half_px[1], lid, _SAG)


def _bottle(colour: Canvas, cover: Canvas, hue: int) -> None:
    body = HUES[hue]
    cap = HUES[(hue + 5) % len(HUES)]
    _round(colour, cover, body, 0.0, 18.0, (9.0, 9.0))
    profile = [
        (18.0 + 6.0 * t, 3.4 + 5.6 * math.cos(t * math.pi / 2)) for t in np.linspace(0, 1, 9)
    ]
    for (low, wide), (high, narrow) in pairwise(profile):
        _round(colour, cover, body, low - 0.3, high, (wide, narrow))
    _round(colour, cover, body, 23.5, 28.0, (3.4, 3.4))
    _round(colour, cover, cap, 27.0, 31.5, (4.0, 4.0), lid=shade(cap, 1.15))
    _round(colour, cover, _PAPER if hue % 2 else shade(body, 1.3), 4.0, 13.5, (9.1, 9.1))


def _can(colour: Canvas, cover: Canvas, hue: int) -> None:
    _round(colour, cover, HUES[hue], 0.0, 24.0, (10.0, 10.0))
    _round(colour, cover, _PAPER if hue % 2 else shade(HUES[hue], 0.6), 7.0, 16.0, (10.1, 10.1))
    _round(colour, cover, _TIN, 0.0, 1.6, (10.1, 10.1))
    _round(colour, cover, _TIN, 22.8, 24.5, (9.8, 9.8), lid=(176, 180, 180))
    colour.disc((_FOOT_PX[0], _FOOT_PX[1] - 24.2), 7.6, (150, 154, 154), _SAG)


def _jar(colour: Canvas, cover: Canvas, hue: int) -> None:
    lid = HUES[(hue + 3) % len(HUES)]
    _round(colour, cover, HUES[hue], 0.0, 18.5, (12.0, 12.0))
    _round(colour, cover, HUES[hue], 18.4, 20.5, (12.0, 10.0))
    _round(colour, cover, _PAPER, 5.0, 13.0, (12.1, 12.1))
    _round(colour, cover, shade(HUES[hue], 0.7), 7.5, 9.0, (12.1, 12.1))
    _round(colour, cover, lid, 20.0, 25.0, (10.8, 10.8), lid=shade(lid, 1.1))


def _box(colour: Canvas, cover: Canvas, hue: int) -> None:
    side = _KRAFT[hue % len(_KRAFT)]
    x, y = _FOOT_PX
    half, tall, depth = 10.5, 19.0 + 2.0 * (hue % 3), 7.0
    left, right, top, floor = x - half - 1.5, x + half - 1.5, y + 1.5 - tall, y + 1.5
    shift = 4.0
    front = [(left, top), (right, top), (right, floor), (left, floor)]
    roof = [(left, top), (right, top), (right + shift, top - depth), (left + shift, top - depth)]
    flank = [
        (right, top),
        (right + shift, top - depth),
        (right + shift, floor - depth),
        (right, floor),
    ]
    for face, lit in ((front, 1.0), (roof, 1.18), (flank, 0.66)):
        colour.polygon(face, shade(side, lit))
        cover.polygon(face, (255, 255, 255))
    tape = [(x - 3.0, top), (x, top), (x + shift, top - depth), (x - 3.0 + shift, top - depth)]
    colour.polygon(tape, shade(HUES[hue], 1.1))
    colour.rectangle(x - 3.0, top, 3.0, 5.0, HUES[hue])
    colour.rectangle(left + 2.0, top + 9.0, 7.0, 6.0, (235, 238, 238))
    colour.rectangle(left + 3.0, top + 10.5, 5.0, 1.2, (60, 60, 60))
    colour.rectangle(left + 3.0, top + 12.7, 3.5, 1.0, (90, 90, 90))


_SHAPES: tuple[Callable[[Canvas, Canvas, int], None], ...] = (_bottle, _can, _jar, _box)


def _rag(colour: Canvas, cover: Canvas) -> None:
    x, y = _FOOT_PX
    edge = [
        (x - 19, y - 12), (x - 9, y - 17), (x + 4, y - 14), (x + 16, y - 18), (x + 21, y - 8),
        (x + 15, y + 1), (x + 17, y + 10), (x + 8, y + 6), (x + 2, y + 11), (x - 6, y + 5),
        (x - 15, y + 8), (x - 13, y - 2),
    ]  # fmt: skip
    colour.polygon(edge, (196, 120, 62))
    cover.polygon(edge, (255, 255, 255))
    for fold, lit in (
        ((-14, -9, -2, 3), 0.75),
        ((-5, -14, 3, 8), 1.25),
        ((6, -14, 11, 5), 0.7),
        ((13, -13, 16, 7), 1.2),
    ):
        x0, y0, x1, y1 = fold
        colour.limb((x + x0, y + y0), (x + x1, y + y1), (4.0, 2.0), shade((196, 120, 62), lit))


def _spanner(colour: Canvas, cover: Canvas) -> None:
    x, y = _FOOT_PX
    ends = ((x - 21.0, y - 6.0), (x + 20.0, y + 2.0))
    for canvas, tint in ((colour, (206, 210, 212)), (cover, (255, 255, 255))):
        canvas.limb(ends[0], ends[1], (6.0, 5.0), tint)
        canvas.disc(ends[0], 7.5, tint, 0.8)
        canvas.disc(ends[1], 6.5, tint, 0.8)
    colour.limb((x - 13.0, y - 4.0), (x + 13.0, y + 1.0), (1.8, 1.8), (140, 144, 148))
    for canvas, tint in ((colour, (90, 90, 90)), (cover, (0, 0, 0))):
        canvas.polygon(
            [(x - 31, y - 11), (x - 21, y - 8.5), (x - 21, y - 4.5), (x - 31, y - 4)], tint
        )
        canvas.disc(ends[1], 2.8, tint, 0.8)


def _carton(colour: Canvas, cover: Canvas) -> None:
    """Draw a crushed carton that lies across two holders."""
    x, y = _FOOT_PX
    body = [
        (x - 22, y - 9),
        (x - 6, y - 15),
        (x + 20, y - 11),
        (x + 23, y + 3),
        (x + 4, y + 9),
        (x - 20, y + 5),
    ]
    lid = [(x - 22, y - 9), (x - 6, y - 15), (x + 20, y - 11), (x + 3, y - 3)]
    colour.polygon(body, (70, 115, 150))
    colour.polygon(lid, (120, 170, 205))
    colour.limb((x - 18, y - 4), (x + 14, y + 2), (2.0, 1.0), (45, 80, 110))
    cover.polygon(body, (255, 255, 255))


_FOREIGN: tuple[Callable[[Canvas, Canvas], None], ...] = (_rag, _spanner, _carton)
