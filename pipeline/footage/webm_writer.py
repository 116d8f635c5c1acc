"""WebM (VP8) that every browser plays, and whose bytes depend on the pictures alone.

OpenCV says nothing when it cannot write, so a file is read back.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import KizashiError

__all__ = ["frames_in_webm", "name_track_by_number", "write_webm"]

_TRACK_UID = b"\x73\xc5\x88"
_TAG_TRACK_UID = b"\x63\xc5\x88"
"""Matroska's TrackUID and TagTrackUID, each with the size of the eight bytes that follow."""
_FIRST_TRACK = (1).to_bytes(8, "big")


def write_webm(path: Path, frames: Iterable[NDArray[np.uint8]], frame_rate: float) -> int:
    """Write frames (HWC in blue, green, red, or HW in grey; all of one size with even sides) at a
    constant rate, and read the file back; return how many there are.

    Raises KizashiError when not every frame can be read back, and ValueError when there is none.
    """
    stream = iter(frames)
    first = next(stream, None)
    if first is None:
        raise ValueError(f"{path}: no frame to write")
    size = (first.shape[1], first.shape[0])
    with _without_tag_notice():
        writer = cv2.VideoWriter(
            str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"VP80"), frame_rate, size
        )
    written = 1
    try:
        if not writer.isOpened():
            raise _cannot_write(path)
        writer.write(_in_colour(first))
        for frame in stream:
            writer.write(_in_colour(frame))
            written += 1
    except cv2.error as error:
        raise _cannot_write(path) from error
    finally:
        writer.release()
    if not name_track_by_number(path) or frames_in_webm(path) != written:
        raise _cannot_write(path)
    return written


def frames_in_webm(path: Path) -> int:
    """Return how many frames of our own clip can be decoded; 0 when it is none."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        frames = 0
        while capture.grab():
            frames += 1
        return frames
    finally:
        capture.release()


def name_track_by_number(path: Path) -> bool:
    """Replace the random name that FFmpeg gives to the only track of a file by 1; return False when
    there is no file, or when it cannot be written.

    This is what FFmpeg's own flag `bitexact` does, which OpenCV does not offer: written twice, the
    same pictures are the same bytes. A file without such a name stays as it is.
    """
    try:
        content = path.read_bytes()
        found = re.search(re.escape(_TRACK_UID) + b"(.{8})", content, re.DOTALL)
        if found is None:
            return True
        for element in (_TRACK_UID, _TAG_TRACK_UID):
            content = content.replace(element + found[1], element + _FIRST_TRACK)
        path.write_bytes(content)
    except OSError:
        return False
    return True


def _in_colour(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if frame.ndim == 3:
        return frame
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_GRAY2BGR), dtype=np.uint8)


def _cannot_write(path: Path) -> KizashiError:
    return KizashiError(f"{path}: the video cannot be written; is the disk full or read-only?")


@contextmanager
def _without_tag_notice() -> Iterator[None]:
    """Keep one line of OpenCV off the terminal; whatever else is written meanwhile still appears.

    WebM has no four-letter tags, so OpenCV 5 prints "tag ... is not supported" for every clip it
    writes, straight to descriptor 2, at every log level. The clip is right all the same.
    """
    kept = os.dup(2)
    with tempfile.TemporaryFile() as caught:
        os.dup2(caught.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            caught.seek(0)
            others = [line for line in caught if b"is not supported with codec id" not in line]
            if others:
                os.write(2, b"".join(others))
