"""Injection: from normal footage to named videos, each with one fault or one nuisance put into it.

Pictures are made when asked for, so any number of variants costs no more memory than the footage.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.faults import LEAD_SECONDS, Edit, FaultKind, inject
from pipeline.evaluation.moments import Box, Moment
from pipeline.evaluation.nuisances import NuisanceKind, Paint, nuisance_paint
from pipeline.evaluation.scene import Scene
from pipeline.files import replace_file

__all__ = ["FaultSpan", "Variant", "untouched", "variants", "write_variant"]

_PART_SECONDS: Final = 20.0
"""Of the footage around a fault: normal time enough to compare with, not hours for one fault."""
_LEAD_SHARE: Final = (0.4, 0.6)
"""Where in its part a fault begins, so that its place in the video tells nothing."""
_FOURCC: Final = "FFV1"
"""Without loss, and OpenCV writes and reads it everywhere: what is measured is the fault, not a
second compression."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FaultSpan:
    """Where and when a fault is, in frames of its video."""

    first: int
    end: int
    """Half-open."""
    boxes: tuple[Box, ...]
    """Of every frame from `first`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """A video that is the footage but for one fault or nuisance."""

    name: str
    kind: str
    group: Literal["fault", "nuisance", "untouched"]
    scene: Scene
    order_F: NDArray[np.float64]
    """Place in the footage that each frame shows."""
    spans: tuple[FaultSpan, ...] = ()
    """Empty unless it is a fault."""
    painted_from: int = 0
    painted_end: int = 0
    paint: Paint | None = None
    """Of the frames painted_from <= frame < painted_end, counted from painted_from."""

    def __len__(self) -> int:
        return len(self.order_F)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield its pictures in order; some may be the footage's own, so do not write to them."""
        for index, position in enumerate(self.order_F):
            image = self.scene.shown(float(position))
            if self.paint is not None and self.painted_from <= index < self.painted_end:
                image = self.paint(index - self.painted_from, image)
            yield image

    def labels(self) -> NDArray[np.bool_]:
        """Return for every frame whether it belongs to a fault."""
        labels = np.zeros(len(self), dtype=np.bool_)
        for span in self.spans:
            labels[span.first : span.end] = True
        return labels


def untouched(scene: Scene) -> Variant:
    """Return the footage itself."""
    return Variant(
        name="untouched",
        kind="untouched",
        group="untouched",
        scene=scene,
        order_F=np.arange(len(scene.frames), dtype=np.float64),
    )


def variants(
    scene: Scene,
    *,
    seed: int,
    instances: int,
    kinds: Sequence[FaultKind | NuisanceKind] = (*FaultKind, *NuisanceKind),
    left_out: Callable[[str, EvaluationError], None] | None = None,
    part_seconds: float = _PART_SECONDS,
) -> Iterator[Variant]:
    """Yield `instances` variants of every kind, by kind; the same arguments give the same ones.

    A fault shows about `part_seconds` of the footage around it, a nuisance all of it. A kind for
    which the footage has no place is told to `left_out`; without it, the EvaluationError is raised.
    """
    for kind in kinds:
        taken: list[Moment] = []
        for instance in range(instances):
            # By name, so that another kind or instance more leaves the others as they were.
            rng = np.random.default_rng([seed, zlib.crc32(kind.encode()), instance])
            name = f"{kind}-{instance + 1}"
            if isinstance(kind, NuisanceKind):
                yield _with_nuisance(scene, kind, name, rng)
                continue
            try:
                edit = inject(kind, scene, rng, taken)
            except EvaluationError as error:
                if left_out is None:
                    raise
                left_out(name, error)
                break
            taken.append(edit.moment)
            yield _with_fault(scene, kind, name, edit, rng, part_seconds)


def _with_nuisance(
    scene: Scene, kind: NuisanceKind, name: str, rng: np.random.Generator
) -> Variant:
    count = len(scene.frames)
    return Variant(
        name=name,
        kind=kind,
        group="nuisance",
        scene=scene,
        order_F=np.arange(count, dtype=np.float64),
        painted_end=count,
        paint=nuisance_paint(kind, frames=count, frame_rate=scene.frame_rate, rng=rng),
    )


def _with_fault(
    scene: Scene,
    kind: FaultKind,
    name: str,
    edit: Edit,
    rng: np.random.Generator,
    part_seconds: float,
) -> Variant:
    """Cut a part of the footage round an edit, and join what is before, in and after it."""
    length = len(edit.order_N)
    wanted = max(scene.frames_in(part_seconds), length)
    lead = max(scene.frames_in(LEAD_SECONDS), round(rng.uniform(*_LEAD_SHARE) * wanted))
    tail = max(0, wanted - lead - length)
    # Where the footage ends before the tail does, the lead is longer, and the other way round.
    lead = min(edit.start, lead + max(0, tail - (len(scene.frames) - edit.resume)))
    tail = min(len(scene.frames) - edit.resume, max(0, wanted - lead - length))
    before = np.arange(edit.start - lead, edit.start)
    after = np.arange(edit.resume, edit.resume + tail)
    return Variant(
        name=name,
        kind=kind,
        group="fault",
        scene=scene,
        order_F=np.concatenate([before, edit.order_N, after]).astype(np.float64),
        spans=(FaultSpan(first=lead, end=lead + length, boxes=edit.boxes_N),),
        painted_from=lead,
        painted_end=lead + length,
        paint=edit.paint,
    )


def write_variant(path: Path, variant: Variant) -> None:
    """Write a variant as a video without loss, at an even rate; `path` ends in .avi.

    OpenCV would cut odd sides without a word: a scene has none. Raises EvaluationError
    when it cannot be written.
    """
    height, width = variant.scene.frames[0].shape[:2]
    with replace_file(path) as temporary:
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter.fourcc(*_FOURCC),
            variant.scene.frame_rate,
            (width, height),
        )
        try:
            if not writer.isOpened():
                raise EvaluationError(f"{path}: OpenCV cannot write {_FOURCC}; reinstall it")
            for image in variant.frames():
                coloured = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
                writer.write(coloured)
        finally:
            writer.release()
