"""Factory: renders the frames of the demo line from its script, the same ones every time."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np

from pipeline.demo import geometry as g
from pipeline.demo.canvas import Canvas, Image
from pipeline.demo.figures import draw_figure
from pipeline.demo.lens import Lens
from pipeline.demo.line_view import LineView, as_seen_by
from pipeline.demo.machines import draw_arm, draw_lamp, draw_press, draw_rollers
from pipeline.demo.motion import Line
from pipeline.demo.parts import PartSprites
from pipeline.demo.scenery import belt_strip, scenery
from pipeline.demo.script import FaultKind, Script, make_script

__all__ = ["Factory", "still"]

_SMOOTH = 2
"""Frames are drawn this many times larger and reduced, so that edges and motion are smooth."""


class Factory:
    """Renders one script. Frames are uint8 (192 * size, 320 * size, 3), blue-green-red."""

    def __init__(self, script: Script, *, size: int = 1, view: LineView = LineView.FRONT) -> None:
        """Draw everything that never changes; `size` 1 is what the camera delivers."""
        self.script = script
        self._view = view
        self.line = Line(script)
        self._scale = size * _SMOOTH
        self._size = (g.WIDTH_PX * size, g.HEIGHT_PX * size)
        self._scenery = scenery(script.seed, self._scale)
        self._belt = belt_strip(script.seed, self._scale)
        self._sprites = PartSprites(self._scale)
        self._lens = Lens(script.seed, *self._size)

    @property
    def frame_count(self) -> int:
        """Frames of the whole script."""
        return round(self.script.duration_seconds * g.FRAME_RATE)

    def frames(self, first: int = 0, last: int | None = None) -> Iterator[Image]:
        """Yield the frames from `first` up to but not including `last` (None: the end)."""
        for number in range(first, self.frame_count if last is None else last):
            yield self.frame(number)

    def frame(self, number: int) -> Image:
        """Return one frame; frame n is taken at second n / 10."""
        seconds = number / g.FRAME_RATE
        scene = cv2.resize(self._scene(seconds), self._size, interpolation=cv2.INTER_AREA)
        return self._lens.frame(as_seen_by(self._view, np.asarray(scene, np.uint8)), seconds)

    def _scene(self, seconds: float) -> Image:
        """Draw the scene at a time, from back to front."""
        image = self._scenery.copy()
        canvas = Canvas(image, self._scale)
        line = self.line
        draw_lamp(canvas, line.lamp(seconds))
        intruder = line.intruder(seconds)
        if intruder is not None:
            draw_figure(canvas, intruder)
        travel = line.travel_px(seconds)
        self._draw_belt(image, travel)
        draw_rollers(canvas, travel)
        draw_press(canvas, line.press(seconds))
        for pose in line.parts(seconds):
            canvas.paste(self._sprites.part(pose.look, pose.angle_degrees), (pose.x_px, pose.y_px))
        foreign = line.foreign_object(seconds)
        if foreign is not None:
            canvas.paste(self._sprites.foreign(foreign[1]), (foreign[0], g.PART_Y_PX - 6.0))
        draw_arm(canvas, line.arm(seconds))
        walker = line.walker(seconds)
        if walker is not None:
            draw_figure(canvas, walker)
        return image

    def _draw_belt(self, image: Image, travel_px: float) -> None:
        loop = self._belt.shape[1] - g.WIDTH_PX * self._scale
        left = round(-travel_px * self._scale) % loop
        top = round(g.BELT_BACK_Y_PX * self._scale)
        rows = slice(top, top + self._belt.shape[0])
        image[rows] = self._belt[:, left : left + g.WIDTH_PX * self._scale]


def still(seed: int, kind: FaultKind | None = None, *, size: int = 2) -> Image:
    """Return one frame of a fault at its most visible, or of normal operation (None).

    uint8 (192 * size, 320 * size, 3), blue-green-red.
    """
    script = make_script(seed, normal_seconds=0.0, kinds=() if kind is None else (kind,))
    if kind is None:
        walk = script.walks[0]
        seconds = walk.start_seconds + 0.45 * walk.duration_seconds
    else:
        fault = script.faults[0]
        seconds = fault.start_seconds + _SEEN_AFTER[kind]
    return Factory(script, size=size).frame(round(seconds * g.FRAME_RATE))


_SEEN_AFTER = {
    FaultKind.JAM: 4.9,
    FaultKind.STOP: 4.0,
    FaultKind.REVERSED_BELT: 4.0,
    FaultKind.MISSING_PART: 4.6,
    FaultKind.FOREIGN_OBJECT: 4.2,
    FaultKind.DROPPED_PART: 2.5,
    FaultKind.ARM_OUT_OF_CYCLE: 2.0,
    FaultKind.PERSON_IN_CLOSED_ZONE: 4.5,
}
"""Seconds after its start at which a fault shows best."""
