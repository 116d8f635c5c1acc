"""Faults: what is put into normal footage so that somebody knows where and when something is wrong.

A fault is an edit: which pictures of the footage are shown instead, and what is painted over them.
Nothing outside its frames and boxes changes. Speed and order go on without a jump at both ends, so
that only the movement itself is wrong; a repeated step alone has one seam, where it begins again,
put where it is least seen. N frames of the edit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.moments import Box, Moment, choose_moment, grey_of
from pipeline.evaluation.nuisances import Paint
from pipeline.evaluation.objects import foreign_object, vanished_object
from pipeline.evaluation.scene import Scene

__all__ = ["Edit", "FaultKind", "inject"]

LEAD_SECONDS: Final = 3.0
TAIL_SECONDS: Final = 1.0
"""Normal time that every fault has before and after it, at least."""
_FAULT_SECONDS: Final = (2.0, 4.0)
_WHOLE: Final = (1.0, 1.0)
_KNOCK_SHARE: Final = (0.03, 0.06)
"""Of the picture's width."""
_SEAM_SEARCH_SECONDS: Final = 0.5
_SEAM_SIDE_PX: Final = 64


class FaultKind(StrEnum):
    """What can be wrong."""

    FROZEN_REGION = "frozen_region"
    REVERSED = "reversed"
    DOUBLE_SPEED = "double_speed"
    HALF_SPEED = "half_speed"
    FOREIGN_OBJECT = "foreign_object"
    VANISHED_OBJECT = "vanished_object"
    CAMERA_KNOCKED = "camera_knocked"
    REPEATED_STEP = "repeated_step"


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One fault in footage: frames before `start` as they are, then the fault, then from `resume`.

    Every frame of `order_N` is labelled.
    """

    moment: Moment
    """What of the footage it was made from."""
    start: int
    order_N: NDArray[np.float64]
    """Place in the footage that each frame shows; a half lies between two pictures."""
    resume: int
    boxes_N: tuple[Box, ...]
    """Where it is, in every frame."""
    paint: Paint | None = None
    """(frame of the fault from 0, its picture) -> picture; None shows the footage's own."""


def inject(
    kind: FaultKind, scene: Scene, rng: np.random.Generator, taken: Sequence[Moment] = ()
) -> Edit:
    """Draw one fault of a kind; the same `rng` state gives the same.

    Moments of `taken` are left alone where there are others. Raises EvaluationError when nothing
    moves that could go wrong.
    """
    seconds = rng.uniform(*_FAULT_SECONDS)
    room = (scene.seconds - LEAD_SECONDS - TAIL_SECONDS - _SEAM_SEARCH_SECONDS) / 2.0
    frames = scene.frames_in(min(seconds, room))
    return _INJECTORS[kind](_Draw(scene=scene, rng=rng, taken=taken, frames=frames))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    """What an injector draws from."""

    scene: Scene
    rng: np.random.Generator
    taken: Sequence[Moment]
    frames: int
    """Of the fault."""

    def moment(self, length: int, box_share: tuple[float, float] = _WHOLE) -> Moment:
        """Draw a moment that leaves room for a fault with normal time on both sides."""
        lead, tail = self.scene.frames_in(LEAD_SECONDS), self.scene.frames_in(TAIL_SECONDS)
        return choose_moment(
            self.scene.motion,
            length=length,
            box_share=box_share,
            within=(lead, len(self.scene.frames) - tail - length),
            rng=self.rng,
            taken=self.taken,
        )

    def in_place(self, moment: Moment, boxes: Sequence[Box], paint: Paint) -> Edit:
        """Return an edit that paints over pictures and leaves their order alone."""
        end = moment.first + moment.length
        return Edit(
            moment=moment,
            start=moment.first,
            order_N=np.arange(moment.first, end, dtype=np.float64),
            resume=end,
            boxes_N=tuple(boxes),
            paint=paint,
        )

    def reordered(self, moment: Moment, start: int, order: Sequence[float], resume: int) -> Edit:
        """Return an edit that shows pictures in another order or speed."""
        box = self.scene.motion.moving_box(moment.first, moment.length)
        return Edit(
            moment=moment,
            start=start,
            order_N=np.array(order, dtype=np.float64),
            resume=resume,
            boxes_N=(box,) * len(order),
        )


