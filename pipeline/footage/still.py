"""Stills: one frame of footage as a JPEG, with the privacy masks burnt in before anyone sees it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.camera import Camera
from pipeline.errors import FootageError
from pipeline.footage.admission import Footage, Reason
from pipeline.footage.decode_process import STALL_SECONDS
from pipeline.footage.frames import View, working_frames

__all__ = ["still_jpeg"]

_QUALITY = 85


def still_jpeg(
    source: Path,
    footage: Footage,
    camera: Camera,
    at_us: int,
    *,
    stall_seconds: float = STALL_SECONDS,
) -> bytes:
    """Return the first frame of `footage` from media time `at_us` on, in its full size and colour.

    `source` is the file of the footage. Raises FootageError when there is no such frame.
    """
    view = View(
        width_px=footage.width_px,
        height_px=footage.height_px,
        frame_rate=max(1.0, footage.frame_rate),
        grey=False,
        masks=camera.privacy_masks,
    )
    for frame in working_frames(
        source,
        view,
        start_us=at_us,
        end_us=at_us + 2_000_000,
        folder_frame_rate=footage.frame_rate,
        stall_seconds=stall_seconds,
    ):
        bgr = np.ascontiguousarray(frame.image[:, :, ::-1])
        written, jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        if written:
            return jpeg.tobytes()
    raise FootageError(
        f"{footage.path}: no frame at {at_us / 1e6:.3f} s any more; was the file replaced?",
        reason=Reason.UNREADABLE,
    )
