"""Decoding in a child process: exact times, damage noticed, no way for a file to hurt its reader.

The parent opens the file once, as a regular file, and hands over the descriptor; the child
(`pipeline.footage.decode_child`) has its own process group, a limit on memory, a list of the
formats it may open, and is killed when it gives nothing for `stall_seconds`.
"""

from __future__ import annotations

import json
import math
import os
import select
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import FootageError, KizashiError
from pipeline.footage.admission import Candidate, Reason, open_source
from pipeline.footage.decode_errors import cannot_open, check_size, rate_of_folder
from pipeline.footage.decode_process import STALL_SECONDS, start_child, stop_child
from pipeline.footage.frame_pipe import (
    BEAT,
    DAMAGED_FLAG,
    END,
    FRAME,
    HEADER_BYTES,
    HELLO,
    KEY_FLAG,
    MAX_PIXELS,
    Header,
)
from pipeline.footage.names import shown_name

__all__ = [
    "DecodeOptions",
    "DecodeReport",
    "DecodedFrame",
    "Decoder",
    "Ended",
    "decoding_of",
    "open_decoder",
]

_MAX_CLAIMED_FRAMES = 2**40
_MAX_JSON_BYTES = 1 << 16


class Ended(StrEnum):
    """Why decoding came to its end."""

    END = "end"
    """No more frames. A file that was cut ends like this too."""
    ERROR = "error"
    """The child died."""
    STALLED = "stalled"
    """Nothing came for `stall_seconds`."""
    SIZE_CHANGED = "size_changed"
    """A picture of a folder has another size than the first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedFrame:
    """One frame as decoded."""

    pts_us: int
    """Media time; each frame's is later than that of the one before."""
    image: NDArray[np.uint8]
    """HWC in BGR, or HW when grey; empty when pictures were not asked for."""
    damaged: bool
    """The decoder complained while it made this frame. Its pixels must not be used."""
    key: bool = False
    """The frame needs no other one to be decoded."""
    step_us: int = 0
    """Typical time between frames up to here."""
    colour: float = 0.0
    """How colourful the picture is before it was made grey: the mean distance of the strongest from
    the weakest colour of a pixel, 0 .. 255. Infrared has none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodeReport:
    """What is known of a source; complete when the frames have been read to their end."""

    frames: int
    """Frames given out."""
    claimed_frames: int
    """As the container says; 0 when it says nothing. Only good for noticing that a file was cut."""
    claimed_duration_us: int
    duration_us: int
    """Media time at which the last frame given out ends."""
    width_px: int
    height_px: int
    frame_rate: float
    """Typical frames a second, from times; the container's claim while none is known."""
    damage_lines: int
    """Complaints of the decoder in all."""
    ended: Ended
    damaged_end: bool = False
    """The decoder complained after the last frame."""
    codec: str = ""
    """Four-character code."""
    messages: tuple[str, ...] = ()
    """The first few complaints."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Hello:
    """What the child says of the source before the first frame, made into safe numbers."""

    opened: bool
    width_px: int
    height_px: int
    claimed_frames: int
    claimed_rate: float
    fourcc: int

    @classmethod
    def of(cls, said: dict[str, Any]) -> _Hello:
        rate = float(said["claimed_rate"])
        return cls(
            opened=said["opened"] is True,
            width_px=int(said["width_px"]),
            height_px=int(said["height_px"]),
            claimed_frames=min(max(0, int(said["claimed_frames"])), _MAX_CLAIMED_FRAMES),
            claimed_rate=rate if math.isfinite(rate) else 0.0,
            fourcc=int(said["fourcc"]) & 0xFFFFFFFF,
        )


class Decoder:
    """Yields frames once; made by `open_decoder`."""

    def __init__(
        self, process: subprocess.Popen[bytes], *, name: str, stall_seconds: float
    ) -> None:
        assert process.stdout is not None
        self._process = process
        self._name = name
        self._stall_seconds = stall_seconds
        self._descriptor = process.stdout.fileno()
        self._ended = Ended.ERROR
        self._frames = 0
        self._damage_lines = 0
        self._damaged_end = False
        self._end_us = 0
        self._rate = 0.0
        self._messages: tuple[str, ...] = ()
        self._hello = self._greet()

    @property
    def process_id(self) -> int:
        """Id of the child and of its process group."""
        return self._process.pid

    @property
    def report(self) -> DecodeReport:
        """What is known so far."""
        hello = self._hello
        sane = 0.01 <= hello.claimed_rate <= 1000.0
        claimed_us = round(hello.claimed_frames / hello.claimed_rate * 1e6) if sane else 0
        return DecodeReport(
            frames=self._frames,
            claimed_frames=hello.claimed_frames,
            claimed_duration_us=claimed_us,
            duration_us=self._end_us,
            width_px=hello.width_px,
            height_px=hello.height_px,
            frame_rate=self._rate or (hello.claimed_rate if sane else 0.0),
            damage_lines=self._damage_lines,
            ended=self._ended,
            damaged_end=self._damaged_end,
            codec=shown_name(hello.fourcc.to_bytes(4, "little").decode("latin-1")),
            messages=self._messages,
        )

    def __iter__(self) -> Iterator[DecodedFrame]:
        while True:
            try:
                header = self._header()
                if header.tag == END:
                    self._finish(header)
                    return
                if header.tag == BEAT:
                    continue
                if header.tag != FRAME:
                    raise EOFError
                frame = self._frame(header)
            except TimeoutError:
                self._ended = Ended.STALLED
                return
            except EOFError:
                self._ended = Ended.ERROR
                return
            yield frame

    def _frame(self, header: Header) -> DecodedFrame:
        shape: tuple[int, ...] = (header.height_px, header.width_px)
        if header.channels != 1:
            shape = (*shape, header.channels)
        # The child reads hostile files; what it says of sizes is checked before memory is taken.
        expected = header.height_px * header.width_px * header.channels
        if header.payload_bytes != expected or expected > 3 * MAX_PIXELS or header.channels > 3:
            raise EOFError
        image = np.empty(shape, np.uint8)
        self._fill(image.reshape(-1).data)
        self._frames += 1
        self._damage_lines += header.damage_lines
        self._end_us = header.pts_us + header.step_us
        return DecodedFrame(
            pts_us=header.pts_us,
            image=image,
            damaged=bool(header.flags & DAMAGED_FLAG),
            key=bool(header.flags & KEY_FLAG),
            step_us=header.step_us,
            colour=header.colour / 256.0,
        )

    def _greet(self) -> _Hello:
        try:
            header = self._header()
            said = self._json(header)
            self._damage_lines += header.damage_lines
            self._messages = tuple(map(str, said["messages"]))
            if header.tag != HELLO:
                raise FootageError(
                    f"{self._name}: the decoder failed ({' '.join(self._messages)})",
                    reason=Reason.DAMAGED,
                )
            hello = _Hello.of(said)
        except TimeoutError:
            raise FootageError(
                f"{self._name}: the decoder did not open it within {self._stall_seconds:g} s; "
                "check the file",
                reason=Reason.STALLED,
            ) from None
        except (EOFError, ValueError, KeyError, TypeError):
            raise FootageError(
                f"{self._name}: the decoder died while opening it; the file is damaged or made to "
                "do harm",
                reason=Reason.DAMAGED,
            ) from None
        if not hello.opened:
            raise cannot_open(self._name, self._messages, damage_lines=self._damage_lines)
        check_size(self._name, hello.width_px, hello.height_px)
        return hello

    def _finish(self, header: Header) -> None:
        try:
            end = self._json(header)
            self._ended = Ended(end["ended"])
            self._rate = float(end["frame_rate"])
            self._messages = tuple(map(str, end["messages"]))
        except (ValueError, KeyError, TypeError):
            raise EOFError from None
        self._damage_lines += header.damage_lines
        self._damaged_end = header.damage_lines > 0

    def _header(self) -> Header:
        raw = bytearray(HEADER_BYTES)
        self._fill(memoryview(raw))
        return Header.unpack(bytes(raw))

    def _json(self, header: Header) -> dict[str, Any]:
        if header.payload_bytes > _MAX_JSON_BYTES:
            raise EOFError
        raw = bytearray(header.payload_bytes)
        self._fill(memoryview(raw))
        value = json.loads(raw)
        if not isinstance(value, dict):
            raise EOFError
        return value

    def _fill(self, buffer: memoryview) -> None:
        """Fill `buffer` from the pipe; EOFError at its end, TimeoutError when nothing comes."""
        ready = select.poll()
        ready.register(self._descriptor, select.POLLIN)
        filled = 0
        while filled < len(buffer):
            try:
                count = os.readv(self._descriptor, [buffer[filled:]])
            except BlockingIOError:
                if not ready.poll(self._stall_seconds * 1000.0):
                    raise TimeoutError from None
                continue
            if count == 0:
                raise EOFError
            filled += count


class DecodeOptions(TypedDict, total=False):
    """What is wanted of a source; without any, every frame as it is."""

    size_px: tuple[int, int] | None
    """(width, height) that frames are resized to, by area."""
    grey: bool
    pictures: bool
    """False: images are empty."""
    start_us: int
    end_us: int | None
    """Frames with start_us <= pts < end_us are given."""
    frame_rate: float | None
    """Frames of faster sources are left out, by a grid."""
    grid_us: int | None
    """Where the grid begins; None: at `start_us`."""
    stall_seconds: float
    folder_frame_rate: float | None
    """Of a folder of pictures; None: the usual one."""
    sound_before: bool
    """Everything before `start_us` is known to decode without damage and in order: it may be
    skipped, which gives the same frames sooner."""


@contextmanager
def open_decoder(source: Path, **options: Unpack[DecodeOptions]) -> Iterator[Decoder]:
    """Open a video file or a folder of pictures for reading once; the child ends with the block.

    Raises FootageError with the reason when the source cannot be opened.
    """
    with open_source(source) as candidate, decoding_of(candidate, **options) as decoder:
        yield decoder


@contextmanager
def decoding_of(candidate: Candidate, **options: Unpack[DecodeOptions]) -> Iterator[Decoder]:
    """Do the same as `open_decoder` for something that is open and must not be opened again."""
    start_us, grid_us = options.get("start_us", 0), options.get("grid_us")
    stall_seconds = options.get("stall_seconds", STALL_SECONDS)
    job = {
        "descriptor": candidate.descriptor,
        "size_px": options.get("size_px"),
        "grey": options.get("grey", False),
        "pictures": options.get("pictures", True),
        "start_us": start_us,
        "end_us": options.get("end_us"),
        "grid_us": start_us if grid_us is None else min(grid_us, start_us),
        "frame_rate": options.get("frame_rate"),
        "stall_seconds": stall_seconds,
        "folder_frame_rate": rate_of_folder(candidate, options.get("folder_frame_rate")),
        "sound_before": options.get("sound_before", False),
    }
    with tempfile.TemporaryFile() as messages:
        process = start_child(job, messages, candidate.descriptor)
        try:
            yield _greeted(process, messages, name=candidate.name, stall_seconds=stall_seconds)
        finally:
            stop_child(process)


def _greeted(
    process: subprocess.Popen[bytes], messages: BinaryIO, *, name: str, stall_seconds: float
) -> Decoder:
    try:
        return Decoder(process, name=name, stall_seconds=stall_seconds)
    except FootageError as error:
        raise _explained(error, messages, process) from error.__cause__


def _explained(
    error: FootageError, messages: BinaryIO, process: subprocess.Popen[bytes]
) -> KizashiError:
    """Return `error`, or a better one when the child could not even start."""
    if error.reason != Reason.DAMAGED or process.poll() is None or process.returncode != 1:
        return error
    messages.seek(0)
    lines = messages.read(65536).decode("utf-8", "replace").strip().splitlines()
    if not lines:
        return error
    # Not a fault of the footage, so it must not be recorded as one.
    return KizashiError(f"the decoder cannot start ({lines[-1][:200]}); run: kizashi doctor")
