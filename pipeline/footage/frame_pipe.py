"""What the decoding child writes to its pipe: a fixed header, then a payload.

Imported by both sides, so it imports nothing heavy.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

__all__ = [
    "BEAT",
    "DAMAGED_FLAG",
    "END",
    "FRAME",
    "HEADER_BYTES",
    "HELLO",
    "KEY_FLAG",
    "MAX_PIXELS",
    "MIN_SIDE_PX",
    "PIPE_BYTES",
    "Header",
]

HELLO = b"H"
"""Opened or not; the payload is JSON."""
FRAME = b"F"
"""One frame; the payload is its pixels, row by row."""
BEAT = b"B"
"""Still at work, for example skipping to the start; no payload."""
END = b"E"
"""No more frames; the payload is JSON."""

KEY_FLAG = 1
"""The frame needs no other one to be decoded."""
DAMAGED_FLAG = 2
"""The decoder complained while this frame was made, or its time cannot be right."""

MAX_PIXELS = 40_000_000
"""A larger picture is an attack on memory or a mistake (8K video has 33 million)."""
MIN_SIDE_PX = 16
"""Nothing can be learnt from less."""
PIPE_BYTES = 1 << 20
"""Size asked for the pipe: fewer switches between the processes, and the bound of the queue."""

_HEADER = struct.Struct("<cBHqqIIIIH")
HEADER_BYTES = _HEADER.size


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The fixed part of a message."""

    tag: bytes
    flags: int = 0
    channels: int = 0
    pts_us: int = 0
    step_us: int = 0
    """Typical time between frames so far."""
    damage_lines: int = 0
    """Complaints of the decoder since the message before."""
    height_px: int = 0
    width_px: int = 0
    payload_bytes: int = 0
    colour: int = 0
    """How colourful the picture is: in 256ths of a grey level."""

    def pack(self) -> bytes:
        """Return the header as bytes."""
        return _HEADER.pack(
            self.tag,
            self.flags,
            self.channels,
            self.pts_us,
            self.step_us,
            self.damage_lines,
            self.height_px,
            self.width_px,
            self.payload_bytes,
            self.colour,
        )

    @classmethod
    def unpack(cls, raw: bytes) -> Header:
        """Return the header that `raw` (HEADER_BYTES long) holds."""
        tag, flags, channels, pts, step, lines, height, width, size, colour = _HEADER.unpack(raw)
        return cls(
            tag=tag,
            flags=flags,
            channels=channels,
            pts_us=pts,
            step_us=step,
            damage_lines=lines,
            height_px=height,
            width_px=width,
            payload_bytes=size,
            colour=colour,
        )
