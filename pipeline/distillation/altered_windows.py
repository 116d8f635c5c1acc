"""Whole windows of normal footage changed so that they are not normal any more.

A student that saw only what its teacher finds normal would never learn what the teacher says of
anything else. Pieces of other moments and places are put into a window: at two and three times the
speed, mirrored, backwards, standing still, larger or smaller, brighter or darker than they were.
What the teacher says of the result is what the student learns, whatever it is.

Shapes: M windows of T frames and H x W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.clips.tiles import sums_of_rectangles

__all__ = ["NormalWindows", "altered_window"]

_WHOLE_SHARE = 0.15
"""Share of altered windows that are fast all over; the others have pieces put into them."""
_MOST_PIECES = 3
_PIECE_SHARES = (0.1, 0.4)
"""Sides of a piece, as shares of the frame's longer side."""
_FAST_SHARE = 0.7
_MIRRORED_SHARE, _REVERSED_SHARE, _FROZEN_SHARE, _CUT_OUT_SHARE = 0.5, 0.2, 0.12, 0.5
_ZOOM_SPREAD = 0.3
"""Standard deviation of the logarithm of how much larger a piece is than it was."""
_LEAST_SIDE_PX = 8
_CONTRASTS = (1.0, 1.0, 1.0, -1.0, 1.5, 0.6)
_SEEN_LEVELS = 6.0
"""Grey levels off the background that are taken for a thing when it is cut out."""
_EDGE_PX = 3.0
"""Width over which the edge of a piece fades: a sharp one would be the most surprising thing in
it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalWindows:
    """Windows of normal footage, grey, lighting aligned."""

    by_speed: Mapping[int, NDArray[np.uint8]]
    """How many times faster than it was -> MTHW; 1 is the footage as it is."""
    background_HW: NDArray[np.uint8]

    def __post_init__(self) -> None:
        if not len(self.by_speed.get(1, ())):
            raise ValueError("there are no windows at the footage's own speed")

    def one(self, speed: int, chance: np.random.Generator) -> NDArray[np.uint8]:
        """Return a window, THW, drawn by `chance`; not to be written to."""
        windows = self.by_speed[speed]
        window: NDArray[np.uint8] = windows[chance.integers(len(windows))]
        return window

    @property
    def fast(self) -> tuple[int, ...]:
        """Speeds above 1 that there are windows of."""
        return tuple(
            speed for speed, windows in self.by_speed.items() if speed > 1 and len(windows)
        )


def altered_window(normal: NormalWindows, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Return a window that is not normal, THW, drawn by `chance`."""
    if normal.fast and chance.random() < _WHOLE_SHARE:
        return normal.one(int(chance.choice(normal.fast)), chance).copy()
    window = normal.one(1, chance).copy()
    for _ in range(chance.integers(1, _MOST_PIECES + 1)):
        _put(window, _piece(normal, chance), normal.background_HW, chance)
    return window


def _piece(normal: NormalWindows, chance: np.random.Generator) -> NDArray[np.float32]:
    """Return how a place where something moves differs from its background, float32 TEF."""
    speeds = normal.fast if normal.fast and chance.random() < _FAST_SHARE else (1,)
    source_THW = normal.one(int(chance.choice(speeds)), chance).astype(np.float32)
    differs_THW = source_THW - normal.background_HW
    if chance.random() < _MIRRORED_SHARE:
        differs_THW = differs_THW[:, :, ::-1]
    if chance.random() < _REVERSED_SHARE:
        differs_THW = differs_THW[::-1]
    if chance.random() < _FROZEN_SHARE:
        moment = chance.integers(len(differs_THW))
        differs_THW = np.repeat(differs_THW[moment : moment + 1], len(differs_THW), axis=0)
    height, width = differs_THW.shape[1:]
    longest = max(height, width)
    sides = [min(side, round(chance.uniform(*_PIECE_SHARES) * longest)) for side in (height, width)]
    top, left = _where_it_moves(differs_THW, sides[0], sides[1], chance)
    piece = differs_THW[:, top : top + sides[0], left : left + sides[1]]
    zoom = float(np.exp(chance.normal(0.0, _ZOOM_SPREAD)))
    rows, columns = (
        int(np.clip(round(side * zoom), _LEAST_SIDE_PX, whole))
        for side, whole in zip(sides, (height, width), strict=True)
    )
    shrinks = rows * columns < sides[0] * sides[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    resized = [
        cv2.resize(np.ascontiguousarray(p), (columns, rows), interpolation=how) for p in piece
    ]
    return np.stack(resized).astype(np.float32) * np.float32(chance.choice(_CONTRASTS))


def _where_it_moves(
    differs_THW: NDArray[np.float32], height: int, width: int, chance: np.random.Generator
) -> tuple[int, int]:
    """Return the top left corner of a rectangle of this size, drawn by how much moves in it."""
    energy_HW = np.abs(np.diff(differs_THW, axis=0)).mean(axis=0)
    total = sums_of_rectangles(energy_HW, height, width)
    weights = np.maximum(total - np.median(total), 0.0).ravel()
    shares = weights / weights.sum() if weights.sum() > 0 else None
    corner = int(chance.choice(weights.size, p=shares))
    columns = int(total.shape[1])
    return corner // columns, corner % columns


def _put(
    window_THW: NDArray[np.uint8],
    piece_TEF: NDArray[np.float32],
    background_HW: NDArray[np.uint8],
    chance: np.random.Generator,
) -> None:
    """Put a piece on a window, in place, somewhere."""
    (height, width), (rows, columns) = window_THW.shape[1:], piece_TEF.shape[1:]
    top, left = chance.integers(0, height - rows + 1), chance.integers(0, width - columns + 1)
    area = (slice(top, top + rows), slice(left, left + columns))
    opaque: NDArray[np.float32] = np.minimum(_edge(rows)[:, None], _edge(columns)[None])
    if chance.random() < _CUT_OUT_SHARE:
        opaque = opaque * (np.abs(piece_TEF) > _SEEN_LEVELS)
    before = window_THW[:, *area].astype(np.float32)
    put = before * (1.0 - opaque) + (background_HW[area] + piece_TEF) * opaque
    window_THW[:, *area] = np.clip(np.rint(put), 0, 255).astype(np.uint8)


def _edge(length: int) -> NDArray[np.float32]:
    """Return the opacity along one side: 0 at its ends, 1 from a few pixels inside on."""
    position = np.arange(length, dtype=np.float32)
    inside = np.minimum(position, position[::-1])
    return np.asarray(np.minimum(inside / np.float32(_EDGE_PX), 1.0), dtype=np.float32)
