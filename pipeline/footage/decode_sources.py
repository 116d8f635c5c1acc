"""What the decoding child reads: a video file or a folder of pictures, and what FFmpeg says of it.

Imported by `pipeline.footage.decode_child` only, so by no process that holds anything worth having.
"""

from __future__ import annotations

import math
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.footage.names import is_picture, natural_key

__all__ = ["ErrorLines", "Folder", "Image", "Taken", "Video"]

_PICTURE_FILE_BYTES = 256 << 20
_KEPT_MESSAGES = 8
_OPENCV_LINES = (b"[ WARN:", b"[ERROR:", b"[ INFO:", b"[DEBUG:", b"[FATAL:")

_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
"""FFmpeg prints where its object lies in memory: another place every time."""

_STEPS_BACK_US = (0, 8_000_000, 64_000_000)
"""OpenCV counts frames where it should count time: where those of a file are not evenly spaced, it
ends up behind the place that it was asked for, and is asked for an earlier one."""

Image = NDArray[Any]


class ErrorLines:
    """Counts the lines that FFmpeg prints, and keeps the first few."""

    def __init__(self) -> None:
        if hasattr(os, "memfd_create"):
            self._descriptor = os.memfd_create("decoder-messages")
        else:
            with tempfile.TemporaryFile() as opened:
                self._descriptor = os.dup(opened.fileno())
        os.dup2(self._descriptor, 2)
        self.messages: list[str] = []

    def new(self) -> int:
        """Return how many lines were printed since the last call."""
        size = os.fstat(self._descriptor).st_size
        if size == 0:
            return 0
        text = os.pread(self._descriptor, min(size, 1 << 20), 0)
        os.ftruncate(self._descriptor, 0)
        # Both descriptors share one offset; without this the next line would follow a hole.
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        lines = [line for line in text.split(b"\n") if line.strip()]
        for line in lines[: _KEPT_MESSAGES - len(self.messages)]:
            text_line = _ADDRESS.sub("", line[:300].decode("utf-8", "replace"))
            self.messages.append(text_line)
        return sum(not line.startswith(_OPENCV_LINES) for line in lines)

    def forget(self) -> None:
        """Forget what was printed since the last call: of frames that nobody wants."""
        kept = list(self.messages)
        self.new()
        self.messages = kept


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One decoded frame whose picture has not been asked for yet."""

    time_us: int
    key: bool
    damage_lines: int
    picture: Any
    """Function without arguments that returns the picture, uint8 HWC BGR, or None."""


class Video:
    """A video file, opened by descriptor."""

    def __init__(self, descriptor: int, lines: ErrorLines) -> None:
        self._descriptor = descriptor
        self._lines = lines
        self._grabbed = False
        self._capture = self._open()
        self.can_skip = _keeps_times(descriptor)
        self.opened = bool(self._capture.isOpened())
        self.width_px = self._number(cv2.CAP_PROP_FRAME_WIDTH)
        self.height_px = self._number(cv2.CAP_PROP_FRAME_HEIGHT)
        self.claimed_frames = self._number(cv2.CAP_PROP_FRAME_COUNT)
        self.claimed_rate = float(self._capture.get(cv2.CAP_PROP_FPS)) if self.opened else 0.0
        self.fourcc = self._number(cv2.CAP_PROP_FOURCC) & 0xFFFFFFFF

    def _number(self, name: int) -> int:
        value = self._capture.get(name) if self.opened else 0.0
        return int(value) if math.isfinite(value) and abs(value) < 2**62 else 0

    def _open(self) -> cv2.VideoCapture:
        place = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
        parameters = [cv2.CAP_PROP_N_THREADS, 1]  # one thread: lines belong to the frame just made
        return cv2.VideoCapture(f"{place}/{self._descriptor}", cv2.CAP_FFMPEG, parameters)

    def frames(self) -> Iterator[Taken]:
        """Yield frames until there are no more."""
        while self._grabbed or self._capture.grab():
            self._grabbed = False
            yield Taken(
                time_us=self._time_us(),
                key=self._capture.get(cv2.CAP_PROP_FRAME_TYPE) == ord("I"),
                damage_lines=self._lines.new(),
                picture=self._picture,
            )

    def skip_to(self, time_us: int, beat: Callable[[], None]) -> bool:
        """Go on with a frame at or before a claimed time; False: it cannot be, and the next frame
        is the first one."""
        for back_us in _STEPS_BACK_US:
            beat()
            self._capture.set(cv2.CAP_PROP_POS_MSEC, max(0, time_us - back_us) / 1000.0)
            self._grabbed = bool(self._capture.grab())
            self._lines.forget()
            if self._grabbed and 0 < self._time_us() <= time_us:
                return True
        self.rewind()
        return False

    def rewind(self) -> None:
        """Go on with the first frame."""
        self._capture.release()
        self._capture = self._open()
        self._grabbed = False
        self._lines.forget()

    def _time_us(self) -> int:
        return round(self._capture.get(cv2.CAP_PROP_POS_MSEC) * 1000.0)

    def _picture(self) -> Image | None:
        ok, image = self._capture.retrieve()
        return image if ok else None


def _keeps_times(descriptor: int) -> bool:
    """Tell whether the container (MP4 and its like, Matroska) gives every frame its own time, so
    that it has the same one after a seek."""
    beginning = os.pread(descriptor, 12, 0)
    return beginning[4:8] == b"ftyp" or beginning[:4] == b"\x1aE\xdf\xa3"


class Folder:
    """A folder of pictures, opened by descriptor; every picture is one frame."""

    fourcc = 0

    def __init__(self, descriptor: int, frame_rate: float, lines: ErrorLines) -> None:
        self._descriptor = descriptor
        self._names = sorted(filter(is_picture, os.listdir(descriptor)), key=natural_key)
        self._lines = lines
        self.claimed_frames = len(self._names)
        self.claimed_rate = frame_rate
        first = next((image for image in map(self._read, self._names) if image is not None), None)
        lines.new()
        self.opened = first is not None
        self.height_px: int = first.shape[0] if first is not None else 0
        self.width_px: int = first.shape[1] if first is not None else 0
        self.size_changed = False
        self.can_skip = True
        self._next = 0

    def _read(self, name: str) -> Image | None:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            descriptor = os.open(name, flags, dir_fd=self._descriptor)
        except OSError:
            return None
        with open(descriptor, "rb") as opened:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode) or not 0 < about.st_size <= _PICTURE_FILE_BYTES:
                return None
            content = np.frombuffer(opened.read(), np.uint8)
        try:
            return cv2.imdecode(content, cv2.IMREAD_COLOR)
        except cv2.error:  # larger than OPENCV_IO_MAX_IMAGE_PIXELS, or out of memory
            return None

    def frames(self) -> Iterator[Taken]:
        """Yield one frame a picture; stops at a picture of another size."""
        while self._next < len(self._names):
            index = self._next
            self._next += 1
            image = self._read(self._names[index])
            if image is not None and image.shape[:2] != (self.height_px, self.width_px):
                self.size_changed = True
                return
            blank = np.zeros((self.height_px, self.width_px, 3), np.uint8)
            kept = blank if image is None else image
            # A still picture that decodes is whole, whatever a library says of its metadata.
            self._lines.new()
            yield Taken(
                time_us=round(index * 1e6 / self.claimed_rate),
                key=True,
                damage_lines=int(image is None),
                picture=lambda kept=kept: kept,
            )

    def skip_to(self, time_us: int, beat: Callable[[], None]) -> bool:
        """Go on with the last picture at or before a time."""
        beat()
        self._next = min(int(time_us * self.claimed_rate / 1e6), len(self._names))
        return True

    def rewind(self) -> None:
        """Go on with the first picture."""
        self._next = 0
