"""Pictures beside each other for people: grids of clips, panels with a caption each.

Shapes: H x W pixels, C colours (blue, green, red). All sides that come out are even: VP8 halves
colour.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

__all__ = ["grid_of", "side_by_side"]

Picture = NDArray[np.uint8]

_GAP_PX = 4
_CAPTION_PX = 20
_LEAST_SIDE_PX = 96
"""Pictures are enlarged by a whole number to at least this: a tile of 32 pixels is a stamp."""
_INK, _PAPER = (235, 235, 235), 24


def grid_of(pictures: Sequence[Picture]) -> Picture:
    """Return pictures of one size (HW or HWC) in rows, as near to a square as they go."""
    columns = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / columns)
    larger = [_enlarged(_in_colour(picture)) for picture in pictures]
    height, width = larger[0].shape[:2]
    sheet = _sheet(rows * (height + _GAP_PX) - _GAP_PX, columns * (width + _GAP_PX) - _GAP_PX)
    for index, picture in enumerate(larger):
        top = (index // columns) * (height + _GAP_PX)
        left = (index % columns) * (width + _GAP_PX)
        sheet[top : top + height, left : left + width] = picture
    return sheet


def side_by_side(panels: Mapping[str, Picture]) -> Picture:
    """Return pictures of one size (HW or HWC) in a row, each under its caption."""
    larger = {caption: _enlarged(_in_colour(picture)) for caption, picture in panels.items()}
    height, width = next(iter(larger.values())).shape[:2]
    sheet = _sheet(height + _CAPTION_PX, len(larger) * (width + _GAP_PX) - _GAP_PX)
    for index, (caption, picture) in enumerate(larger.items()):
        left = index * (width + _GAP_PX)
        sheet[_CAPTION_PX : _CAPTION_PX + height, left : left + width] = picture
        where, font = (left + 2, _CAPTION_PX - 6), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(sheet, caption, where, font, 0.4, _INK, 1, cv2.LINE_AA)
    return sheet


def _sheet(height: int, width: int) -> Picture:
    return np.full((height + height % 2, width + width % 2, 3), _PAPER, dtype=np.uint8)


def _in_colour(picture: Picture) -> Picture:
    return picture if picture.ndim == 3 else np.repeat(picture[..., None], 3, axis=2)


def _enlarged(picture: Picture) -> Picture:
    scale = max(1, math.ceil(_LEAST_SIDE_PX / min(picture.shape[:2])))
    return np.kron(picture, np.ones((scale, scale, 1), dtype=np.uint8))
