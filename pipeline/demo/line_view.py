"""Views of the demo line: where a camera stands, and what it makes of colours."""

from __future__ import annotations

from enum import StrEnum

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.demo import geometry as g
from pipeline.demo.canvas import Image
from pipeline.scoring.anomaly import Place

__all__ = ["LineView", "as_seen_by", "seen_place"]


class LineView(StrEnum):
    """Which camera looks at the line."""

    FRONT = "front"
    """The camera of the demonstration."""
    BACK = "back"
    """Stands on the other side and nearer: the belt runs to the left, things are larger, aslant and
    darker, in a cooler light."""


# Corners of what the camera at the back sees, as shares of the front picture: from top left round.
_SEEN = ((0.95, 0.06), (0.07, 0.00), (0.02, 0.94), (0.88, 1.00))
_CORNERS = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))
_COOL_BGR = (0.90, 0.76, 0.62)


def as_seen_by(view: LineView, scene: Image) -> Image:
    """Return the scene (H, W, 3) as a camera sees it, of the same size."""
    if view is LineView.FRONT:
        return scene
    height_px, width_px = scene.shape[:2]
    matrix = _matrix(width_px, height_px)
    turned = cv2.warpPerspective(
        scene, matrix, (width_px, height_px), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REPLICATE
    )
    cooler = np.rint(np.asarray(turned) * np.array(_COOL_BGR))
    return np.asarray(cooler, np.uint8)


def seen_place(view: LineView, place: Place) -> Place:
    """Return where a place of the front picture is to be seen: what holds its corners, as far as it
    lies in the picture."""
    if view is LineView.FRONT:
        return place
    right, bottom = place.x + place.width, place.y + place.height
    corners = np.array(
        [[[place.x, place.y], [right, place.y], [right, bottom], [place.x, bottom]]], np.float64
    )
    corners *= (g.WIDTH_PX, g.HEIGHT_PX)
    turned = cv2.perspectiveTransform(corners, _matrix(g.WIDTH_PX, g.HEIGHT_PX))[0]
    shares = np.clip(turned / (g.WIDTH_PX, g.HEIGHT_PX), 0.0, 1.0)
    (x, y), (far_x, far_y) = shares.min(axis=0), shares.max(axis=0)
    return Place(x=float(x), y=float(y), width=float(far_x - x), height=float(far_y - y))


def _matrix(width_px: int, height_px: int) -> NDArray[np.float64]:
    """Return what turns points of the front picture into points of the view, in pixels."""
    size = (width_px, height_px)
    seen, corners = ((np.array(shares) * size).astype(np.float32) for shares in (_SEEN, _CORNERS))
    return np.asarray(cv2.getPerspectiveTransform(seen, corners), np.float64)
