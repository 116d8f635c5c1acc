"""What never moves on the demo line: hall, machines, belt frame, markings. Drawn large, once."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo import geometry as g
from pipeline.demo.arm import FOOT_PX, TRAY_PX
from pipeline.demo.canvas import Canvas, Colour, Image, shade

__all__ = ["belt_strip", "scenery"]

_FINER = 4
"""Drawn this many times larger than the canvas of the frames, then reduced."""
_WALL_Y = 54.0
_YELLOW: Colour = (50, 185, 225)
_DARK: Colour = (45, 42, 40)


def scenery(seed: int, scale: int) -> Image:
    """Return the empty hall, uint8 (192 * scale, 320 * scale, 3)."""
    fine = scale * _FINER
    canvas = Canvas(np.zeros((g.HEIGHT_PX * fine, g.WIDTH_PX * fine, 3), np.uint8), fine)
    rng = np.random.default_rng([seed, 8])
    _wall(canvas)
    _floor(canvas, rng)
    _zone(canvas)
    _walkway(canvas)
    _cabinets(canvas)
    _belt_frame(canvas)
    _robot_cell(canvas)
    _press_frame(canvas)
    size = (g.WIDTH_PX * scale, g.HEIGHT_PX * scale)
    reduced = cv2.resize(canvas.image, size, interpolation=cv2.INTER_AREA)
    grain = 1.0 + _clouds(rng, reduced.shape[:2], (3, 9, 27), (0.008, 0.010, 0.02))
    return np.clip(reduced * grain[..., None], 0, 255).astype(np.uint8)


def belt_strip(seed: int, scale: int) -> Image:
    """Return the belt's surface over one loop and one picture width more.

    uint8 (26 * scale, (320 + 320) * scale, 3): cleats, a holder each pitch, scuffs and stains. The
    picture shows the columns that begin at the loop's length less the travel.
    """
    fine = scale * _FINER
    height = g.BELT_FRONT_Y_PX - g.BELT_BACK_Y_PX
    loop = round(g.PITCH_PX * g.LOOP_PITCHES)
    rng = np.random.default_rng([seed, 9])
    canvas = Canvas(np.zeros((round(height) * fine, loop * fine, 3), np.uint8), fine)
    canvas.rectangle(-1, -1, loop + 2, height + 2, (66, 64, 62))
    for cleat in range(-2, loop // 10 + 2):
        x = cleat * 10.0
        lean = g.SLANT * height
        band = [(x + lean, 0.0), (x + lean + 1.7, 0.0), (x + 1.7, height), (x, height)]
        canvas.polygon(band, (92, 90, 86))
        canvas.polygon([(a + 1.7, b) for a, b in band], (46, 44, 43))
    for _ in range(26):
        x, y = rng.uniform(0, loop), rng.uniform(2, height - 2)
        tint = float(rng.uniform(0.75, 1.3))
        canvas.limb((x, y), (x + rng.uniform(4, 22), y), (1.0, 0.6), shade((66, 64, 62), tint))
    for pitch in range(-1, g.LOOP_PITCHES + 1):
        _holder(canvas, pitch * g.PITCH_PX + g.SLOT_X_PX, g.PART_Y_PX - g.BELT_BACK_Y_PX)
    size = (loop * scale, round(height) * scale)
    strip = cv2.resize(canvas.image, size, interpolation=cv2.INTER_AREA).astype(np.float64)
    stains = 1.0 + _clouds(rng, strip.shape[:2], (4, 24), (0.03, 0.05))
    strip = np.clip(strip * stains[..., None], 0, 255).astype(np.uint8)
    return np.concatenate([strip, strip[:, : g.WIDTH_PX * scale]], axis=1)


def _holder(canvas: Canvas, x: float, y: float) -> None:
    """Draw the cradle that a part stands in: a light plate between two lips."""
    canvas.disc((x + 1.0, y), 14.5, (40, 38, 37), 0.42)
    canvas.disc((x, y - 0.5), 13.5, (128, 124, 118), 0.4)
    canvas.disc((x, y - 0.2), 10.5, (84, 82, 79), 0.36)
    for side in (-1.0, 1.0):
        canvas.limb(
            (x + side * 13.5, y - 3.5), (x + side * 13.5, y + 2.5), (2.4, 2.4), (150, 146, 140)
        )


def _clouds(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    sizes_px: tuple[int, ...],
    strengths: tuple[float, ...],
) -> NDArray[np.float64]:
    """Return smooth random unevenness with mean 0, the sum of several grain sizes."""
    height, width = shape[:2]
    total = np.zeros((height, width))
    for size, strength in zip(sizes_px, strengths, strict=True):
        coarse = rng.normal(0, 1, (height // size + 2, width // size + 2))
        total += strength * cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def _gradient(canvas: Canvas, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
    """Fill the whole width between two heights, from one colour to another."""
    steps = 48
    for step in range(steps):
        share = (step + 0.5) / steps
        y = top + (bottom - top) * step / steps
        mix = [a + (b - a) * share for a, b in zip(upper, lower, strict=True)]
        height = (bottom - top) / steps + 0.3
        canvas.rectangle(-1, y, g.WIDTH_PX + 2, height, (mix[0], mix[1], mix[2]))


def _wall(canvas: Canvas) -> None:
    _gradient(canvas, 0, _WALL_Y, (176, 178, 172), (192, 194, 188))
    _gradient(canvas, 33, _WALL_Y, (150, 146, 128), (140, 136, 118))
    canvas.rectangle(-1, 32, 322, 1.2, (110, 106, 96))
    for x in np.arange(-6.0, 330.0, 46.0).tolist():  # seams of the panels, steel columns
        canvas.rectangle(x, 0, 0.8, _WALL_Y, (150, 150, 146))
    for x in (86.0, 226.0):
        canvas.rectangle(x, 0, 7, _WALL_Y, (158, 156, 150))
        canvas.rectangle(x + 5, 0, 2, _WALL_Y, (118, 116, 110))
    for x in (101.0, 241.0):  # windows
        canvas.rectangle(x - 1.5, 3.5, 57, 23, (120, 118, 112))
        for pane in range(4):
            left = x + pane * 13.8
            canvas.rectangle(left, 5, 12.4, 20, (242, 236, 224))
            canvas.polygon(
                [(left, 19), (left + 12.4, 13), (left + 12.4, 25), (left, 25)], (232, 222, 206)
            )
    canvas.line([(-2, 1.5), (322, 1.5)], 3.0, (120, 122, 126))  # pipes
    canvas.line([(-2, 0.8), (322, 0.8)], 0.8, (180, 182, 186))
    canvas.line([(-2, 30.0), (322, 30.0)], 1.8, (96, 124, 150))
    canvas.line([(84, 30), (84, 52)], 1.6, (96, 124, 150))
    canvas.rectangle(-1, _WALL_Y - 2.5, 322, 2.5, (92, 90, 86))


def _floor(canvas: Canvas, rng: np.random.Generator) -> None:
    _gradient(canvas, _WALL_Y, 134, (128, 130, 126), (134, 136, 132))
    _gradient(canvas, 134, g.HEIGHT_PX, (134, 136, 132), (150, 152, 147))
    for x in np.arange(-120.0, 420.0, 60.0).tolist():  # joints of the concrete
        canvas.line([(x + 30, _WALL_Y), (x, g.HEIGHT_PX)], 0.5, (118, 120, 116))
    for y in (66.0, 139.0):
        canvas.line([(-2, y), (322, y)], 0.5, (118, 120, 116))
    for _ in range(26):  # tyre marks and drips
        x, y = rng.uniform(0, 320), rng.uniform(136, 190)
        tint = float(rng.uniform(0.86, 0.97))
        canvas.limb(
            (x, y),
            (x + rng.uniform(3, 30), y + rng.uniform(-1, 1)),
            (1.2, 0.5),
            shade((142, 144, 140), tint),
        )


def _zone(canvas: Canvas) -> None:
    """Draw the closed zone: hatched floor within a yellow line."""
    front_left, _, _, back_left = g.ZONE_PX
    for step in range(-3, 26):
        x = front_left[0] - 6 + step * 9.0
        stripe = [
            (x, front_left[1]),
            (x + 3.6, front_left[1]),
            (x + 28.0, back_left[1]),
            (x + 24.4, back_left[1]),
        ]
        canvas.polygon(_clip(stripe, g.ZONE_PX), (78, 168, 192))
    canvas.line([*g.ZONE_PX, front_left], 2.2, _YELLOW)


def _clip(
    points: list[tuple[float, float]], zone: tuple[tuple[float, float], ...]
) -> list[tuple[float, float]]:
    """Return a polygon moved sideways to stay between the slanted ends of the zone."""
    (left_f, y_f), (right_f, _), (right_b, y_b), (left_b, _) = zone
    clipped = []
    for x, y in points:
        share = (y_f - y) / (y_f - y_b)
        low, high = left_f + (left_b - left_f) * share, right_f + (right_b - right_f) * share
        clipped.append((min(max(x, low), high), y))
    return clipped


def _walkway(canvas: Canvas) -> None:
    canvas.rectangle(-1, 160, 322, 28, (142, 150, 138))
    for y in (158.6, 187.2):
        canvas.rectangle(-1, y, 322, 2.4, _YELLOW)
    for x in np.arange(14.0, 330.0, 76.0).tolist():  # worn arrows
        arrow = [
            (x, 172),
            (x + 9, 172),
            (x + 9, 169.6),
            (x + 16, 173.4),
            (x + 9, 177.2),
            (x + 9, 174.8),
            (x, 174.8),
        ]
        canvas.polygon(arrow, (176, 184, 178))


def _cabinets(canvas: Canvas) -> None:
    # switch cabinet with screen and lamps
    canvas.rectangle(93, 27, 24, 41, (96, 92, 84))
    canvas.rectangle(92, 25, 24, 42, (164, 158, 142))
    canvas.rectangle(103.6, 26, 0.7, 40, (110, 106, 98))
    canvas.rectangle(94.5, 29, 7, 5.5, (110, 80, 30))
    canvas.rectangle(95.3, 29.8, 5.4, 1.2, (230, 210, 150))
    canvas.rectangle(95.3, 31.8, 3.6, 1.0, (150, 200, 150))
    for x, tint in ((106.5, (60, 60, 210)), (109.8, (80, 190, 90)), (113.0, (60, 190, 220))):
        canvas.disc((x, 31.5), 1.2, tint)
    for y in (56.0, 58.5, 61.0):
        canvas.rectangle(106, y, 8, 1.0, (116, 112, 100))
    # lamp post on top; the lamp itself lives
    canvas.rectangle(106.6, 19, 2.0, 6.5, (90, 90, 88))
    # warning triangle on the wall, extinguisher, shelf with crates
    canvas.polygon([(213, 47.5), (223, 47.5), (218, 38.5)], (40, 40, 40))
    canvas.polygon([(214.6, 46.6), (221.4, 46.6), (218, 40.4)], (60, 205, 240))
    canvas.rectangle(217.5, 42.2, 1.0, 2.4, (40, 40, 40))
    canvas.rectangle(217.5, 45.2, 1.0, 0.9, (40, 40, 40))
    canvas.limb((78, 46), (78, 54), (5.0, 5.0), (45, 45, 190))
    canvas.limb((77, 47), (77, 53), (1.0, 1.0), (90, 90, 225))
    canvas.rectangle(76.8, 41.5, 2.4, 2.6, _DARK)


def _robot_cell(canvas: Canvas) -> None:
    x, y = FOOT_PX
    canvas.disc((x + 4, y + 1), 17, (96, 104, 104), 0.34)
    canvas.disc((x, y), 14, (70, 68, 66), 0.34)
    canvas.disc((x, y - 2), 13, (104, 102, 98), 0.34)
    canvas.polygon(
        [(x - 9, y - 3), (x + 9, y - 3), (x + 7, y - 20), (x - 7, y - 20)], (30, 105, 215)
    )
    canvas.polygon(
        [(x + 2, y - 3), (x + 9, y - 3), (x + 7, y - 20), (x + 2, y - 20)], (22, 82, 172)
    )
    canvas.disc((x, y - 3), 9, (30, 105, 215), 0.3)
    # tray of caps on its stand
    tx, ty = TRAY_PX
    canvas.rectangle(tx - 7, ty + 2, 14, 13, (92, 90, 88))
    canvas.rectangle(tx + 3, ty + 2, 4, 13, (70, 68, 66))
    canvas.polygon(
        [(tx - 11, ty + 3), (tx + 9, ty + 3), (tx + 12, ty - 4), (tx - 8, ty - 4)], (150, 110, 60)
    )
    for row in range(2):
        for column in range(4):
            canvas.disc(
                (tx - 6.5 + 4.6 * column + 1.4 * row, ty + 1.2 - 3.0 * row),
                1.7,
                (225, 228, 230),
                0.6,
            )


def _press_frame(canvas: Canvas) -> None:
    """Draw pillars and head of the press; the piston lives."""
    x = g.PRESS_X_PX
    for side in (-24.0, 18.0):
        canvas.rectangle(x + side, 36, 6, 55, (120, 96, 62))
        canvas.rectangle(x + side + 4.2, 36, 1.8, 55, (88, 68, 42))
        canvas.rectangle(x + side - 1.5, 88, 9, 4.5, (80, 78, 74))
    canvas.rectangle(x - 28, 30, 56, 17, (146, 118, 78))
    canvas.rectangle(x - 28, 30, 56, 2.2, (176, 150, 108))
    canvas.rectangle(x - 28, 44, 56, 3, (96, 76, 48))
    canvas.rectangle(x - 9, 20, 18, 12, (118, 116, 112))
    canvas.rectangle(x + 4, 20, 5, 12, (88, 86, 84))
    canvas.rectangle(x - 23, 35.5, 12, 5, (225, 228, 228))
    canvas.rectangle(x - 21.5, 37, 9, 0.9, (70, 70, 70))
    for step in range(6):
        left = x - 2 + step * 4.4
        canvas.polygon(
            [(left, 43), (left + 2.2, 43), (left + 4.2, 39.5), (left + 2.0, 39.5)], (60, 200, 235)
        )


def _belt_frame(canvas: Canvas) -> None:
    """Draw what carries the belt: rails, side, rollers, legs, and the shade below."""
    for step in range(8):
        canvas.rectangle(-1, 133 + step * 1.5, 322, 1.6, shade((136, 138, 134), 0.55 + 0.05 * step))
    for x in (26.0, 108.0, 190.0, 272.0):
        canvas.rectangle(x, 132, 5.5, 24, (128, 126, 120))
        canvas.rectangle(x + 3.8, 132, 1.7, 24, (92, 90, 86))
        canvas.rectangle(x - 2, 154.5, 10, 2.6, (76, 74, 72))
    canvas.rectangle(-1, g.BELT_BACK_Y_PX - 3.4, 322, 3.6, (176, 176, 170))
    canvas.rectangle(-1, g.BELT_BACK_Y_PX - 1.2, 322, 1.4, (116, 116, 112))
    canvas.rectangle(-1, g.BELT_BACK_Y_PX, 322, g.BELT_FRONT_Y_PX - g.BELT_BACK_Y_PX, (66, 64, 62))
    canvas.rectangle(-1, g.BELT_FRONT_Y_PX, 322, 14, (122, 124, 120))
    canvas.rectangle(-1, g.BELT_FRONT_Y_PX, 322, 2.6, (202, 204, 200))
    canvas.rectangle(-1, g.BELT_FRONT_Y_PX + 2.6, 322, 0.9, (90, 92, 90))
    canvas.rectangle(-1, 132.4, 322, 1.6, (84, 84, 82))
    for x in g.ROLLER_X_PX:
        canvas.disc((x, g.ROLLER_Y_PX), g.ROLLER_RADIUS_PX + 0.9, (70, 70, 68))
    for x in np.arange(30.0, 320.0, 40.0).tolist():
        for dx in (-4, 4):
            canvas.disc((x + dx, g.ROLLER_Y_PX), 0.8, (70, 72, 70))
