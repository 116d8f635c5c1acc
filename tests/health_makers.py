"""A small scene with noise and something that moves, as frames in working size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy
from pipeline.camera import Polygon
from pipeline.clips.reader import ClipReader, WindowBatch
from pipeline.footage.frames import View, WorkingFrame
from pipeline.footage.segments import Segment
from pipeline.health.events import HealthEvent
from pipeline.health.look import Looker
from pipeline.health.reference import HealthReference, ReferenceLearner
from pipeline.health.stillness import StillnessMeter
from pipeline.health.watch import HealthWatch
from pipeline.scoring.fusion import CalibratedClips

__all__ = [
    "READER",
    "VIEW",
    "AfraidOfStrangePictures",
    "Image",
    "background",
    "critic_alone",
    "frames",
    "learnt",
    "segment",
    "watched",
]

Image = NDArray[np.uint8]
VIEW = View(width_px=128, height_px=96, frame_rate=10.0)
_STEP_US = 100_000


def background(seed: int = 0) -> Image:
    """Return a wall of boxes: edges everywhere, as a plant has."""
    rng = np.random.default_rng(seed)
    picture = np.full((96, 128), 120.0, np.float32)
    for _ in range(60):
        x, y = (int(rng.integers(0, edge)) for edge in (120, 88))
        width, height = (int(rng.integers(6, 28)) for _ in range(2))
        picture[y : y + height, x : x + width] = rng.uniform(40.0, 220.0)
    return np.asarray(np.rint(cv2.GaussianBlur(picture, (0, 0), 0.7)), np.uint8)


def frames(
    count: int,
    *,
    seed: int = 0,
    noise: float = 1.5,
    stops_at: int | None = None,
    step_us: int = _STEP_US,
    paint: Callable[[int, Image], Image | None] = lambda index, image: image,
) -> Iterator[WorkingFrame]:
    """Yield frames in which a box goes to and fro until it stops; `paint` has the last word, and
    leaves a frame out with None."""
    wall = background()
    rng = np.random.default_rng([seed, 1])
    for index in range(count):
        moved = index if stops_at is None else min(index, stops_at)
        picture = wall.astype(np.float32)
        left = 20 + round(30 * (1 + np.sin(moved / 7)))
        picture[60:76, left : left + 14] = 235.0
        picture += noise * rng.standard_normal(picture.shape, dtype=np.float32)
        image = paint(index, np.clip(np.rint(picture), 0, 255).astype(np.uint8))
        if image is not None:
            yield WorkingFrame(pts_us=index * step_us, image=image)


def segment(count: int, step_us: int = _STEP_US) -> Segment:
    """Return the segment that holds `count` frames."""
    return Segment(
        segment_id="s",
        footage_id="f",
        camera="press-1",
        start_us=0,
        end_us=count * step_us,
        frames=count,
        start_utc=datetime(2026, 3, 2, 8, tzinfo=UTC),
    )


def learnt(normal: Iterable[WorkingFrame]) -> HealthReference:
    """Return what two looks a second at normal frames say."""
    looker, meter, learner = Looker(background()), StillnessMeter(), ReferenceLearner()
    for frame in list(normal)[::5]:
        learner.add(looker.look(frame.image), meter.add(frame.pts_us, frame.image))
    found = learner.reference(step_seconds=0.1)
    assert found is not None
    return found


def watched(
    reference: HealthReference | None,
    given: Iterable[WorkingFrame],
    count: int,
    view: View = VIEW,
) -> tuple[list[HealthEvent], list[WorkingFrame]]:
    """Return what is found in frames, and the frames that are let through."""
    watch = HealthWatch(background(), reference, replace(view))
    passed = list(watch.watched(given, segment(count)))
    return watch.take(), passed


READER = ClipReader(view=VIEW, frames=8, planes=("grey",), background_HW=background(), flow=None)


def critic_alone(score_N: NDArray[np.float64]) -> CalibratedClips:
    """Return clips of which only a critic says something, the same everywhere."""
    maps = np.ones((len(score_N), 3, 4), np.float32)
    return CalibratedClips(
        experts={"critic": score_N},
        tgan=score_N,
        fused=score_N,
        without={},
        maps={"critic": maps},
        tgan_map=maps,
        fused_map=maps,
        within=lambda only_GW: critic_alone(score_N),
    )


@dataclass
class AfraidOfStrangePictures:
    """A model whose score is how far a clip's last picture is from the background."""

    health: HealthReference | None
    policy: EventPolicy
    tail: EventTail
    clip_stride: int = 2

    def reader(self, masks: tuple[Polygon, ...] = ()) -> ClipReader:
        return READER.with_masks(masks)

    def look(
        self, reader: ClipReader, windows: WindowBatch, *, leave_one_out: bool = False
    ) -> CalibratedClips:
        last = windows.pictures[:, -1].astype(np.float64)
        score = np.abs(last - background()).mean(axis=(1, 2)) / 4.0
        return critic_alone(score)

    def expected_pictures(self, reader: ClipReader, windows: WindowBatch) -> NDArray[np.uint8]:
        return np.repeat(background()[None], len(windows.pictures), axis=0)
