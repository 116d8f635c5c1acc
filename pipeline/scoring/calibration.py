"""Calibration: what an expert's value means at each place, learnt from normal footage.

Two steps. Per place, a value is compared with that place's own normal mean and spread, so that a
busy corner and a quiet wall are judged alike. Per clip, the strangest places make one statistic,
whose chance in normal operation is read off held-out normal clips (conformal p-value), with an
exponential tail beyond them (extreme-value theory: excesses over a high threshold of a light-tailed
statistic).

Shapes: N clips, grid of G x W cells.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

__all__ = ["PlaceStatistics", "TailModel", "clip_statistic", "fit_places", "fit_tail"]

_STRANGEST_CELLS = 4
"""Cells whose mean is the statistic of a clip: about one small object on the grid. The single
largest cell would be noisier; the mean over the frame would drown a small fault (field practice:
score patches and take the top ones, never the frame mean)."""

_BODY_QUANTILES = 257
_TAIL_SHARE = 0.1
"""Share of the held-out values that the tail is fitted to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceStatistics:
    """Mean and spread of one term at each cell in normal operation."""

    mean_GW: NDArray[np.float32]
    spread_GW: NDArray[np.float32]
    two_sided: bool
    """True when unusually small values are strange too."""

    def strangeness(self, values_NGW: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how many spreads each value lies from its place's mean; larger is stranger."""
        standard: NDArray[np.float32] = (values_NGW - self.mean_GW) / self.spread_GW
        return np.abs(standard) if self.two_sided else standard


def fit_places(values_NGW: NDArray[np.float32], *, two_sided: bool) -> PlaceStatistics:
    """Return the statistics of a term per cell, shrunk towards neighbours and the whole grid.

    With few clips a cell's own spread may be near zero by chance, and the first change there would
    look like a catastrophe; hence means and variances are smoothed over 3 x 3 cells, and the whole
    grid's variance is added to the cell's own.
    """
    mean_GW = uniform_filter(values_NGW.mean(axis=0, dtype=np.float64), size=3, mode="nearest")
    variance_GW = uniform_filter(
        ((values_NGW - mean_GW) ** 2).mean(axis=0, dtype=np.float64), size=3, mode="nearest"
    )
    spread_GW = np.sqrt(variance_GW + variance_GW.mean() + 1e-12)
    return PlaceStatistics(
        mean_GW=mean_GW.astype(np.float32),
        spread_GW=spread_GW.astype(np.float32),
        two_sided=two_sided,
    )


def clip_statistic(strangeness_NGW: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return one number a clip: the mean of its four strangest cells."""
    flat = strangeness_NGW.reshape(len(strangeness_NGW), -1)
    count = min(_STRANGEST_CELLS, flat.shape[1])
    strangest = np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:]
    statistic: NDArray[np.float64] = strangest.mean(axis=1, dtype=np.float64)
    return statistic


@dataclass(frozen=True, kw_only=True, slots=True)
class TailModel:
    """The distribution of a statistic over held-out normal clips."""

    body: tuple[float, ...]
    """Its quantiles at equal steps of probability, from the smallest to the largest value."""
    count: int
    """Held-out clips."""
    threshold: float
    """Beyond this the exponential tail is used."""
    tail_share: float
    """Share of the clips beyond the threshold."""
    scale: float
    """Mean excess over the threshold."""

    def surprise(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -log10 of the chance of a value this large in normal operation; >= 0."""
        levels = np.linspace(0.0, 1.0, len(self.body))
        below = np.interp(values, self.body, levels)
        # (1 + n * survival) / (1 + n): the conformal p-value, which is never 0.
        in_body = (1.0 + self.count * (1.0 - below)) / (1.0 + self.count)
        at_threshold = (1.0 + self.count * self.tail_share) / (1.0 + self.count)
        excess = np.maximum(np.asarray(values) - self.threshold, 0.0)
        in_tail = -math.log10(at_threshold) + excess / self.scale / math.log(10.0)
        surprise = np.where(excess > 0.0, in_tail, -np.log10(in_body))
        return np.asarray(np.maximum(surprise, 0.0), dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as values that JSON can hold."""
        return {**asdict(self), "body": list(self.body)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TailModel:
        """Return the model that `to_dict` wrote."""
        return cls(**{**values, "body": tuple(values["body"])})


def fit_tail(values: NDArray[np.float64]) -> TailModel:
    """Return the distribution of `values` (one a held-out clip; at least 20, all finite)."""
    if len(values) < 20 or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} held-out values, finite: {np.isfinite(values).all()}")
    body = np.quantile(values, np.linspace(0.0, 1.0, _BODY_QUANTILES))
    threshold = float(np.quantile(values, 1.0 - _TAIL_SHARE))
    beyond = values[values > threshold]
    # A statistic without spread (a still picture) would have a tail of scale 0 and call every
    # grain of noise impossible.
    floor = 1e-3 * (1.0 + abs(threshold))
    scale = max(float((beyond - threshold).mean()) if len(beyond) else 0.0, floor)
    return TailModel(
        body=tuple(float(v) for v in body),
        count=len(values),
        threshold=threshold,
        tail_share=len(beyond) / len(values),
        scale=scale,
    )
