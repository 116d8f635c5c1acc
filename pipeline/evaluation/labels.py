"""Labels: what a person says of the test footage. Intervals in a CSV, pixels in .npz masks."""

from __future__ import annotations

import csv
import math
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.timebase import microseconds, seconds

__all__ = ["Interval", "check_intervals", "frame_labels", "mask_path", "read_labels", "read_mask"]

_HEADER = ["video", "start_seconds", "end_seconds"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """A labelled stretch of one video, half-open, in media time of that file."""

    start_us: int
    end_us: int
    line: int
    """Line of the labels file, from 1, for messages."""


def read_labels(path: Path, videos: Sequence[str]) -> dict[str, tuple[Interval, ...]]:
    """Return the labelled intervals of every name in `videos`, in the order of time.

    A video without a row is normal throughout and gets an empty tuple. Raises EvaluationError that
    names the line: for a wrong header, a row without three fields, a video that is not among
    `videos`, a time that is no number, an empty interval, or two that overlap.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as opened:
            reader = csv.reader(opened, strict=True)
            rows = [(reader.line_num, row) for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EvaluationError(
            f"{path}: not readable as a CSV file in UTF-8 ({error}); give a file with the header "
            f"{','.join(_HEADER)}"
        ) from error
    if not rows or [field.strip() for field in rows[0][1]] != _HEADER:
        raise EvaluationError(f"{path} line 1: the header must be {','.join(_HEADER)}")
    found: dict[str, list[Interval]] = {video: [] for video in videos}
    for line, row in rows[1:]:
        video, interval = _read_row(path, line, row)
        if video not in found:
            raise EvaluationError(
                f"{path} line {line}: {video!r} is not in the test footage; use the full name"
            )
        found[video].append(interval)
    return {video: _in_order(path, video, rows) for video, rows in found.items()}


def _read_row(path: Path, line: int, row: Sequence[str]) -> tuple[str, Interval]:
    if len(row) != len(_HEADER):
        raise EvaluationError(f"{path} line {line}: {len(row)} fields; give {','.join(_HEADER)}")
    times: list[float] = []
    for name, text in zip(_HEADER[1:], row[1:], strict=True):
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise EvaluationError(
                f"{path} line {line}: {name} {text!r} is not a number; give seconds, like 12.5"
            )
        times.append(value)
    start_seconds, end_seconds = times
    if start_seconds < 0 or microseconds(end_seconds) <= microseconds(start_seconds):
        raise EvaluationError(
            f"{path} line {line}: from {row[1]} to {row[2]} is no stretch of time; the start must "
            "be 0 or more and the end after the start"
        )
    interval = Interval(
        start_us=microseconds(start_seconds), end_us=microseconds(end_seconds), line=line
    )
    return row[0].strip(), interval


def _in_order(path: Path, video: str, intervals: Sequence[Interval]) -> tuple[Interval, ...]:
    ordered = sorted(intervals, key=lambda interval: (interval.start_us, interval.end_us))
    for before, after in pairwise(ordered):
        if after.start_us < before.end_us:
            raise EvaluationError(
                f"{path} line {after.line}: overlaps line {before.line} of {video!r}; "
                "give one interval for both"
            )
    return tuple(ordered)


def check_intervals(
    path: Path, video: str, intervals: Sequence[Interval], pts_us: NDArray[np.int64]
) -> None:
    """Raise EvaluationError naming the line of an interval in which the video has no frame."""
    for interval in intervals:
        first = int(np.searchsorted(pts_us, interval.start_us))
        if first == len(pts_us) or pts_us[first] >= interval.end_us:
            last = seconds(int(pts_us[-1])) if len(pts_us) else 0.0
            raise EvaluationError(
                f"{path} line {interval.line}: {video!r} has no frame between "
                f"{seconds(interval.start_us)} and {seconds(interval.end_us)} s (its last frame is "
                f"at {last} s); labels are in the media time of that file"
            )


def frame_labels(pts_us: NDArray[np.int64], intervals: Sequence[Interval]) -> NDArray[np.bool_]:
    """Return for every frame whether it lies in a labelled interval: start <= time < end."""
    labels = np.zeros(len(pts_us), dtype=np.bool_)
    for interval in intervals:
        labels |= (pts_us >= interval.start_us) & (pts_us < interval.end_us)
    return labels


def mask_path(folder: Path, video: Path) -> Path:
    """Return where the mask of a video lies: `01.npz` for `01.mp4` and for a folder `01`."""
    return folder / f"{video.name if video.is_dir() else video.stem}.npz"


def read_mask(path: Path, *, frames: int, height_px: int, width_px: int) -> NDArray[np.bool_]:
    """Return the mask of one video, bool (frames, height, width).

    Raises EvaluationError naming the file when it is no .npz archive, holds no array `mask` of
    booleans, or does not have the given shape.
    """
    try:
        # Opened here, because numpy leaves a file open when it turns out to be damaged.
        with path.open("rb") as opened:
            loaded = np.load(opened, allow_pickle=False)
            mask = loaded["mask"] if isinstance(loaded, Mapping) else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise EvaluationError(
            f"{path}: no array `mask` can be read ({error}); write it with "
            "numpy.savez_compressed(path, mask=...)"
        ) from error
    if mask is None:
        raise EvaluationError(f"{path}: a single array, not an .npz archive with the name `mask`")
    expected = (frames, height_px, width_px)
    if mask.dtype != np.bool_ or mask.shape != expected:
        raise EvaluationError(
            f"{path}: mask is {mask.dtype} {mask.shape}, but the video has bool {expected} "
            "(frames, height, width)"
        )
    return np.asarray(mask, dtype=np.bool_)
