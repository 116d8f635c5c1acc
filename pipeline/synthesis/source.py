"""Whose clips: a camera's active model with its footage, or a stored model given by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.assembly import Site
from pipeline.camera import Polygon, check_camera
from pipeline.clips.reader import Stretch
from pipeline.distillation.stored_models import AnyModel, load_model
from pipeline.distillation.student_model import StudentModel
from pipeline.errors import FootageError, ModelError
from pipeline.evaluation.videos import list_videos
from pipeline.footage.admission import Reason, Verdict
from pipeline.footage.examine import probe_footage
from pipeline.footage.names import shown_name
from pipeline.learning.camera_model import CameraModel, Sight
from pipeline.learning.learn import split_held_out
from pipeline.learning.train_camera import load_active_model, stretches_of
from pipeline.synthesis.between import Run

__all__ = [
    "Source",
    "normal_runs",
    "runs_of_video",
    "source_of_camera",
    "source_of_folder",
    "that_draws",
]

_MEDIA_ZERO_UTC = datetime(2000, 1, 1, tzinfo=UTC)
_MOST_PARTS = 24
"""Parts of normal footage that are decoded, evenly over all there is."""
_PART_US = 10_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A model, and the normal footage that belongs to it."""

    name: str
    model: CameraModel
    masks: tuple[Polygon, ...]
    out: Path
    """Folder for what is made, unless another is asked for."""
    normal: Callable[[], Sequence[Stretch]]
    """Gives the footage to learn weights from; FootageError when there is none."""


def source_of_camera(
    site: Site, camera_name: str, *, progress: Callable[[str], None] = lambda line: None
) -> Source:
    """Return a camera's active model; CameraError for an unknown camera, ModelError without one."""
    camera = check_camera(site.store.camera(camera_name))
    record, model = load_active_model(site, site.store, camera_name)
    return Source(
        name=camera_name,
        model=that_draws(model),
        masks=camera.privacy_masks,
        out=site.folder / "synthetic" / camera_name / record.model_id[:12],
        # As in training: what was held out stays unseen.
        normal=lambda: split_held_out(stretches_of(site, camera_name, progress=progress)).training,
    )


def source_of_folder(folder: Path, train: Path | None = None) -> Source:
    """Return a stored model; `train` is a folder of normal videos. ModelDamaged when it is none."""
    model = that_draws(load_model(folder))

    def normal() -> Sequence[Stretch]:
        if train is None:
            raise FootageError(
                "no normal footage to learn from; name a folder of it with --train",
                reason=Reason.TOO_SHORT,
            )
        return [stretch for video in list_videos(train) for stretch in _stretches(video)]

    return Source(name="model", model=model, masks=(), out=Path("synthetic"), normal=normal)


def that_draws(model: AnyModel) -> CameraModel:
    """Return a model that has a generator; ModelError for a student, which has none."""
    if isinstance(model, StudentModel):
        raise ModelError(
            "this model is a student, which draws nothing; promote the model that it came from, "
            f"{model.teacher[:12]}, or give its folder with --model"
        )
    return model


def normal_runs(source: Source, stretches: Sequence[Stretch]) -> Iterator[Run]:
    """Yield runs of ten seconds at most, evenly over stretches of normal footage."""
    parts = [
        stretch.part(start_us, min(start_us + _PART_US, stretch.segment.end_us))
        for stretch in stretches
        for start_us in range(stretch.segment.start_us, stretch.segment.end_us, _PART_US)
    ]
    least_us = _least_frames(source.model.sight) * 1e6 / source.model.sight.view.frame_rate
    usable = [p for p in parts if p.segment.end_us - p.segment.start_us >= least_us]
    step = max(1.0, len(usable) / _MOST_PARTS)
    for index in range(min(len(usable), _MOST_PARTS)):
        yield from _runs(source, usable[int(index * step)])


def runs_of_video(
    source: Source, video: Path, *, start_seconds: float = 0.0, seconds: float | None = None
) -> list[Run]:
    """Return the runs of frames without a hole that a video has from a moment on, so many seconds
    of them, each long enough that every second frame can be left out.

    Raises FootageError when the video is refused, or too short there.
    """
    start_us = round(start_seconds * 1e6)
    found: list[Run] = []
    for stretch in _stretches(video):
        last_us = stretch.segment.end_us
        end_us = last_us if seconds is None else min(last_us, start_us + round(seconds * 1e6))
        if end_us > max(start_us, stretch.segment.start_us):
            part = stretch.part(max(start_us, stretch.segment.start_us), end_us)
            found += _runs(source, part)
    if not found:
        view, least = source.model.sight.view, _least_frames(source.model.sight)
        raise FootageError(
            f"{shown_name(video.name)}: too short from {start_seconds:g} s on; {least} frames in a "
            f"row at {view.frame_rate:g} a second are the least ({least / view.frame_rate:.1f} s)",
            reason=Reason.TOO_SHORT,
        )
    return found


def _stretches(video: Path) -> list[Stretch]:
    footage, segments, _ = probe_footage(
        video, camera="video", root=video.parent, start_utc=_MEDIA_ZERO_UTC
    )
    if footage.verdict is Verdict.REFUSED:
        reason = footage.reason or Reason.UNREADABLE
        raise FootageError(f"{video}: {footage.detail or reason}", reason=reason)
    return [Stretch(source=video, footage=footage, segment=segment) for segment in segments]


def _runs(source: Source, stretch: Stretch) -> Iterator[Run]:
    """Yield the runs of one stretch that are long enough, at the model's size and rate."""
    sight = source.model.sight
    frames = stretch.frames(sight.reader(source.masks).view)
    held: list[NDArray[np.uint8]] = []
    for frame in frames:
        if frame.follows_hole:
            if len(held) >= _least_frames(sight):
                yield Run(held)
            held = []
        held.append(frame.image)
    if len(held) >= _least_frames(sight):
        yield Run(held)


def _least_frames(sight: Sight) -> int:
    return 2 * sight.preset.tgan.geometry.frames - 1
