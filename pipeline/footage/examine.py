"""Examining footage: its identity, and what of its time can be seen."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.errors import FootageError
from pipeline.footage.admission import Candidate, Footage, Reason, Verdict, admit
from pipeline.footage.decode_process import STALL_SECONDS
from pipeline.footage.decoding import DecodeReport, Ended, decoding_of
from pipeline.footage.names import is_picture, natural_key, stored_path
from pipeline.footage.segments import Blind, Coverage, Segment, Span, segments_and_blind
from pipeline.identity import content_id

__all__ = [
    "FOLDER_FRAME_RATE",
    "Content",
    "Examined",
    "as_footage",
    "examine",
    "identify",
    "probe_footage",
    "refused",
]

FOLDER_FRAME_RATE = 10.0
"""Frames a second of a folder of pictures that is given by hand, where no site's setting counts."""
_MAX_DURATION_US = 26 * 3600 * 1_000_000
"""A day and its longest change of clocks, with an hour to spare."""
_CHUNK_BYTES = 1 << 20

_NO_DECODER = ("hardware accelerated", "Failed to get pixel format", "not implemented", "Decoder")


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What the bytes are; enough to tell whether they were seen before."""

    sha256: str
    size_bytes: int
    changed_ns: int
    """Latest modification time, nanoseconds since 1970."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examined:
    """What decoding once from beginning to end has told."""

    report: DecodeReport
    spans: list[Span]

    @property
    def duration_us(self) -> int:
        """Media time that the spans cover."""
        return self.spans[-1].end_us


def identify(candidate: Candidate) -> Content:
    """Return the identity of a file, or of a folder from the names and bytes of its pictures.

    Raises FootageError (UNREADABLE) when reading fails.
    """
    try:
        if candidate.is_folder:
            return _folder_content(candidate)
        digest, size = _digest(candidate.descriptor)
    except OSError as error:
        raise FootageError(
            f"{candidate.name}: reading failed ({error.strerror}); check the disk it is on",
            reason=Reason.UNREADABLE,
        ) from error
    return Content(sha256=digest, size_bytes=size, changed_ns=candidate.about.st_mtime_ns)


def _folder_content(candidate: Candidate) -> Content:
    whole = hashlib.sha256()
    total, changed_ns = 0, 0
    for name in sorted(filter(is_picture, os.listdir(candidate.descriptor)), key=natural_key):
        digest, size, picture_changed_ns = _picture_identity(candidate.descriptor, name)
        whole.update(os.fsencode(name) + b"\x00" + digest.encode() + b"\n")
        total += size
        changed_ns = max(changed_ns, picture_changed_ns)
    return Content(sha256=whole.hexdigest(), size_bytes=total, changed_ns=changed_ns)


def _picture_identity(folder: int, name: str) -> tuple[str, int, int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags, dir_fd=folder)
    except OSError:
        return "unreadable", 0, 0
    try:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode):
            return "unreadable", 0, 0
        return *_digest(descriptor), about.st_mtime_ns
    finally:
        os.close(descriptor)


def _digest(descriptor: int) -> tuple[str, int]:
    digest = hashlib.sha256()
    size = 0
    # pread: the descriptor's own position is left alone for whoever reads next.
    while chunk := os.pread(descriptor, _CHUNK_BYTES, size):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size


def examine(
    candidate: Candidate,
    *,
    folder_frame_rate: float | None = None,
    stall_seconds: float = STALL_SECONDS,
) -> Examined:
    """Decode everything once, without keeping a picture, and return what was seen and what not.

    Raises FootageError with the reason when nothing of it can be used.
    """
    coverage = Coverage(lossy=candidate.lossy)
    with decoding_of(
        candidate,
        pictures=False,
        folder_frame_rate=folder_frame_rate,
        stall_seconds=stall_seconds,
    ) as decoder:
        _check_duration(candidate.name, decoder.report.claimed_duration_us)
        for frame in decoder:
            coverage.add(frame.pts_us, damaged=frame.damaged, key=frame.key, step_us=frame.step_us)
        report = decoder.report
    if report.frames == 0:
        raise _no_frames(candidate.name, report)
    _check_duration(candidate.name, report.duration_us)
    tails = {
        Ended.STALLED: Reason.STALLED,
        Ended.ERROR: Reason.DAMAGED,
        Ended.SIZE_CHANGED: Reason.SIZE_CHANGED,
    }
    spans = coverage.spans(
        tail=tails.get(report.ended),
        claimed_us=report.claimed_duration_us,
        damaged_end=report.damaged_end,
    )
    return Examined(report=report, spans=spans)


