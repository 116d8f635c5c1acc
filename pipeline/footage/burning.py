"""Burning privacy masks into pictures and clips that are stored already, in place and in one
step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.camera import Polygon
from pipeline.clips.masks import burn_masks
from pipeline.errors import KizashiError
from pipeline.files import replace_file
from pipeline.footage.webm_writer import write_webm

__all__ = ["burn_into_picture", "burn_into_webm"]

_QUALITY = 88


def burn_into_picture(
    path: Path, masks: tuple[Polygon, ...], *, panels: int = 1, gap_px: int = 0
) -> None:
    """Burn masks into a JPEG or PNG; each of its `panels`, side by side with gaps between them,
    shows the whole of what the camera saw. KizashiError when it cannot be read or written."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise KizashiError(f"{path}: the picture cannot be read")
    picture = np.asarray(image, dtype=np.uint8)
    width = (picture.shape[1] - (panels - 1) * gap_px) // panels
    for panel in range(panels):
        left = panel * (width + gap_px)
        picture[:, left : left + width] = burn_masks(picture[:, left : left + width], masks)
    how = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if path.suffix == ".jpg" else []
    with replace_file(path) as temporary:
        if not cv2.imwrite(str(temporary), picture, how):
            raise KizashiError(f"{path}: the picture cannot be written; is the disk full?")


def burn_into_webm(path: Path, masks: tuple[Polygon, ...]) -> None:
    """Burn masks into every frame of a clip; KizashiError when it cannot be read or written."""
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    try:
        frame_rate = float(capture.get(cv2.CAP_PROP_FPS))
        if not capture.isOpened() or not 0.0 < frame_rate < 1_000.0:
            raise KizashiError(f"{path}: the clip cannot be read")
        with replace_file(path) as temporary:
            try:
                write_webm(temporary, _burnt(capture, masks), frame_rate)
            except ValueError as error:
                raise KizashiError(f"{path}: the clip cannot be read") from error
    finally:
        capture.release()


def _burnt(capture: cv2.VideoCapture, masks: tuple[Polygon, ...]) -> Iterator[NDArray[np.uint8]]:
    while True:
        there, frame = capture.read()
        if not there:
            return
        yield burn_masks(np.asarray(frame, dtype=np.uint8), masks)
