"""Looks: what a single picture says of its camera, beside the learnt background.

Directions of brightness gradients are compared, not brightness: they stay where they are when lamps
are switched, and go when something hides the scene. Compared at every displacement at once, by the
Fourier transform (orientation correlation after Fitch et al. 2002), they also say where the scene
went.

Shapes: H x W pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.fft import fft2, ifft2, next_fast_len

from pipeline.camera import Polygon
from pipeline.clips.masks import burn_masks

__all__ = ["BORDER", "Look", "Looker", "grey_of"]

Complex = NDArray[np.complex64]

BORDER = 0.3
"""How far a scene is looked for, as a share of the picture's width and height."""
_EDGE_SHARE = 0.3
"""Of the pixels: those with the strongest gradients are the structure of a background."""
_FEWEST_EDGES = 100
"""Pixels."""
_WEAK_GRADIENT = 4.0
"""Grey levels a pixel, times eight (Sobel): directions of weaker gradients are noise."""
_ANGLES = (-12.0, -9.0, -6.0, -4.0, -2.5, 2.5, 4.0, 6.0, 9.0, 12.0)
"""Degrees a camera may have been turned by; tried only when the scene is not found without."""
_MEDIAN_OF_NOISE = 0.6745
"""Median magnitude of normal noise of unit power."""
_FINE_PX = 0.8
_MIDDLE_PX = 2.5
_COARSE_PX = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What one picture says."""

    brightness: float
    """Of all but the brightest fiftieth of the pixels, 0 .. 255."""
    agreement: float
    """Cosine between the gradients of picture and background, averaged over the structure of the
    background: 1 the same scene, 0 another one."""
    sharpness: float
    """Fine over middling detail at that structure. Neither lamps nor contrast change it."""
    likeness: float
    """Correlation with the background of all that a picture out of focus still shows, -1 .. 1."""
    shift_px: tuple[float, float]
    """Right and down: where the scene agrees best."""
    found: float
    """The agreement there."""
    turned_degrees: float = 0.0

    @property
    def shifted_px(self) -> float:
        """How far the scene lies from where it was learnt."""
        return math.hypot(*self.shift_px)


class Looker:
    """Looks at pictures of one camera. Takes three to five milliseconds a picture of 192 x 128."""

    def __init__(self, background_HW: NDArray[np.uint8], masks: tuple[Polygon, ...] = ()) -> None:
        self._background_HW = background_HW
        height, width = background_HW.shape
        seen_HW = burn_masks(np.full((height, width), 255, np.uint8), masks)
        # Gradients reach over the border of a mask by a few pixels.
        clear_HW = cv2.erode(seen_HW, np.ones((9, 9), np.uint8), borderValue=255) > 0
        self._seen_HW = clear_HW if clear_HW.any() else np.ones_like(clear_HW)
        gradient_HW = _gradients(background_HW)
        strength_HW = np.where(self._seen_HW, np.abs(gradient_HW), 0.0)
        least = max(_WEAK_GRADIENT, float(np.quantile(strength_HW, 1.0 - _EDGE_SHARE)))
        self._edges_HW = strength_HW > least
        self._flat_HW = self._seen_HW & (
            strength_HW <= np.quantile(strength_HW[self._seen_HW], 0.3)
        )
        self._reach = math.ceil(BORDER * height), math.ceil(BORDER * width)
        self._padded = tuple(
            next_fast_len(n + r) for n, r in zip((height, width), self._reach, strict=True)
        )
        self._reference = self._transformed(background_HW, self._edges_HW)
        self._coarse_HW = _coarse(background_HW)

    @property
    def has_structure(self) -> bool:
        """Whether the background has enough edges to say anything by them."""
        return int(self._edges_HW.sum()) >= _FEWEST_EDGES

    def look(self, image: NDArray[np.uint8], *, search: float = 0.0) -> Look:
        """Return what a picture (HW or HWC) says.

        `search`: turned scenes are looked for too where the agreement is below it; ten times as
        slow.
        """
        grey_HW = grey_of(image)
        direction_HW = _directions(_gradients(grey_HW)) * self._seen_HW
        spectrum = fft2(direction_HW, self._padded)
        agreement, found, shift = self._found(spectrum, self._reference)
        turned = 0.0
        if found < search:
            for angle, reference in self._turned.items():
                _, at, there = self._found(spectrum, reference)
                if at > found:
                    found, shift, turned = at, there, angle
        fine_HW, middle_HW = _bands(grey_HW)
        return Look(
            brightness=float(np.percentile(grey_HW[self._seen_HW], 98)),
            agreement=agreement,
            sharpness=self._above_noise(fine_HW) / max(self._above_noise(middle_HW), 1.0),
            likeness=_correlation(_coarse(grey_HW)[self._seen_HW], self._coarse_HW[self._seen_HW]),
            shift_px=shift,
            found=found,
            turned_degrees=turned,
        )

    def _above_noise(self, band_HW: NDArray[np.float32]) -> float:
        """Return how much of a band there is at the structure, without the noise: the root of its
        power there less the power in the flat parts, of which the median knows no passer-by."""
        if not self.has_structure:
            return 0.0
        noise = float(np.median(band_HW[self._flat_HW])) / _MEDIAN_OF_NOISE
        return math.sqrt(max(0.0, float((band_HW[self._edges_HW] ** 2).mean()) - noise**2))

    def _transformed(
        self, background_HW: NDArray[np.uint8], edges_HW: NDArray[np.bool_]
    ) -> tuple[Complex, NDArray[np.float32]]:
        """Return the conjugate spectrum of a background's directions, and how many edges lie in
        the picture at every displacement."""
        directions_HW = _directions(_gradients(background_HW)) * edges_HW
        spectrum = np.conj(fft2(directions_HW, self._padded))
        seen = fft2(self._seen_HW.astype(np.float32), self._padded)
        edges = np.conj(fft2(edges_HW.astype(np.float32), self._padded))
        return spectrum, self._window(np.real(ifft2(seen * edges)))

    @cached_property
    def _turned(self) -> dict[float, tuple[Complex, NDArray[np.float32]]]:
        height, width = self._background_HW.shape
        turned = {}
        for angle in _ANGLES:
            matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1.0)
            image = cv2.warpAffine(
                self._background_HW, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
            )
            edges = cv2.warpAffine(self._edges_HW.astype(np.uint8), matrix, (width, height)) > 0
            turned[angle] = self._transformed(np.asarray(image, np.uint8), edges)
        return turned

    def _found(
        self, spectrum: Complex, reference: tuple[Complex, NDArray[np.float32]]
    ) -> tuple[float, float, tuple[float, float]]:
        """Return the agreement without a displacement, the best one, and where that is."""
        conjugate, edges = reference
        overlap = np.maximum(edges, 0.25 * edges.max() + 1.0)
        agreement = self._window(np.real(ifft2(spectrum * conjugate))) / overlap
        down, right = np.unravel_index(int(np.argmax(agreement)), agreement.shape)
        here = self._reach[0], self._reach[1]
        fine_down = down + _between(agreement[:, right], int(down))
        fine_right = right + _between(agreement[down], int(right))
        shift = float(fine_right - here[1]), float(fine_down - here[0])
        return float(agreement[here]), float(agreement[down, right]), shift

    def _window(self, plane: NDArray[Any]) -> NDArray[np.float32]:
        """Return the displacements within reach, with none in the middle."""
        rows, columns = self._reach
        lines = np.concatenate([plane[-rows:], plane[: rows + 1]])
        return np.asarray(
            np.concatenate([lines[:, -columns:], lines[:, : columns + 1]], axis=1), np.float32
        )


def grey_of(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture, HW or HWC in RGB, in grey."""
    if image.ndim == 2:
        return image
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)


