"""People on the demo line: a walking figure from limbs, with helmet, vest and what he carries."""

from __future__ import annotations

import math

import numpy as np

from pipeline.demo.canvas import Canvas, Colour, shade
from pipeline.demo.motion import Figure
from pipeline.demo.script import TROLLEY_AHEAD_PX, Load

__all__ = ["draw_figure"]

Point = tuple[float, float]

_VESTS: tuple[Colour, ...] = (
    (40, 140, 245),
    (60, 225, 225),
    (70, 200, 130),
    (190, 120, 60),
    (200, 200, 200),
    (90, 80, 200),
)
_TROUSERS: tuple[Colour, ...] = (
    (95, 65, 45),
    (70, 70, 70),
    (115, 95, 75),
    (60, 75, 95),
    (130, 110, 90),
)
_SLEEVES: tuple[Colour, ...] = ((150, 130, 110), (95, 80, 70), (190, 190, 185))
_HELMETS: tuple[Colour, ...] = ((70, 215, 245), (235, 235, 235), (215, 150, 60), (60, 90, 230))
_SKINS: tuple[Colour, ...] = ((140, 175, 225), (110, 145, 195), (80, 110, 160), (160, 190, 232))
_KRAFT: Colour = (115, 165, 205)
_STEEL: Colour = (165, 160, 150)
_FIGURE_PX = 56.0
"""Height that the measures below are meant for."""


def draw_figure(canvas: Canvas, figure: Figure) -> None:
    """Draw a person from the side, feet at (x, y), the far limbs first."""
    body = _Body(canvas, figure)
    canvas.shadow((figure.x_px + 3.0, figure.y_px), round(13.0 * body.size), 0.3, 0.45)
    body.leg(-1, 0.62)
    body.leg(1, 1.0)
    body.arm(-1, 0.62)
    body.torso()
    body.head()
    if figure.load is Load.BOX:
        body.box()
    elif figure.load is Load.TROLLEY:
        body.trolley()
    body.arm(1, 1.0)


