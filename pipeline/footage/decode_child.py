"""The decoding child: runs OpenCV away from everything else, and writes frames to its pipe.

Run as `python -P -s -m pipeline.footage.decode_child JSON` by `pipeline.footage.decoding`, never
imported by it. OpenCV reports damage in one way only: FFmpeg prints lines. So descriptor 2 is
turned into a file in memory, and what was added to it while a frame was made belongs to that frame.
"""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import sys
import time
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from pipeline.footage.decode_sources import ErrorLines, Folder, Image, Taken, Video
from pipeline.footage.frame_pipe import (
    BEAT,
    DAMAGED_FLAG,
    END,
    FRAME,
    HELLO,
    KEY_FLAG,
    MAX_PIXELS,
    Header,
)
from pipeline.footage.media_clock import MediaClock

__all__ = ["main"]

_ADDRESS_SPACE_BYTES = 3 << 30
_WRITTEN_FILE_BYTES = 64 << 20
_BEAT_SECONDS = 1.0

_WORTH_SKIPPING_US = 10_000_000
"""What comes before the start is decoded where it is shorter: that takes less than a second."""

_SKIPPED_TO_US = 2_000_000
"""How long before the start at least decoding begins: what follows a key frame at once may still
lean on what came before it."""

_COLOUR_PIXELS = 2_000
"""Pixels whose colour is looked at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Job:
    """What the parent asks for."""

    descriptor: int
    size_px: tuple[int, int] | None
    grey: bool
    pictures: bool
    start_us: int
    grid_us: int
    """Where the grid begins on which frames of faster sources are taken; at most `start_us`."""
    end_us: int | None
    frame_rate: float | None
    folder_frame_rate: float | None
    """Of a folder of pictures; None: it is a file."""
    stall_seconds: float
    sound_before: bool
    """Everything before the start is known to decode without damage and in order."""


class _Writer:
    """Writes messages; the watchdog is off while it waits for the reader."""

    def __init__(self, descriptor: int, stall_seconds: float) -> None:
        self._descriptor = descriptor
        # A little later than the parent's own limit: the parent is the one that reports.
        self._watchdog_seconds = math.ceil(stall_seconds) + 5
        self._last = time.monotonic()

    def send(self, header: Header, payload: bytes | memoryview = b"") -> None:
        """Write one message whole."""
        signal.alarm(0)
        parts = [memoryview(header.pack()), memoryview(payload).cast("B")]
        while parts:
            written = os.writev(self._descriptor, parts)
            while parts and written >= len(parts[0]):
                written -= len(parts.pop(0))
            if parts:
                parts[0] = parts[0][written:]
        self._last = time.monotonic()
        # Native code cannot be interrupted from Python, but the default action of SIGALRM ends
        # the process wherever it is, also when the parent is gone.
        signal.alarm(self._watchdog_seconds)

    def send_json(self, tag: bytes, value: dict[str, Any], damage_lines: int = 0) -> None:
        """Write one message with a JSON payload."""
        payload = json.dumps(value).encode()
        self.send(Header(tag=tag, damage_lines=damage_lines, payload_bytes=len(payload)), payload)

    def beat(self) -> None:
        """Say that work goes on, once a second."""
        if time.monotonic() - self._last >= _BEAT_SECONDS:
            self.send(Header(tag=BEAT))


class _Ticks:
    """Chooses frames in time: the first one at or after each tick of a grid.

    A source that is less than a third faster than the grid is passed whole: dropping one frame in
    six would make movement stutter.
    """

    def __init__(self, grid_us: int, frame_rate: float | None) -> None:
        self._grid_us = grid_us
        self._rate = frame_rate
        self._next_us = float(grid_us)

    def takes(self, time_us: int, step_us: int) -> bool:
        """Tell whether the frame is wanted."""
        if self._rate is None:
            return True
        period_us = 1e6 / self._rate
        # Containers round times; a quarter of a native step is not a matter of another frame.
        tolerance_us = step_us / 4
        taken = time_us >= self._next_us - tolerance_us or step_us > 0.75 * period_us
        if taken:
            passed = math.floor((time_us - self._grid_us + tolerance_us) / period_us)
            self._next_us = self._grid_us + (passed + 1) * period_us
        return taken


def _shaped(image: Image, job: _Job) -> Image:
    if job.grey:
        image = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    if job.size_px is not None and (image.shape[1], image.shape[0]) != job.size_px:
        image = cv2.resize(image, job.size_px, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(image)


def _decode(job: _Job, writer: _Writer) -> None:
    lines = ErrorLines()
    source: Video | Folder
    if job.folder_frame_rate is not None:
        source = Folder(job.descriptor, job.folder_frame_rate, lines)
    else:
        source = Video(job.descriptor, lines)
    hello = {
        "opened": source.opened,
        "width_px": source.width_px,
        "height_px": source.height_px,
        "claimed_frames": source.claimed_frames,
        "claimed_rate": source.claimed_rate if math.isfinite(source.claimed_rate) else 0.0,
        "fourcc": source.fourcc,
    }
    opening_lines = lines.new()
    writer.send_json(HELLO, {**hello, "messages": lines.messages}, damage_lines=opening_lines)
    if not source.opened or source.width_px * source.height_px > MAX_PIXELS:
        return
    clock = _skipped_to_start(source, job, writer) or MediaClock(source.claimed_rate)
    ticks = _Ticks(job.grid_us, job.frame_rate)
    for taken in source.frames():
        time_us, misplaced = clock.place(taken.time_us)
        if job.end_us is not None and time_us >= job.end_us:
            break
        step_us = clock.step_us
        # Asked of what comes before the start, too: which frames a grid takes depends on those.
        wanted = time_us >= job.grid_us and ticks.takes(time_us, step_us)
        if time_us < job.start_us or not wanted:
            writer.beat()
            continue
        image, colour = _image_of(taken, job)
        damaged = misplaced or taken.damage_lines > 0 or image is None
        if image is None:
            image = _shaped(np.zeros((source.height_px, source.width_px, 3), np.uint8), job)
        header = Header(
            tag=FRAME,
            flags=(KEY_FLAG if taken.key else 0) | (DAMAGED_FLAG if damaged else 0),
            channels=image.shape[2] if image.ndim == 3 else 1,
            pts_us=time_us,
            step_us=step_us,
            damage_lines=taken.damage_lines,
            height_px=image.shape[0],
            width_px=image.shape[1],
            payload_bytes=image.nbytes,
            colour=colour,
        )
        writer.send(header, image.reshape(-1).data)
    size_changed = isinstance(source, Folder) and source.size_changed
    ended = "size_changed" if size_changed else "end"
    last_lines = lines.new()
    # Of a folder not the rounded rate: who decodes it again needs the one its times are of.
    rate = source.claimed_rate if isinstance(source, Folder) else clock.frame_rate
    end = {"ended": ended, "frame_rate": rate, "messages": lines.messages}
    writer.send_json(END, end, damage_lines=last_lines)


def _skipped_to_start(source: Video | Folder, job: _Job, writer: _Writer) -> MediaClock | None:
    """Leave out most of what comes before the start, and return the clock that goes on from there;
    None: nothing is left out. Frames from the start on are then the same, at the same times."""
    clock = MediaClock(source.claimed_rate)
    period_us = 1e6 / job.frame_rate if job.frame_rate else 0.0
    # The last frame that is left out tells the grid where it is, so there must be one.
    latest_us = job.start_us - period_us - 2 * clock.step_us
    wanted_us = latest_us - _SKIPPED_TO_US - (MediaClock.settled_frames + 1) * clock.step_us
    if not (job.sound_before and source.can_skip) or wanted_us < _WORTH_SKIPPING_US:
        return None
    first = next(source.frames(), None)
    if first is None:
        return None
    clock.place(first.time_us)
    if not source.skip_to(clock.claimed_us(round(wanted_us)), writer.beat):
        return None
    clock.skip()
    for number, taken in enumerate(source.frames(), start=1):
        time_us, misplaced = clock.place(taken.time_us)
        writer.beat()
        if misplaced or time_us > latest_us:
            break
        if number > MediaClock.settled_frames:
            return clock
    source.rewind()
    return None


def _image_of(taken: Taken, job: _Job) -> tuple[Image | None, int]:
    """Return what the parent wants to see of a frame, None when it cannot be made a picture, and
    how colourful it is."""
    if not job.pictures:
        return np.zeros((0, 0), np.uint8), 0
    image = taken.picture()
    return (None, 0) if image is None else (_shaped(image, job), _colour(image))


def _colour(image: Image) -> int:
    """Return the mean distance of the strongest from the weakest colour of a pixel, in 256ths of a
    grey level, over some thousands of pixels: what is left of it when the picture is grey is
    nothing."""
    step = max(1, math.isqrt(image.shape[0] * image.shape[1] // _COLOUR_PIXELS))
    pixels = image[step // 2 :: step, step // 2 :: step]
    return round(256.0 * float((pixels.max(axis=2) - pixels.min(axis=2)).mean()))


def _limit_resources() -> None:
    for limit, value in (
        (resource.RLIMIT_AS, _ADDRESS_SPACE_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, _WRITTEN_FILE_BYTES),
    ):
        _, hard = resource.getrlimit(limit)
        wanted = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (wanted, wanted))


def main() -> int:
    """Decode what the one argument (JSON) describes; frames go to what was standard output."""
    values = json.loads(sys.argv[1])
    size = values.pop("size_px")
    job = _Job(size_px=tuple(size) if size else None, **values)
    frames_descriptor = os.dup(1)
    os.dup2(2, 1)  # whatever prints must not get between the frames
    _limit_resources()
    cv2.setNumThreads(1)
    writer = _Writer(frames_descriptor, job.stall_seconds)
    try:
        _decode(job, writer)
    except BrokenPipeError:
        return 0  # the parent has seen enough
    except (MemoryError, OSError, ValueError, cv2.error) as error:
        message = f"{type(error).__name__}: {error}"[:300]
        writer.send_json(END, {"ended": "error", "frame_rate": 0.0, "messages": [message]})
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
