"""Moments: when and where something moves in footage, by the footage alone.

A fault is only one where something moves: a frozen picture of an empty room is no fault. Places and
moments are drawn by motion energy, never by anyone's scores. Shapes: F frames, G x C cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError

__all__ = ["Box", "Moment", "MotionMap", "choose_moment", "grey_of", "measure_motion"]

_CELLS: Final = 32
"""Cells along the longer side of the picture."""
_PIXELS_A_CELL: Final = 6
"""Side of a cell in the reduced picture in which differences are taken."""
_LAG_SECONDS: Final = 0.1
"""Frames that are compared lie about this far apart, whatever the frame rate."""
_LEAST_DIFFERENCE: Final = 4.0
"""Grey levels that are never motion; more where the footage is noisier."""
_LEAST_MOVING_SHARE: Final = 0.3
"""Of the frames of a moment: something must move in this many of them."""
_OF_THE_BEST: Final = 0.5
"""Moments with at least this share of the largest energy are drawn from."""
_STARTS_A_SECOND: Final = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Box:
    """A rectangle of a picture, pixels, inside it."""

    x: int
    y: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """The rows of an image that it covers."""
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        """The columns of an image that it covers."""
        return slice(self.x, self.x + self.width)


@dataclass(frozen=True, kw_only=True, slots=True)
class Moment:
    """A stretch of frames in which something moves in a box."""

    first: int
    length: int
    box: Box

    def overlaps(self, other: Moment) -> bool:
        """Tell whether a frame belongs to both."""
        return self.first < other.first + other.length and other.first < self.first + self.length


@dataclass(frozen=True, kw_only=True, slots=True)
class MotionMap:
    """How much moves in each frame and cell."""

    energy_FGC: NDArray[np.float32]
    """Mean difference beyond noise, grey levels; 0 where nothing moves."""
    height_px: int
    width_px: int
    frame_rate: float

    def box_of(self, row: int, column: int, rows: int, columns: int) -> Box:
        """Return the pixels of a block of cells."""
        cells = self.energy_FGC.shape[1:]
        top, bottom = (place * self.height_px // cells[0] for place in (row, row + rows))
        left, right = (place * self.width_px // cells[1] for place in (column, column + columns))
        return Box(x=left, y=top, width=right - left, height=bottom - top)

    def moving_box(self, first: int, length: int) -> Box:
        """Return the smallest box of cells that holds most of what moves in a stretch of frames."""
        energy = self.energy_FGC[first : first + length].mean(axis=0)
        rows, columns = np.nonzero(energy > 0.1 * energy.max(initial=0.0))
        if not len(rows):
            return self.box_of(0, 0, *self.energy_FGC.shape[1:])
        return self.box_of(
            int(rows.min()), int(columns.min()), int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
        )


def grey_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a decoded picture (grey, or blue, green, red) as grey."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)


def measure_motion(frames: Sequence[NDArray[np.uint8]], frame_rate: float) -> MotionMap:
    """Return where something moves in every frame; memory is a small picture a frame."""
    height, width = frames[0].shape[:2]
    cell_px = max(1.0, max(height, width) / _CELLS)
    cells = (max(1, round(height / cell_px)), max(1, round(width / cell_px)))
    small = (
        min(width, cells[1] * _PIXELS_A_CELL),
        min(height, cells[0] * _PIXELS_A_CELL),
    )
    lag = max(1, round(_LAG_SECONDS * frame_rate))
    seen = [
        cv2.resize(grey_of(image), small, interpolation=cv2.INTER_AREA).astype(np.float32)
        for image in frames
    ]
    differences = [
        np.abs(now - seen[max(0, index - lag)]).astype(np.float32) for index, now in enumerate(seen)
    ]
    # Most of a fixed camera's picture is still, so the median of its differences is noise.
    noise = float(np.median([np.median(difference) for difference in differences]))
    floor = max(_LEAST_DIFFERENCE, 4.0 * noise)
    energy = [
        cv2.resize(np.maximum(difference - floor, 0.0), cells[::-1], interpolation=cv2.INTER_AREA)
        for difference in differences
    ]
    return MotionMap(
        energy_FGC=np.stack(energy).astype(np.float32).reshape(len(frames), *cells),
        height_px=height,
        width_px=width,
        frame_rate=frame_rate,
    )


def choose_moment(
    motion: MotionMap,
    *,
    length: int,
    box_share: tuple[float, float],
    within: tuple[int, int],
    rng: np.random.Generator,
    taken: Sequence[Moment] = (),
) -> Moment:
    """Draw a moment of `length` frames, begun in within[0] <= frame <= within[1], with its box.

    `box_share`: height and width of the box as shares of the picture. Moments that overlap one of
    `taken` are drawn only when there is no other. Raises EvaluationError when nothing moves.
    """
    cells = motion.energy_FGC.shape[1:]
    rows, columns = (
        min(count, max(1, round(share * count)))
        for share, count in zip(box_share, cells, strict=True)
    )
    step = max(1, round(motion.frame_rate / _STARTS_A_SECOND))
    starts = np.arange(within[0], within[1] + 1, step)
    scores_SRC = _moving_scores(_box_sums(motion.energy_FGC, rows, columns), starts, length)
    if not len(starts) or scores_SRC.max() <= 0:
        raise EvaluationError(
            f"nothing moves for {length / motion.frame_rate:.1f} s in the footage that faults are "
            "injected into; give footage in which something moves"
        )
    best_S = scores_SRC.max(axis=(1, 2))
    candidates = []
    for index in np.flatnonzero(best_S >= _OF_THE_BEST * best_S.max()):
        row, column = np.unravel_index(int(scores_SRC[index].argmax()), scores_SRC.shape[1:])
        box = motion.box_of(int(row), int(column), rows, columns)
        candidates.append(Moment(first=int(starts[index]), length=length, box=box))
    free = [m for m in candidates if not any(m.overlaps(other) for other in taken)]
    drawn = free or candidates
    return drawn[int(rng.integers(len(drawn)))]


def _box_sums(energy_FGC: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float64]:
    """Return the energy in every box of rows x columns cells, F and the places of its corner."""
    table = np.cumsum(np.cumsum(energy_FGC, axis=1, dtype=np.float64), axis=2)
    table = np.pad(table, ((0, 0), (1, 0), (1, 0)))
    sums = table[:, rows:, columns:] + table[:, :-rows, :-columns]
    sums -= table[:, :-rows, columns:] + table[:, rows:, :-columns]
    return np.asarray(np.maximum(sums, 0.0), dtype=np.float64)


def _moving_scores(
    sums_FRC: NDArray[np.float64], starts: NDArray[np.int64], length: int
) -> NDArray[np.float64]:
    """Return mean energy times share of moving frames for every start and box, SRC; 0 where too few
    frames move."""

    def means(values_FRC: NDArray[np.float64]) -> NDArray[np.float64]:
        table = np.pad(np.cumsum(values_FRC, axis=0), ((1, 0), (0, 0), (0, 0)))
        return np.asarray((table[starts + length] - table[starts]) / length, dtype=np.float64)

    # A cell that moves by one grey level beyond noise: less is a stray pixel.
    share = means((sums_FRC >= 1.0).astype(np.float64))
    return np.where(share >= _LEAST_MOVING_SHARE, means(sums_FRC) * share, 0.0)
