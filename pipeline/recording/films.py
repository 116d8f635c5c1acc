"""Films: finished files get their side-car, their name, and their place where ingest looks."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.files import sync_folder, write_json
from pipeline.footage.start_time import sidecar_of
from pipeline.recording.ffmpeg import SUFFIX, cut_file, readable_seconds
from pipeline.recording.session import Film
from pipeline.recording.state import OpenFile

__all__ = ["as_left", "publish", "recorded_span", "salvage", "work_folder"]

_CLOCK = "arrival of the frames at this machine"
"""What the times are worth: nobody asked the camera for its own. Nobody else writes this."""
_NAME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}\.\d{3}Z(?:_\d+)?" + re.escape(SUFFIX))
_SIDECAR_BYTES = 65_536
_MATROSKA = b"\x1a\x45\xdf\xa3"
_CLUSTER = b"\x1f\x43\xb6\x75"
"""How a file begins, and each second of pictures in it (RFC 9559, section 5.1)."""
_HEADER_BYTES = 65_536


def work_folder(source: Path) -> Path:
    """Return where files are written; ingest passes over names with a dot."""
    return source / ".recording"


def publish(source: Path, film: Film) -> Path | None:
    """Put a written file where ingest looks, durably: first its side-car, then the film in one
    step. Returns its new path; None when the child has written no picture.

    Raises OSError, for example when the disk is full; the file then lies where it was.
    """
    written = work_folder(source) / film.name
    if film.cut_seconds is not None and not cut_file(written, film.cut_seconds):
        return None
    try:
        if not _has_pictures(written):
            written.unlink()
            return None
    except FileNotFoundError:
        return None
    with written.open("rb") as opened:
        os.fsync(opened.fileno())
    written.chmod(0o640)
    path = _free_path(source, film.start_utc)
    told = {
        "start_utc": _text(film.start_utc),
        "end_utc": _text(film.end_utc),
        "frames": film.frames,
        "clock": _CLOCK,
    }
    write_json(sidecar_of(path), told)
    written.replace(path)
    sync_folder(source)
    return path


def as_left(source: Path, film: Film) -> Film:
    """Return a film that a killed child left open, without the last pictures where it had kept them
    to itself."""
    try:
        seconds = readable_seconds(work_folder(source) / film.name)
    except SettingsError:  # ffmpeg is away for a moment: then what was told has to do
        return film
    if not seconds:
        return film
    return replace(film, end_utc=min(film.end_utc, film.start_utc + timedelta(seconds=seconds)))


def _has_pictures(path: Path) -> bool:
    """Tell whether a file has more than the header of a Matroska file."""
    with path.open("rb") as opened:
        begin = opened.read(_HEADER_BYTES)
    return begin != b"" and not (begin.startswith(_MATROSKA) and _CLUSTER not in begin)


def recorded_span(path: Path) -> tuple[datetime, datetime] | None:
    """Return from when to when a film goes that a recorder published; None for any other file,
    also for one whose name or side-car is not exactly as a recorder writes them."""
    if not _NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
        return None
    try:
        with sidecar_of(path).open("rb") as opened:
            told = json.loads(opened.read(_SIDECAR_BYTES))
        if told["clock"] != _CLOCK:
            return None
        start_utc, end_utc = (datetime.fromisoformat(told[k]) for k in ("start_utc", "end_utc"))
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None
    return (start_utc, end_utc) if start_utc.tzinfo and end_utc.tzinfo else None


def _free_path(source: Path, start_utc: datetime) -> Path:
    name = f"{start_utc:%Y-%m-%dT%H-%M-%S}.{start_utc.microsecond // 1000:03d}Z"
    path, number = source / f"{name}{SUFFIX}", 1
    while path.exists():
        number += 1
        path = source / f"{name}_{number}{SUFFIX}"
    return path


def _text(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def salvage(
    source: Path, open_file: OpenFile | None, end_utc: datetime
) -> tuple[list[Film], list[str]]:
    """Publish what a killed recorder left open; return the films, and the names of files whose time
    is not known, which stay where they are."""
    unknown: list[str] = []
    saved: list[Film] = []
    for path in sorted(work_folder(source).glob(f"*{SUFFIX}")):
        if open_file is None or path.name != open_file.name or end_utc <= open_file.start_utc:
            unknown.append(path.name)
            continue
        film = as_left(
            source, Film(name=path.name, start_utc=open_file.start_utc, end_utc=end_utc, frames=0)
        )
        if publish(source, film) is not None:
            saved.append(film)
    return saved, unknown
