"""Admission: which files may be decoded at all, and the Footage that they become."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from pipeline.errors import FootageError
from pipeline.footage.names import shown_name

__all__ = [
    "Candidate",
    "Footage",
    "Reason",
    "Verdict",
    "admit",
    "check_content",
    "check_stays_inside",
    "open_source",
]

_MAX_FILE_BYTES = 64 << 30
_HEAD_BYTES = 4096
_TS_PACKET_BYTES = (188, 192, 204)
_MP4_ATOMS = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"styp", b"pnot", b"moof")
_OTHER_CONTENT: tuple[tuple[bytes, str], ...] = (
    (b"\xff\xd8\xff", "a JPEG picture; put pictures into a folder of their own"),
    (b"\x89PNG", "a PNG picture; put pictures into a folder of their own"),
    (b"BM", "a BMP picture; put pictures into a folder of their own"),
    (b"II*\x00", "a TIFF picture; put pictures into a folder of their own"),
    (b"MM\x00*", "a TIFF picture; put pictures into a folder of their own"),
    (b"GIF8", "a GIF picture; convert it to MP4"),
    (b"PK\x03\x04", "a ZIP archive; unpack it"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"%PDF", "a PDF document; give video"),
    (b"RIFF", "a RIFF file without video; give video"),
    (b"ffconcat", "a list of other files; give the videos themselves"),
    (b"#EXTM3U", "a playlist; give the videos themselves"),
)


class Verdict(StrEnum):
    """What became of a file that arrived."""

    ADMITTED = "admitted"
    REFUSED = "refused"


class Reason(StrEnum):
    """Why footage was refused, or why a stretch of time is blind."""

    NOT_REGULAR = "not_regular"
    OUTSIDE_ROOT = "outside_root"
    UNREADABLE = "unreadable"
    UNSTABLE = "unstable"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NOT_VIDEO = "not_video"
    UNSUPPORTED_CODEC = "unsupported_codec"
    INSANE_DIMENSIONS = "insane_dimensions"
    NO_FRAMES = "no_frames"
    TOO_SHORT = "too_short"
    AMBIGUOUS_TIME = "ambiguous_time"
    DAMAGED = "damaged"
    TRUNCATED = "truncated"
    GAP = "gap"
    STALLED = "stalled"
    SIZE_CHANGED = "size_changed"
    NOT_RECORDED = "not_recorded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Footage:
    """One video file, or folder of frames, as it arrived. Named by camera and content."""

    footage_id: str
    """content_id("footage", camera, sha256)."""
    camera: str
    sha256: str
    """Of the bytes; of a folder: of its sorted (name, sha256) list; of a refused thing that
    cannot be read: of its name."""
    path: str
    """Relative to the camera's source folder, with / between parts."""
    size_bytes: int
    verdict: Verdict
    reason: Reason | None = None
    """None when admitted."""
    detail: str = ""
    """One line for people: what was found and what to do."""
    start_utc: datetime | None = None
    """Wall time of media time 0; None when refused."""
    duration_us: int = 0
    """Media time from 0 to the end of the last frame, as decoded or claimed, the longer one."""
    frames: int = 0
    """Frames that could be decoded."""
    width_px: int = 0
    height_px: int = 0
    frame_rate: float = 0.0
    """Median frames a second, from presentation times; information only, never used for time. But
    of a folder of pictures it is the rate that gave them their times, at which it is decoded."""
    removed_utc: datetime | None = None
    """Since when its file is gone, removed by retention; None while it is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A file or folder of pictures that was opened once; everything after uses the descriptor."""

    descriptor: int
    about: os.stat_result
    name: str
    """For messages: one printable line."""
    lossy: bool = False
    """MPEG-TS: packets may be missing in the middle without a trace."""

    @property
    def is_folder(self) -> bool:
        """A folder of pictures rather than a file."""
        return stat.S_ISDIR(self.about.st_mode)


@contextmanager
def open_source(source: Path) -> Iterator[Candidate]:
    """Open a regular file or a folder; never waits, as opening a FIFO would.

    Raises FootageError with NOT_REGULAR or UNREADABLE.
    """
    name = shown_name(source.name)
    try:
        # Links were followed by resolve(); one that appears after it is refused by O_NOFOLLOW.
        place = source.resolve(strict=True)
        kind = place.lstat().st_mode
        if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
            # Not opened at all: opening alone has effects on devices.
            raise _not_regular(name)
        descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError, RuntimeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not a path"
        if isinstance(error, RuntimeError):
            why = "its links go in a circle"
        raise FootageError(
            f"{name}: cannot be opened ({why}); check that it exists and may be read",
            reason=Reason.UNREADABLE,
        ) from error
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) and not stat.S_ISDIR(about.st_mode):
            raise _not_regular(name)
        yield Candidate(descriptor=descriptor, about=about, name=name)
    finally:
        os.close(descriptor)


