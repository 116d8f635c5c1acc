"""Slow shifts: what happens to every camera over weeks, put into footage by how far it has come.

Nobody did anything wrong: lamps age, a lens gathers dust, a mount gives way. Nothing moves that
should not, and no single picture looks odd.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import EvaluationError
from pipeline.files import replace_file

__all__ = ["SlowShift", "shifted", "write_pictures"]

_GAIN, _OFFSET, _GAMMA = 0.15, 12.0, 0.25
"""At the end: contrast, grey levels, and how much darker tones are lifted."""
_WARMTH = 0.08
"""At the end: red gains and blue loses this share, of colour pictures."""
_ZOOM, _TURN = 0.03, 0.02
"""At the end: three per cent larger, and the middle of the picture two per cent to the side."""


class SlowShift(StrEnum):
    """What shifts."""

    LIGHT = "light"
    """Brightness, contrast and colour."""
    ZOOM = "zoom"
    """The picture grows by 3 %, and its middle goes to the side."""
    BOTH = "both"


def shifted(image: NDArray[np.uint8], shift: SlowShift, extent: float) -> NDArray[np.uint8]:
    """Return a picture (HW, or HWC in blue, green, red) with a shift that has come this far, 0 to
    1."""
    moved = image
    if shift is not SlowShift.LIGHT:
        height, width = image.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 0.0, 1.0 + _ZOOM * extent)
        matrix[0, 2] += _TURN * extent * width
        moved = np.asarray(
            cv2.warpAffine(
                image,
                matrix,
                (width, height),
                flags=cv2.INTER_CUBIC,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            dtype=np.uint8,
        )
    if shift is SlowShift.ZOOM:
        return moved
    levels = 255.0 * (moved / 255.0) ** (1.0 - _GAMMA * extent)
    levels = (1.0 + _GAIN * extent) * (levels - 128.0) + 128.0 + _OFFSET * extent
    if levels.ndim == 3:
        levels = levels * (1.0 + _WARMTH * extent * np.array([-1.0, 0.0, 1.0]))
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def write_pictures(
    path: Path,
    pictures: list[NDArray[np.uint8]],
    frame_rate: float,
    change: Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]] = lambda index, image: image,
) -> None:
    """Write pictures, each changed first, as a video without loss; `path` ends in .avi.

    Of pictures with an odd side the last row or column is left out. Raises EvaluationError when
    it cannot be written.
    """
    height, width = pictures[0].shape[:2]
    with replace_file(path) as temporary:
        writer = cv2.VideoWriter(
            str(temporary),
            cv2.CAP_FFMPEG,
            cv2.VideoWriter.fourcc(*"FFV1"),
            frame_rate,
            (width, height),
        )
        try:
            if not writer.isOpened():
                raise EvaluationError(f"{path}: OpenCV cannot write FFV1; reinstall it")
            for index, picture in enumerate(pictures):
                image = change(index, picture)
                writer.write(image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))
        finally:
            writer.release()