class _Body:
    """One figure while it is drawn; places are px ahead of the hip and px above the ground."""

    def __init__(self, canvas: Canvas, figure: Figure) -> None:
        rng = np.random.default_rng([figure.look, 6])

        def one_of(colours: tuple[Colour, ...]) -> Colour:
            return shade(colours[int(rng.integers(len(colours)))], float(rng.uniform(0.85, 1.1)))

        self.canvas, self.figure = canvas, figure
        self.size = figure.height_px / _FIGURE_PX
        self.swing = math.sin(figure.stride) * figure.walking
        self.bob = abs(math.cos(figure.stride)) * 1.1 * figure.walking
        self.vest, self.trousers = one_of(_VESTS), one_of(_TROUSERS)
        self.sleeves, self.helmet = one_of(_SLEEVES), one_of(_HELMETS)
        self.skin = one_of(_SKINS)

    def at(self, ahead: float, up: float) -> Point:
        """Return the place in the picture of a place of the body."""
        x_px = self.figure.x_px + self.figure.direction * ahead * self.size
        return x_px, self.figure.y_px - up * self.size

    def _limb(self, start: Point, end: Point, widths: Point, colour: Colour) -> None:
        widths = (widths[0] * self.size, widths[1] * self.size)
        self.canvas.limb(self.at(*start), self.at(*end), widths, colour)

    def _polygon(self, points: list[Point], colour: Colour) -> None:
        self.canvas.polygon([self.at(*point) for point in points], colour)

    def leg(self, side: int, lit: float) -> None:
        """Draw the near (1) or far (-1) leg."""
        forward = side * self.swing
        lifted = max(0.0, math.cos(self.figure.stride) * side) * 4.0 * self.figure.walking
        hip, knee = (0.0, 27.0 + self.bob), (5.5 * forward + 1.5, 14.5 + 0.4 * lifted)
        foot = (10.0 * forward - 0.5 * lifted, 1.8 + lifted)
        self._limb(hip, knee, (7.6, 6.2), shade(self.trousers, lit))
        self._limb(knee, foot, (6.2, 4.4), shade(self.trousers, lit))
        self._limb(foot, (foot[0] + 4.0, foot[1] - 0.5), (3.6, 3.0), shade((60, 55, 52), lit))

    def arm(self, side: int, lit: float) -> None:
        """Draw an arm that swings against the leg, or is stretched to what he carries."""
        shoulder = (1.0, 43.0 + self.bob)
        forward = -side * self.swing
        elbow, hand = (1.0 + 5.5 * forward, 33.5), (3.0 + 9.5 * forward, 25.5)
        if self.figure.load is not Load.NOTHING:
            elbow, hand = (5.0, 34.5), (13.0, 32.0)
        self._limb(shoulder, elbow, (5.2, 4.4), shade(self.sleeves, lit))
        self._limb(elbow, hand, (4.4, 3.4), shade(self.sleeves, lit))
        self._limb(hand, hand, (3.8, 3.8), shade(self.skin, lit))

    def torso(self) -> None:
        """Draw jacket and vest with their bright bands."""
        up = self.bob
        outline = [(-5.2, 26 + up), (4.6, 26 + up), (6.4, 36 + up), (5.2, 45.5 + up)]
        outline += [(1.0, 47.5 + up), (-4.0, 46 + up), (-6.0, 38 + up)]
        self._polygon(outline, self.vest)
        back = [(-5.2, 26 + up), (-2.0, 26 + up), (-2.6, 46.5 + up), (-4.0, 46 + up)]
        self._polygon([*back, (-6.0, 38 + up)], shade(self.vest, 0.72))
        for low in (29.5, 35.0):
            band = [(-5.6, low + up), (5.6, low + up), (5.9, low + 2.2 + up)]
            self._polygon([*band, (-5.8, low + 2.2 + up)], (225, 232, 232))

    def head(self) -> None:
        """Draw head and helmet."""
        up = self.bob
        self._limb((1.0, 46.0 + up), (1.4, 48.5 + up), (4.4, 4.4), shade(self.skin, 0.8))
        self.canvas.disc(self.at(1.8, 50.8 + up), 4.1 * self.size, self.skin, 1.15)
        dome = [
            (1.4 + 5.0 * math.cos(angle), 51.8 + up + 4.6 * math.sin(angle))
            for angle in np.linspace(0.0, math.pi, 12)
        ]
        self._polygon(dome, self.helmet)
        brim = [(-3.6, 51.4 + up), (8.2, 51.4 + up), (7.4, 52.8 + up), (-3.6, 52.8 + up)]
        self._polygon(brim, shade(self.helmet, 0.82))

    def box(self) -> None:
        """Draw a carton held before the chest."""
        lit = 0.85 + 0.3 * (self.figure.look % 7) / 6.0
        self._polygon([(6, 27), (21, 27), (21, 40), (6, 40)], shade(_KRAFT, lit))
        self._polygon([(6, 40), (21, 40), (19.5, 43), (8, 43)], shade(_KRAFT, lit * 1.15))
        self._polygon([(12.5, 27), (14.5, 27), (14.5, 40), (12.5, 40)], shade(_KRAFT, lit * 0.8))

    def trolley(self) -> None:
        """Draw a trolley with crates that he pushes."""
        ahead = TROLLEY_AHEAD_PX / self.size
        middle, ground = self.at(ahead, 0.0)
        self.canvas.shadow((middle + 3.0, ground), round(23.0 * self.size), 0.2, 0.45)
        for wheel in (-14.0, 14.0):
            self.canvas.disc(self.at(ahead + wheel, 3.0), 3.1 * self.size, (50, 48, 48))
            self.canvas.disc(self.at(ahead + wheel, 3.0), 1.3 * self.size, (150, 150, 150))
        self._limb((ahead - 19, 6.5), (ahead + 19, 6.5), (3.2, 3.2), _STEEL)
        self._limb((ahead - 19, 6.5), (ahead - 17, 35.0), (2.2, 2.2), _STEEL)
        rng = np.random.default_rng([self.figure.look, 7])
        crates: tuple[Colour, ...] = ((190, 130, 60), (80, 150, 90), _KRAFT, (75, 85, 190))
        for low, half in ((8.0, 17.5), (18.5, 16.5), (29.0, 16.5)):
            crate = crates[int(rng.integers(len(crates)))]
            left, right = ahead - half, ahead + half
            self._polygon([(left, low), (right, low), (right, low + 10), (left, low + 10)], crate)
            edge = [(left, low + 8.4), (right, low + 8.4), (right, low + 10), (left, low + 10)]
            self._polygon(edge, shade(crate, 1.25))
            grip = [(ahead - 4, low + 5), (ahead + 4, low + 5), (ahead + 4, low + 7)]
            self._polygon([*grip, (ahead - 4, low + 7)], shade(crate, 0.5))