def _frozen_region(draw: _Draw) -> Edit:
    share = (draw.rng.uniform(0.3, 0.45), draw.rng.uniform(0.2, 0.3))
    moment = draw.moment(draw.frames, share)
    box = moment.box
    still = draw.scene.frames[moment.first][box.rows, box.columns]

    def paint(_: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        painted = image.copy()
        painted[box.rows, box.columns] = still
        return painted

    return draw.in_place(moment, [box] * moment.length, paint)


def _reversed(draw: _Draw) -> Edit:
    """Go forward through the moment, back through it, and forward again."""
    moment = draw.moment(draw.frames + 1)
    end = moment.first + moment.length
    order = np.arange(end - 2, moment.first - 1, -1)
    return draw.reordered(moment, end, list(order), moment.first + 1)


def _double_speed(draw: _Draw) -> Edit:
    moment = draw.moment(2 * draw.frames)
    order = moment.first + 1 + 2 * np.arange(draw.frames)
    return draw.reordered(moment, moment.first, list(order), moment.first + moment.length)


def _half_speed(draw: _Draw) -> Edit:
    moment = draw.moment(max(1, draw.frames // 2))
    order = moment.first - 1 + 0.5 * np.arange(1, 2 * moment.length + 1)
    return draw.reordered(moment, moment.first, list(order), moment.first + moment.length)


def _repeated_step(draw: _Draw) -> Edit:
    """Show a stretch twice; the second time is the fault."""
    moment = _with_best_seam(draw.scene, draw.moment(draw.frames))
    end = moment.first + moment.length
    return draw.reordered(moment, end, list(range(moment.first, end)), end)


def _with_best_seam(scene: Scene, moment: Moment) -> Moment:
    """Return the moment moved and cut a little, so that its end looks most like its beginning."""

    def small(index: int) -> NDArray[np.float32]:
        reduced = cv2.resize(
            grey_of(scene.frames[index]),
            (_SEAM_SIDE_PX, _SEAM_SIDE_PX),
            interpolation=cv2.INTER_AREA,
        )
        return np.asarray(reduced, dtype=np.float32)

    search = scene.frames_in(_SEAM_SEARCH_SECONDS)
    shortest = min(moment.length, scene.frames_in(_FAULT_SECONDS[0]))
    firsts = range(max(1, moment.first - search), moment.first + search + 1)
    firsts_small = {first: small(first) for first in firsts}
    best = (np.inf, moment.first, moment.length)
    for after in range(firsts[0] + shortest, moment.first + moment.length + 1):
        after_small = small(after)
        for first in firsts:
            if shortest <= after - first <= moment.length:
                difference = float(np.abs(after_small - firsts_small[first]).mean())
                best = min(best, (difference, first, after - first))
    return Moment(first=best[1], length=best[2], box=moment.box)


def _camera_knocked(draw: _Draw) -> Edit:
    moment = draw.moment(draw.frames)
    height, width = draw.scene.frames[0].shape[:2]
    angle = draw.rng.uniform(0.0, 2.0 * np.pi)
    reach = max(2.0, draw.rng.uniform(*_KNOCK_SHARE) * width)
    shift = np.array([np.rint(reach * np.cos(angle)), np.rint(reach * np.sin(angle))])
    matrix = np.column_stack([np.eye(2), shift])

    def paint(_: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        moved = cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT_101)
        return np.asarray(moved, dtype=np.uint8)

    whole = Box(x=0, y=0, width=width, height=height)
    return draw.in_place(moment, [whole] * moment.length, paint)


def _foreign_object(draw: _Draw) -> Edit:
    side = draw.rng.uniform(0.12, 0.18)
    moment = draw.moment(draw.frames, (1.3 * side, side))
    boxes, paint = foreign_object(draw.scene, moment, draw.rng)
    return draw.in_place(moment, boxes, paint)


_VANISHING_TRIES: Final = 24
"""Moments looked at: many begin before the thing is there, or after it has joined another."""


def _vanished_object(draw: _Draw) -> Edit:
    for _ in range(_VANISHING_TRIES):
        moment = draw.moment(draw.frames, (0.3, 0.15))
        found = vanished_object(draw.scene, moment)
        if found is not None:
            return draw.in_place(moment, *found)
    raise EvaluationError(
        "nothing that moves stands out from its background for long enough to let it vanish; "
        "give footage with single moving things"
    )


_INJECTORS: Final[dict[FaultKind, Callable[[_Draw], Edit]]] = {
    FaultKind.FROZEN_REGION: _frozen_region,
    FaultKind.REVERSED: _reversed,
    FaultKind.DOUBLE_SPEED: _double_speed,
    FaultKind.HALF_SPEED: _half_speed,
    FaultKind.FOREIGN_OBJECT: _foreign_object,
    FaultKind.VANISHED_OBJECT: _vanished_object,
    FaultKind.CAMERA_KNOCKED: _camera_knocked,
    FaultKind.REPEATED_STEP: _repeated_step,
}