def _gradients(grey_HW: NDArray[np.uint8]) -> Complex:
    smooth_HW = cv2.GaussianBlur(grey_HW.astype(np.float32), (0, 0), 1.0)
    right_HW = cv2.Sobel(smooth_HW, cv2.CV_32F, 1, 0)
    down_HW = cv2.Sobel(smooth_HW, cv2.CV_32F, 0, 1)
    return np.asarray(right_HW + 1j * down_HW, np.complex64)


def _directions(gradient_HW: Complex) -> Complex:
    return np.asarray(gradient_HW / (np.abs(gradient_HW) + _WEAK_GRADIENT), np.complex64)


def _bands(grey_HW: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    picture_HW = grey_HW.astype(np.float32)
    fine_HW = cv2.GaussianBlur(picture_HW, (0, 0), _FINE_PX)
    middle_HW = cv2.GaussianBlur(picture_HW, (0, 0), _MIDDLE_PX)
    return np.abs(picture_HW - fine_HW), np.abs(fine_HW - middle_HW)


def _coarse(grey_HW: NDArray[np.uint8]) -> NDArray[np.float32]:
    picture_HW = grey_HW.astype(np.float32)
    middle_HW = cv2.GaussianBlur(picture_HW, (0, 0), 2.0 * _MIDDLE_PX)
    return np.asarray(middle_HW - cv2.GaussianBlur(picture_HW, (0, 0), _COARSE_PX * 2), np.float32)


def _correlation(one_P: NDArray[np.float32], other_P: NDArray[np.float32]) -> float:
    one_P, other_P = one_P - one_P.mean(), other_P - other_P.mean()
    length = float(np.sqrt((one_P**2).sum() * (other_P**2).sum()))
    return float((one_P * other_P).sum()) / length if length > 1e-6 else 0.0


def _between(values: NDArray[np.float32], peak: int) -> float:
    """Return where the top of the parabola through a peak and its neighbours lies, -0.5 .. 0.5."""
    if not 0 < peak < len(values) - 1:
        return 0.0
    before, top, after = (float(value) for value in values[peak - 1 : peak + 2])
    bend = before - 2.0 * top + after
    return 0.0 if bend >= -1e-9 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))
