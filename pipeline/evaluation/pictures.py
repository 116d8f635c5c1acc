"""Pictures of an evaluation report: PNG data URIs, written with nothing but zlib."""

from __future__ import annotations

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["heat_overlay", "png_data_uri", "shrink"]

_COLOUR_TYPE = {1: 0, 3: 2, 4: 6}
"""Channels -> PNG colour type: grey, red-green-blue, the same with alpha."""

# Yellow to dark red, readable over grey footage and with red-green blindness (brightness falls).
_HEAT_RGB = np.array(
    [[255, 237, 120], [254, 178, 60], [240, 90, 40], [160, 10, 40]], dtype=np.float64
)
_MOST_OPAQUE = 0.8


def png_data_uri(picture: NDArray[np.uint8]) -> str:
    """Return a picture, uint8 (H, W) grey or (H, W, 3) RGB or (H, W, 4) RGBA, as a data URI."""
    pixels = picture[:, :, None] if picture.ndim == 2 else picture
    height, width, channels = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, width * channels)
    # PNG filter 1 (difference to the pixel on the left, modulo 256): photographs get far smaller.
    left = np.zeros_like(rows)
    left[:, channels:] = rows[:, :-channels]
    lines = np.concatenate([np.ones((height, 1), dtype=np.uint8), rows - left], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, _COLOUR_TYPE[channels], 0, 0, 0)
    png = b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", zlib.compress(lines.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def shrink(picture: NDArray[np.uint8], most_px: int) -> NDArray[np.uint8]:
    """Return the picture reduced by a whole factor (block means) to at most `most_px` wide."""
    factor = -(-picture.shape[1] // most_px)
    if factor == 1:
        return picture
    height, width = (length // factor * factor for length in picture.shape[:2])
    blocks = picture[:height, :width].reshape(
        height // factor, factor, width // factor, factor, *picture.shape[2:]
    )
    return np.asarray(blocks.mean(axis=(1, 3)).round(), dtype=np.uint8)


def heat_overlay(map_MN: NDArray[np.float32], full: float) -> NDArray[np.uint8]:
    """Return a score map as RGBA to lay over a picture: transparent at 0, darkest from `full` on.

    The scale is given from outside, so that a normal picture does not turn red by itself.
    """
    share = np.clip(map_MN / full if full > 0 else np.zeros_like(map_MN), 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, len(_HEAT_RGB))
    colours = [np.interp(share, stops, _HEAT_RGB[:, channel]) for channel in range(3)]
    alpha = 255.0 * _MOST_OPAQUE * share
    return np.asarray(np.stack([*colours, alpha], axis=2).round(), dtype=np.uint8)
