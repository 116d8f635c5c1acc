"""How alike two pictures are: PSNR, and SSIM as its authors publish it.

Shapes: H x W pixels, C colours. Levels are 0 to 255.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

__all__ = ["psnr", "ssim"]

_PEAK = 255.0
_ROUNDING = 1.0 / 12.0
"""Mean squared error of rounding to whole levels: below it nothing can be told apart, so it is the
least error that counts. Two equal pictures have 58.9 dB, not infinity, which has no mean."""
_SIGMA_PX, _RADIUS_PX = 1.5, 5
_STEADY = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


def psnr(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Return the peak signal-to-noise ratio in dB, over all pixels and colours; 58.9 at most."""
    _check(picture, truth)
    error = np.mean((picture.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return float(10.0 * np.log10(_PEAK**2 / max(float(error), _ROUNDING)))


def ssim(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> float:
    """Return the mean structural similarity (Wang et al. 2004), at most 1; colours are averaged.

    Gaussian window of 11 x 11 pixels with sigma 1.5, K = 0.01 and 0.03, only where the window lies
    inside the picture. Raises ValueError for pictures smaller than the window.
    """
    _check(picture, truth)
    if min(picture.shape[:2]) <= 2 * _RADIUS_PX:
        raise ValueError(f"pictures of {picture.shape[1]} x {picture.shape[0]} px are too small")
    if picture.ndim == 3:
        colours = range(picture.shape[2])
        return float(np.mean([_ssim(picture[..., c], truth[..., c]) for c in colours]))
    return _ssim(picture, truth)


def _ssim(picture_HW: NDArray[np.uint8], truth_HW: NDArray[np.uint8]) -> float:
    x, y = picture_HW.astype(np.float64), truth_HW.astype(np.float64)
    mean_x, mean_y = _smooth(x), _smooth(y)
    variance_x, variance_y = _smooth(x * x) - mean_x**2, _smooth(y * y) - mean_y**2
    covariance = _smooth(x * y) - mean_x * mean_y
    first, second = _STEADY
    alike = (2.0 * mean_x * mean_y + first) * (2.0 * covariance + second)
    alike /= (mean_x**2 + mean_y**2 + first) * (variance_x + variance_y + second)
    inner = slice(_RADIUS_PX, -_RADIUS_PX)
    return float(alike[inner, inner].mean())


def _smooth(values_HW: NDArray[np.float64]) -> NDArray[np.float64]:
    smooth: NDArray[np.float64] = gaussian_filter(values_HW, _SIGMA_PX, radius=_RADIUS_PX)
    return smooth


def _check(picture: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
    if picture.shape != truth.shape:
        raise ValueError(f"pictures of shapes {picture.shape} and {truth.shape} do not compare")
