"""The learnt background of a fixed camera: the median picture of normal operation."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["learn_background"]

_MOST_FRAMES = 97
"""Frames the median is taken over: odd, and 97 pictures of 192 x 128 are 2.4 MB."""


def learn_background(frames: Iterable[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the per-pixel median of up to 97 frames spread evenly over the stream.

    Memory is bounded: when the stock is full, every other frame of it is dropped and from then on
    only every 2nd, 4th, 8th ... frame is taken. Raises ValueError when there is no frame.
    """
    kept: list[NDArray[np.uint8]] = []
    every = 1
    for index, frame in enumerate(frames):
        if index % every:
            continue
        if len(kept) == _MOST_FRAMES:
            kept = kept[::2]
            every *= 2
            if index % every:
                continue
        kept.append(frame)
    if not kept:
        raise ValueError("no frame to learn a background from")
    median: NDArray[np.uint8] = np.median(np.stack(kept), axis=0).astype(np.uint8)
    return median
