"""Write the demo line as a camera's recorder would: video files with side-cars, and the truth."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2

from pipeline.demo import geometry as g
from pipeline.demo.factory import Factory
from pipeline.demo.line_view import LineView
from pipeline.demo.script import FaultKind, Script, make_script
from pipeline.demo.truth import TruthRow, truth_row, write_truth
from pipeline.errors import KizashiError, SettingsError
from pipeline.files import replace_file, write_json
from pipeline.footage.start_time import sidecar_of
from pipeline.timebase import microseconds, shift_utc

__all__ = ["LINE_START_UTC", "LineFile", "WrittenLine", "write_line"]

LINE_START_UTC = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)
"""A Monday morning: wall time of second 0."""

_LOOK = 1
"""Grows when frames come out differently, so that footage of an older program is not mixed in."""
_FOURCC = "mp4v"
"""MPEG-4 part 2: the wheels of OpenCV write and read it everywhere, 3,000 frames/s on one core."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LineFile:
    """One video file of the line; the next one goes on without a hole."""

    path: Path
    side_car: Path
    start_seconds: float
    end_seconds: float
    """Half-open."""
    start_utc: datetime
    watched: bool
    """False: of the normal part, to learn from. True: of the part with faults."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenLine:
    """The whole line on disk."""

    script: Script
    files: tuple[LineFile, ...]
    """In order of time."""
    truth: tuple[TruthRow, ...]
    truth_path: Path
    watched_start_utc: datetime
    end_utc: datetime


def write_line(
    folder: Path,
    *,
    seed: int = 0,
    normal_seconds: float = 480.0,
    file_seconds: float = 60.0,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
    start_utc: datetime = LINE_START_UTC,
    view: LineView = LineView.FRONT,
    progress: Callable[[str], None] = lambda line: None,
) -> WrittenLine:
    """Render the line into `folder`: `footage/*.mp4` with side-cars, and `truth.csv`.

    The same arguments give the same frames. Files that are there already are left as they are, so
    a killed run goes on where it was; SettingsError when they are of other arguments.
    """
    script = make_script(seed, normal_seconds=normal_seconds, kinds=kinds)
    files = _files(folder / "footage", script, file_seconds, start_utc)
    _claim(
        folder,
        {
            "look": _LOOK,
            "seed": seed,
            "normal_seconds": normal_seconds,
            "file_seconds": file_seconds,
            "kinds": [kind.value for kind in kinds],
            "start_utc": start_utc.isoformat(),
            # Without it where it is the first: what was rendered before there were others fits.
            **({"view": view.value} if view is not LineView.FRONT else {}),
        },
    )
    missing = [file for file in files if not file.path.exists()]
    factory = Factory(script, view=view) if missing else None
    for number, file in enumerate(missing, start=1):
        assert factory is not None
        write_json(file.side_car, {"start_utc": file.start_utc.isoformat().replace("+00:00", "Z")})
        _write_video(file, factory)
        progress(f"rendered {file.path.name} ({number} of {len(missing)})")
    truth = tuple(
        truth_row(
            fault,
            line_start_utc=start_utc,
            file=_file_at(files, fault.start_seconds),
            view=view,
        )
        for fault in script.faults
    )
    write_truth(folder / "truth.csv", truth)
    return WrittenLine(
        script=script,
        files=tuple(files),
        truth=truth,
        truth_path=folder / "truth.csv",
        watched_start_utc=shift_utc(start_utc, microseconds(script.normal_seconds)),
        end_utc=shift_utc(start_utc, microseconds(script.duration_seconds)),
    )


def _claim(folder: Path, arguments: dict[str, object]) -> None:
    """Write down what the folder holds, or refuse it when it holds something else."""
    path = folder / "line.json"
    if not path.exists():
        write_json(path, arguments)
        return
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: not readable ({error}); choose an empty folder") from error
    if found != arguments:
        raise SettingsError(f"{folder} holds another demo line; choose an empty folder")


def _files(
    footage: Path, script: Script, file_seconds: float, start_utc: datetime
) -> list[LineFile]:
    """Cut the day in files; one always ends where the normal part does."""
    if file_seconds < 1 or file_seconds != round(file_seconds):
        raise ValueError(f"file_seconds {file_seconds}: give whole seconds, 1 or more")
    files: list[LineFile] = []
    begin = 0.0
    while begin < script.duration_seconds:
        watched = begin >= script.normal_seconds
        limit = script.duration_seconds if watched else script.normal_seconds
        end = min(begin + file_seconds, limit)
        at_utc = shift_utc(start_utc, microseconds(begin))
        path = footage / f"line-{len(files) + 1:03d}.mp4"
        files.append(
            LineFile(
                path=path,
                side_car=sidecar_of(path),
                start_seconds=begin,
                end_seconds=end,
                start_utc=at_utc,
                watched=watched,
            )
        )
        begin = end
    return files


def _file_at(files: Sequence[LineFile], seconds: float) -> str:
    return next(f.path.name for f in files if f.start_seconds <= seconds < f.end_seconds)


def _write_video(file: LineFile, factory: Factory) -> None:
    """Render one file; it appears when it is complete. KizashiError when it cannot be written."""
    first = round(file.start_seconds * g.FRAME_RATE)
    last = round(file.end_seconds * g.FRAME_RATE)
    with replace_file(file.path) as temporary:
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter.fourcc(*_FOURCC),
            g.FRAME_RATE,
            (g.WIDTH_PX, g.HEIGHT_PX),
        )
        try:
            if not writer.isOpened():
                raise KizashiError(f"{file.path}: OpenCV cannot write {_FOURCC}; reinstall it")
            for frame in factory.frames(first, last):
                writer.write(frame)
        finally:
            writer.release()
        # The writer does not say when the disk is full: count what arrived.
        if _frames_in(temporary) != last - first:
            raise KizashiError(f"{file.path}: not all frames could be written; is the disk full?")


def _frames_in(path: Path) -> int:
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        return round(capture.get(cv2.CAP_PROP_FRAME_COUNT)) if capture.isOpened() else 0
    finally:
        capture.release()
