"""Calibration: what an expert's value means at each place, learnt from normal footage.

Two steps. Per place, a value is compared with that place's own usual range, so that a busy corner
and a quiet wall are judged alike. Per clip, the strangest places make one statistic,
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
from scipy.ndimage import maximum_filter

__all__ = [
    "NATURAL_SCALE",
    "RATIO_SCALE",
    "PlaceStatistics",
    "TailModel",
    "clip_statistic",
    "fit_places",
    "fit_tail",
]

_STRANGEST_CELLS = 4
"""Cells whose mean is the statistic of a clip: about one small object on the grid. The single
largest cell would be noisier; the mean over the frame would drown a small fault (field practice:
score patches and take the top ones, never the frame mean)."""

_LEAST_STATISTIC = 0.05
"""Clips that are quieter than this share of the usual range are all alike."""

NATURAL_SCALE = math.log10(math.e)
"""Tail scale of -log10 p where p is a true p-value."""

RATIO_SCALE = 1.0 / 12.0
"""Least tail scale of the logarithm of a statistic: at most the 12th power of the ratio to the
threshold. Power laws of smaller exponent are seen as they are."""

_BODY_QUANTILES = 257
_TAIL_SHARE = 0.1
"""Share of the held-out values that the tail is fitted to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceStatistics:
    """Middle and usual range of one term at each cell in normal operation."""

    middle_GW: NDArray[np.float32]
    range_GW: NDArray[np.float32]
    two_sided: bool
    """True when unusually small values are strange too."""

    def strangeness(self, values_NGW: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how many usual ranges each value lies from its place's middle; 1 is the edge of
        what the place does in normal operation, larger is stranger."""
        departure = values_NGW - self.middle_GW
        return (np.abs(departure) if self.two_sided else departure) / self.range_GW


def fit_places(values_NGW: NDArray[np.float32], *, two_sided: bool) -> PlaceStatistics:
    """Return the statistics of a term per cell.

    The range is the 98th percentile of the departures from the median, the largest of the cell and
    its neighbours, and half the grid's mean range on top. A standard deviation would not do: where
    a worker passes once a minute it is small, and every pass would look like five of them. The
    addend keeps a cell where nothing ever happened from calling the first change a catastrophe.
    """
    middle_GW = np.median(values_NGW, axis=0)
    departure_NGW = values_NGW - middle_GW
    if two_sided:
        departure_NGW = np.abs(departure_NGW)
    high_GW = maximum_filter(np.quantile(departure_NGW, 0.98, axis=0), size=3, mode="nearest")
    range_GW = high_GW + 0.5 * high_GW.mean() + 1e-6
    return PlaceStatistics(
        middle_GW=middle_GW.astype(np.float32),
        range_GW=range_GW.astype(np.float32),
        two_sided=two_sided,
    )


def clip_statistic(strangeness_NGW: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return one number a clip: the logarithm of the mean of its four strangest cells.

    Strangeness is a ratio to the usual range, so its tail is a matter of ratios too.
    """
    flat = strangeness_NGW.reshape(len(strangeness_NGW), -1)
    count = min(_STRANGEST_CELLS, flat.shape[1])
    strangest = np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:]
    mean = strangest.mean(axis=1, dtype=np.float64)
    statistic: NDArray[np.float64] = np.log(np.maximum(mean, _LEAST_STATISTIC))
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


def fit_tail(values: NDArray[np.float64], *, least_scale: float = NATURAL_SCALE) -> TailModel:
    """Return the distribution of `values` (one a held-out clip; at least 20, all finite).

    `least_scale` keeps a short stretch of held-out footage, in which by chance nothing much
    happened, from making everything beyond it impossible.
    """
    if len(values) < 20 or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} held-out values, finite: {np.isfinite(values).all()}")
    body = np.quantile(values, np.linspace(0.0, 1.0, _BODY_QUANTILES))
    threshold = float(np.quantile(values, 1.0 - _TAIL_SHARE))
    beyond = values[values > threshold]
    mean_excess = float((beyond - threshold).mean()) if len(beyond) else 0.0
    return TailModel(
        body=tuple(float(v) for v in body),
        count=len(values),
        threshold=threshold,
        tail_share=len(beyond) / len(values),
        scale=max(mean_excess, least_scale),
    )