def _check_duration(name: str, duration_us: int) -> None:
    if duration_us > _MAX_DURATION_US:
        raise FootageError(
            f"{name}: says it lasts {duration_us / 3.6e9:.0f} hours; split it into files of at "
            "most 26 hours",
            reason=Reason.TOO_LARGE,
        )


def _no_frames(name: str, report: DecodeReport) -> FootageError:
    """Return the error for a source that was opened and gave no frame."""
    said = report.messages[0] if report.messages else "no message"
    if report.ended is Ended.STALLED:
        return FootageError(
            f"{name}: the decoder gave no frame in time and was stopped; check the file",
            reason=Reason.STALLED,
        )
    if any(sign in message for message in report.messages for sign in _NO_DECODER):
        return FootageError(
            f"{name}: no decoder for its codec {report.codec}; convert it, for example to H.264",
            reason=Reason.UNSUPPORTED_CODEC,
        )
    if report.damage_lines or report.ended is Ended.ERROR:
        return FootageError(
            f"{name}: not one frame can be decoded ({said}); it is damaged or encrypted",
            reason=Reason.DAMAGED,
        )
    return FootageError(f"{name}: holds no frames; record again", reason=Reason.NO_FRAMES)


def as_footage(
    examined: Examined, content: Content, *, camera: str, path: str, start_utc: datetime
) -> tuple[Footage, list[Segment], list[Blind]]:
    """Return examined footage as the rows that are stored of it."""
    report = examined.report
    footage = Footage(
        footage_id=content_id("footage", camera, content.sha256),
        camera=camera,
        sha256=content.sha256,
        path=path,
        size_bytes=content.size_bytes,
        verdict=Verdict.ADMITTED,
        detail=_detail(report),
        start_utc=start_utc,
        duration_us=examined.duration_us,
        frames=report.frames,
        width_px=report.width_px,
        height_px=report.height_px,
        frame_rate=report.frame_rate,
    )
    segments, blind = segments_and_blind(
        examined.spans, footage_id=footage.footage_id, camera=camera, start_utc=start_utc
    )
    return footage, segments, blind


def _detail(report: DecodeReport) -> str:
    if report.ended is Ended.SIZE_CHANGED:
        return "a picture has another size than the first; the rest is not used"
    if report.ended is Ended.STALLED:
        return "the decoder hung and was stopped; the rest is not used"
    if report.ended is Ended.ERROR:
        return "the decoder died; the rest is not used"
    if report.damage_lines:
        return f"the decoder complained {report.damage_lines} times; check how it was copied"
    return ""


def refused(
    error: FootageError, *, camera: str, path: str, content: Content | None, name_bytes: bytes
) -> Footage:
    """Return the row for footage that is not used; without `content` it is named by its name."""
    sha256 = content.sha256 if content else hashlib.sha256(b"name\x00" + name_bytes).hexdigest()
    return Footage(
        footage_id=content_id("footage", camera, sha256),
        camera=camera,
        sha256=sha256,
        path=path,
        size_bytes=content.size_bytes if content else 0,
        verdict=Verdict.REFUSED,
        reason=Reason(error.reason),
        detail=str(error),
    )


def probe_footage(
    path: Path,
    *,
    camera: str,
    root: Path,
    start_utc: datetime,
    folder_frame_rate: float = FOLDER_FRAME_RATE,
    stall_seconds: float = STALL_SECONDS,
) -> tuple[Footage, list[Segment], list[Blind]]:
    """Return what would be stored of one file or folder of pictures that lies below `root`.

    Unusable footage is returned as refused, with its reason, and without segments.
    """
    relative = Path(os.path.relpath(os.path.abspath(path), os.path.abspath(root)))
    stored = stored_path(relative)
    content = None
    try:
        with admit(path, root=root) as candidate:
            content = identify(candidate)
            examined = examine(
                candidate, folder_frame_rate=folder_frame_rate, stall_seconds=stall_seconds
            )
    except FootageError as error:
        name_bytes = os.fsencode(relative)
        row = refused(error, camera=camera, path=stored, content=content, name_bytes=name_bytes)
        return row, [], []
    return as_footage(examined, content, camera=camera, path=stored, start_utc=start_utc)
