"""Videos: the footage of an evaluation, with what is known of it before any model is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.evaluation.labels import (
    Interval,
    check_intervals,
    frame_labels,
    mask_path,
    read_labels,
    read_mask,
)
from pipeline.evaluation.parts import Parts
from pipeline.evaluation.trivial import trivial_scores
from pipeline.files import sha256_of_file
from pipeline.footage.names import VIDEO_SUFFIXES, is_ignored, is_picture, natural_key
from pipeline.identity import digest_of
from pipeline.timebase import MICROSECONDS_PER_SECOND

if TYPE_CHECKING:
    from pipeline.clips.reader import Stretch

__all__ = [
    "TestVideo",
    "digest_of_footage",
    "list_videos",
    "load_test_videos",
    "stretches_of_folder",
]

_MASKS_SUFFIX = "_gt"


@dataclass(frozen=True, kw_only=True, slots=True)
class TestVideo:
    """One video to score, with its labels and its trivial scores. F frames."""

    __test__ = False  # the name begins like a test's, and pytest would collect it

    name: str
    """File or folder name: what the labels call it."""
    path: Path
    pts_us: NDArray[np.int64]
    """Presentation time of every frame."""
    height_px: int
    width_px: int
    intervals: tuple[Interval, ...]
    labels: NDArray[np.bool_]
    """Of every frame."""
    trivial: dict[str, NDArray[np.float64]]
    mask_file: Path | None
    """None when masks were not given, or the video is normal and has none."""
    stretches: tuple[Stretch, ...]

    def read_mask(self) -> NDArray[np.bool_] | None:
        """Return the mask (F, height, width), None when there is no file."""
        if self.mask_file is None:
            return None
        return read_mask(
            self.mask_file,
            frames=len(self.pts_us),
            height_px=self.height_px,
            width_px=self.width_px,
        )


def list_videos(folder: Path) -> list[Path]:
    """Return the videos in a folder in the order of names: video files, and folders of pictures.

    A folder that holds pictures itself is one video. `NAME_gt` beside a folder `NAME` holds its
    masks, as UCSD lays them out, and is none. Raises EvaluationError when there is none.
    """
    if not folder.is_dir():
        raise EvaluationError(f"{folder}: no such folder; give a folder of videos")
    entries = sorted(folder.iterdir(), key=lambda path: natural_key(path.name))
    videos = [
        path
        for path in entries
        if not is_ignored(path.name)
        and (
            (path.is_file() and path.suffix.lower() in VIDEO_SUFFIXES)
            or (path.is_dir() and _has_pictures(path) and not _holds_masks(path))
        )
    ]
    if not videos and _has_pictures(folder):
        videos = [folder]
    if not videos:
        raise EvaluationError(
            f"{folder}: neither video files ({' '.join(sorted(VIDEO_SUFFIXES))}) "
            "nor folders of pictures in it"
        )
    return videos


def _holds_masks(folder: Path) -> bool:
    name = folder.name.removesuffix(_MASKS_SUFFIX)
    return name not in ("", folder.name) and folder.with_name(name).is_dir()


def _has_pictures(folder: Path) -> bool:
    return any(is_picture(path.name) for path in folder.iterdir())


def digest_of_footage(videos: Sequence[Path]) -> str:
    """Return the digest of the names and bytes of videos."""
    parts = []
    for video in videos:
        files = sorted(video.iterdir()) if video.is_dir() else [video]
        parts.append(
            [video.name, [[path.name, sha256_of_file(path)] for path in files if path.is_file()]]
        )
    return digest_of(parts)


def stretches_of_folder(folder: Path, parts: Parts) -> list[Stretch]:
    """Return the runs of good frames of a folder's videos; FootageError when one is refused."""
    return [
        stretch for video in list_videos(folder) for stretch in parts.stretches(video, video.parent)
    ]


def load_test_videos(
    test: Path,
    labels: Path,
    masks: Path | None,
    parts: Parts,
    progress: Callable[[str], None],
) -> list[TestVideo]:
    """Return every test video, decoded once for its frame times and trivial scores.

    Labels and masks are checked against them here, before hours of training: EvaluationError names
    the line of the labels or the mask file that does not fit.
    """
    paths = list_videos(test)
    left_out = sum(path.is_dir() and _holds_masks(path) for path in test.iterdir())
    if left_out:
        progress(f"{test}: folders NAME{_MASKS_SUFFIX} beside NAME are masks, left out: {left_out}")
    intervals = read_labels(labels, [path.name for path in paths])
    loaded = []
    for number, path in enumerate(paths, start=1):
        video = _load(path, labels, intervals[path.name], masks, parts)
        loaded.append(video)
        progress(
            f"test video {number}/{len(paths)} {path.name}: {len(video.pts_us)} frames, "
            f"{int(video.labels.sum())} labelled"
        )
        _compare_mask(video, progress)
    return loaded


def _load(
    path: Path,
    labels: Path,
    intervals: tuple[Interval, ...],
    masks: Path | None,
    parts: Parts,
) -> TestVideo:
    stretches = parts.stretches(path, path.parent)
    with parts.decode(path, True, 0) as frames:
        found = trivial_scores(frames)
    if not len(found.pts_us):
        raise EvaluationError(
            f"{path}: not one frame can be decoded; remove it from the test footage"
        )
    check_intervals(labels, path.name, intervals, found.pts_us)
    mask_file = None
    if masks is not None:
        mask_file = mask_path(masks, path)
        if not mask_file.is_file():
            if intervals:
                raise EvaluationError(
                    f"{mask_file}: missing, but {path.name} has labels; give a mask for every "
                    "labelled video, or no masks at all"
                )
            mask_file = None
    return TestVideo(
        name=path.name,
        path=path,
        pts_us=found.pts_us,
        height_px=found.height_px,
        width_px=found.width_px,
        intervals=intervals,
        labels=frame_labels(found.pts_us, intervals),
        trivial=found.scores,
        mask_file=mask_file,
        stretches=tuple(stretches),
    )


def _compare_mask(video: TestVideo, progress: Callable[[str], None]) -> None:
    """Say in how many frames the mask and the intervals of a video contradict each other."""
    mask = video.read_mask()
    if mask is None:
        return
    differing = np.flatnonzero(mask.any(axis=(1, 2)) != video.labels)
    if len(differing):
        first = video.pts_us[differing[0]] / MICROSECONDS_PER_SECOND
        progress(
            f"warning: {video.name}: mask and labels disagree on {len(differing)} frames, "
            f"the first at {first:.3f} s"
        )
