"""Repeats: a fault that comes again, so that what was said of the first time can be tried on it.

Each is a short video around the fault. `again` shows the same moment of the footage with other
light and noise, as a machine does that does the same again; `elsewhen` the same thing at another
moment, with other things going on around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.faults import Edit, FaultKind
from pipeline.evaluation.injection import FaultSpan, Variant
from pipeline.evaluation.objects import foreign_object
from pipeline.evaluation.scene import Scene

__all__ = ["Relit", "again", "another_object", "beside", "elsewhen", "first_time"]

_LEAD_SECONDS: Final = 5.0
_TAIL_SECONDS: Final = 1.5
"""Normal time around the fault, where the footage has it: histories reach back four seconds."""
_GAINS: Final = (0.95, 1.05)
_OFFSETS: Final = (-4.0, 4.0)
_NOISE_LEVELS: Final = 2.0
"""Another exposure, grey levels: what cameras do from one hour to the next."""
_APART_SECONDS: Final = 5.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Relit(Variant):
    """A variant with another exposure and noise of its own."""

    gain: float
    offset: float
    seed: int

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield its pictures in order."""
        rng = np.random.default_rng(self.seed)
        for image in Variant.frames(self):
            noise = rng.normal(0.0, _NOISE_LEVELS, image.shape)
            lit = np.rint(image * self.gain + self.offset + noise)
            yield np.clip(lit, 0, 255).astype(np.uint8)


def first_time(scene: Scene, kind: FaultKind, name: str, edit: Edit) -> Variant:
    """Return a short video around a fault."""
    return _around(scene, kind, name, edit, edit.start)


def again(variant: Variant, name: str, rng: np.random.Generator) -> Relit:
    """Return the same, recorded under another exposure."""
    return Relit(
        name=name,
        kind=variant.kind,
        group=variant.group,
        scene=variant.scene,
        order_F=variant.order_F,
        spans=variant.spans,
        painted_from=variant.painted_from,
        painted_end=variant.painted_end,
        paint=variant.paint,
        gain=rng.uniform(*_GAINS),
        offset=rng.uniform(*_OFFSETS),
        seed=int(rng.integers(2**31)),
    )


def elsewhen(
    scene: Scene, kind: FaultKind, name: str, edit: Edit, rng: np.random.Generator
) -> Variant | None:
    """Return a fault that is painted over pictures, at another moment of the footage; None for one
    that is not painted, or where the footage is too short."""
    if edit.paint is None or kind is FaultKind.VANISHED_OBJECT:
        return None
    lead, tail = scene.frames_in(_LEAD_SECONDS), scene.frames_in(_TAIL_SECONDS)
    apart = scene.frames_in(_APART_SECONDS)
    last = len(scene.frames) - tail - len(edit.order_N)
    free = [start for start in range(lead, last) if abs(start - edit.start) >= apart]
    if not free:
        return None
    return _around(scene, kind, name, edit, free[int(rng.integers(len(free)))])


def another_object(scene: Scene, name: str, edit: Edit, rng: np.random.Generator) -> Variant:
    """Return another thing that goes where the foreign object of `edit` went, at the same moment:
    the hardest thing to tell from it."""
    boxes, paint = foreign_object(scene, edit.moment, rng)
    other = replace(edit, boxes_N=tuple(boxes), paint=paint)
    return _around(scene, FaultKind.FOREIGN_OBJECT, name, other, other.start)


def beside(variant: Variant, name: str, other: Edit) -> Variant:
    """Return a painted fault with another painted one in the same pictures."""
    mine, its = variant.paint, other.paint
    assert mine is not None, "what is harmless is painted"
    assert its is not None, "what comes beside it is painted"
    longest = len(other.order_N)

    def paint(index: int, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        painted = mine(index, image)
        return its(index, painted) if index < longest else painted

    return replace(variant, name=name, paint=paint)


def _around(scene: Scene, kind: FaultKind, name: str, edit: Edit, start: int) -> Variant:
    shift = start - edit.start
    lead = min(start, scene.frames_in(_LEAD_SECONDS))
    resume = edit.resume + shift
    until = min(len(scene.frames), resume + scene.frames_in(_TAIL_SECONDS))
    length = len(edit.order_N)
    order = [np.arange(start - lead, start), edit.order_N + shift, np.arange(resume, until)]
    return Variant(
        name=name,
        kind=kind,
        group="fault",
        scene=scene,
        order_F=np.concatenate(order).astype(np.float64),
        spans=(FaultSpan(first=lead, end=lead + length, boxes=edit.boxes_N),),
        painted_from=lead,
        painted_end=lead + length,
        paint=edit.paint,
    )