@contextmanager
def admit(path: Path, *, root: Path) -> Iterator[Candidate]:
    """Open footage inside `root` after checking all that can be checked without decoding.

    Raises FootageError with the Reason of the refusal; its message says what to do.
    """
    name = shown_name(path.name)
    _check_inside(path, root, name)
    with open_source(path) as candidate:
        opened = Path(f"/proc/self/fd/{candidate.descriptor}")
        if opened.is_symlink():
            # A folder above may have been exchanged for a link since the check: look again at
            # what was really opened.
            _check_inside(Path(os.readlink(opened)), root, name)
        if not candidate.is_folder:
            if candidate.about.st_size == 0:
                raise FootageError(
                    f"{name}: an empty file; copy it again from the camera", reason=Reason.EMPTY
                )
            if candidate.about.st_size > _MAX_FILE_BYTES:
                raise FootageError(
                    f"{name}: {candidate.about.st_size >> 30} GiB; split it into files of at most "
                    f"{_MAX_FILE_BYTES >> 30} GiB",
                    reason=Reason.TOO_LARGE,
                )
            head = os.pread(candidate.descriptor, _HEAD_BYTES, 0)
            check_content(head, name)
            candidate = replace(candidate, lossy=_is_transport_stream(head))
        yield candidate


def check_stays_inside(path: Path, root: Path) -> None:
    """Raise FootageError (OUTSIDE_ROOT) when a file that was taken in leads out of `root` now: it
    may have been exchanged for a link since. One that is gone is left to whoever opens it."""
    if os.path.lexists(path):
        _check_inside(path, root, shown_name(path.name))


def check_content(head: bytes, name: str) -> None:
    """Raise FootageError (NOT_VIDEO) unless a file that begins with `head` is a known container.

    The extension means nothing: good video with a wrong one is welcome.
    """
    if (
        head[4:8] in _MP4_ATOMS
        or head.startswith(b"\x1aE\xdf\xa3")
        or (head.startswith(b"RIFF") and head[8:12] == b"AVI ")
        or _is_transport_stream(head)
    ):
        return
    found = next(
        (told for magic, told in _OTHER_CONTENT if head.startswith(magic)), _described(head)
    )
    raise FootageError(f"{name}: not a video but {found}", reason=Reason.NOT_VIDEO)


def _described(head: bytes) -> str:
    if not head.strip(b"\x00"):
        return "zeros; copy it again from the camera"
    if b"<html" in head[:1024].lower() or b"<!doctype" in head[:1024].lower():
        return "a web page; check what the download answered"
    if all(byte >= 32 or byte in b"\t\n\r\f" for byte in head):
        return "text; give video"
    return "unknown bytes; give MP4, MOV, MKV, WebM, AVI or MPEG-TS"


def _is_transport_stream(head: bytes) -> bool:
    """Tell whether the sync byte of MPEG-TS comes at a regular distance, from any first packet."""
    for size in _TS_PACKET_BYTES:
        for first in range(min(size, len(head))):
            places = range(first, len(head), size)
            if len(places) >= 3 and all(head[place] == 0x47 for place in places):
                return True
    return False


def _check_inside(path: Path, root: Path, name: str) -> None:
    try:
        resolved = path.resolve(strict=True)
        resolved_root = root.resolve(strict=True)
    except (OSError, ValueError, RuntimeError) as error:
        circle = isinstance(error, RuntimeError)
        why = "its links go in a circle" if circle else "a link to nothing, or it was removed"
        raise FootageError(
            f"{name}: cannot be opened ({why}); put the file itself there",
            reason=Reason.UNREADABLE,
        ) from error
    if resolved != resolved_root and resolved_root not in resolved.parents:
        raise FootageError(
            f"{name}: a link that leads out of the camera's folder; put the file itself there",
            reason=Reason.OUTSIDE_ROOT,
        )


def _not_regular(name: str) -> FootageError:
    return FootageError(
        f"{name}: not a regular file; give video files or folders of pictures",
        reason=Reason.NOT_REGULAR,
    )
