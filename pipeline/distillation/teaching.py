"""What a teacher says of windows: the targets that a student learns from.

Shapes: M windows of T frames and H x W pixels, grid of G x W cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.camera import Polygon
from pipeline.clips.flow import flow_of_window
from pipeline.clips.pace import Pace
from pipeline.clips.reader import ClipReader, Stretch, WindowBatch
from pipeline.distillation.altered_windows import NormalWindows, altered_window
from pipeline.distillation.student_model import FLOW
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import length_seconds
from pipeline.learning.pseudo_anomalies import FAST_FACTORS
from pipeline.scoring.experts import all_term_maps
from pipeline.scoring.fusion import surprise_maps
from pipeline.scoring.scorer import BATCH_CLIPS

__all__ = ["Lessons", "lessons_of", "normal_windows", "plain_reader"]

_MOST_WINDOWS = 1_000
"""Windows of normal footage at each speed, at most: 200 MB at 192 x 128 px."""
_SAID_EVERY = 400


@dataclass(frozen=True, kw_only=True, slots=True)
class Lessons:
    """Windows with what the teacher says of them, the normal ones first."""

    pictures: NDArray[np.uint8]
    """MTHW."""
    flow: NDArray[np.float16]
    """MTHW2, the quick one that a student sees."""
    surprise: NDArray[np.float32]
    """M2GW, -log10 p: as the judge hears it, and as the map shows it."""
    normal: int
    """How many of them are normal footage as it was."""


def plain_reader(teacher: CameraModel, masks: tuple[Polygon, ...]) -> ClipReader:
    """Return the teacher's reader without histories and lighting states: a student sees one clip
    and no more."""
    return replace(teacher.sight.reader(masks), history=None, lighting=None, backgrounds={})


def normal_windows(reader: ClipReader, stretches: Sequence[Stretch]) -> NormalWindows:
    """Return windows of the footage at its own speed and at two and three times that."""
    found: dict[int, NDArray[np.uint8]] = {}
    length = length_seconds(stretches)
    for speed in (1, *FAST_FACTORS):
        view = replace(reader.view, frame_rate=reader.view.frame_rate / speed)
        at_speed = replace(reader, view=view, flow=None)
        pace = Pace(max(2, round(length * view.frame_rate / _MOST_WINDOWS)))
        windows = [
            window.pictures
            for part in at_speed.paced(stretches, pace)
            for _, window in at_speed.clips(part, stride=pace)
        ]
        if windows:
            found[speed] = np.stack(windows)
    return NormalWindows(by_speed=found, background_HW=reader.background_HW)


def lessons_of(
    teacher: CameraModel,
    reader: ClipReader,
    normal: NormalWindows,
    *,
    altered: int,
    seed: int,
    progress: Callable[[str], None],
) -> Lessons:
    """Return all normal windows and so many altered ones, with the teacher's word on each."""
    chance = np.random.default_rng(seed)
    pictures = [*normal.by_speed[1], *(altered_window(normal, chance) for _ in range(altered))]
    surprise = []
    for first in range(0, len(pictures), BATCH_CLIPS):
        surprise.append(_said(teacher, reader, pictures[first : first + BATCH_CLIPS]))
        if first % _SAID_EVERY < BATCH_CLIPS and first:
            progress(f"teacher: {first:,} of {len(pictures):,} windows")
    return Lessons(
        pictures=np.stack(pictures),
        flow=np.stack([flow_of_window(window_THW, FLOW) for window_THW in pictures]),
        surprise=np.concatenate(surprise),
        normal=len(normal.by_speed[1]),
    )


def _said(
    teacher: CameraModel, reader: ClipReader, pictures: Sequence[NDArray[np.uint8]]
) -> NDArray[np.float32]:
    windows = WindowBatch(
        pictures=np.stack(pictures),
        flow_NTHW2=np.stack([flow_of_window(window_THW) for window_THW in pictures]),
    )
    # `rhythm` compares seconds, of which one clip shows nothing.
    experts = tuple(expert for expert in teacher.experts if expert.name != "rhythm")
    maps = all_term_maps(experts, teacher.sight.batch(reader, windows))
    joined = surprise_maps(experts, teacher.calibration, maps)
    return np.stack(joined, axis=1).astype(np.float32)
