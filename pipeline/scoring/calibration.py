"""Calibration: what an expert's value means at each place, learnt from normal footage.

Two steps. Per place, a value is compared with that place's own usual range, so that a busy corner
and a quiet wall are judged alike. Per clip, the strangest places make one statistic,
whose chance in normal operation is read off held-out normal clips (conformal p-value), with an
exponential tail beyond them (extreme-value theory: excesses over a high threshold of a light-tailed
statistic). What recurs there is never taken to be rarer than it was.

Shapes: N clips, grid of G x W cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from pipeline.scoring.perspective import usual_size
from pipeline.scoring.tail import mean_excess

__all__ = [
    "USUAL_SHARE",
    "PlaceStatistics",
    "clip_statistic",
    "cross_fitted",
    "fit_places",
    "log_strangeness",
    "shrunk_places",
    "strangest_mean",
]

_STRANGEST_CELLS = 4
"""Cells whose mean is the statistic of a clip: about one small object on the grid. The single
largest cell would be noisier; the mean over the frame would drown a small fault (field practice:
score patches and take the top ones, never the frame mean)."""

_LEAST_STATISTIC = 0.01
"""What is quieter than this share of the usual range is all alike."""

_SHARED_RANGES = (0.5, 1.0, 2.0, 4.0)
"""Choices of how much of the mean range of all cells is added to each cell's own."""

USUAL_SHARE = 0.98
"""Share of the departures from the middle that lie within the usual range."""

_NEAR_TIE = 1.1
"""Mean excesses that differ by less than this factor are taken as equal."""

_FOLDS = 5
"""Parts of the footage of which each is judged by the others."""

_BLOCKS = 8
"""Pieces of time, which go to the two halves in turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlaceStatistics:
    """Middle and usual range of one term at each cell in normal operation."""

    middle_GW: NDArray[np.float32]
    range_GW: NDArray[np.float32]
    two_sided: bool
    """True when unusually small values are strange too."""

    def strangeness(self, values_NGW: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how many usual ranges each value lies from its place's middle; 1 is the edge of
        what the place does in normal operation, larger is stranger, 0 where there is no value
        (NaN)."""
        departure = values_NGW - self.middle_GW
        ratio = (np.abs(departure) if self.two_sided else departure) / self.range_GW
        return np.asarray(np.nan_to_num(ratio, nan=0.0), dtype=np.float32)


def fit_places(
    values_NGW: NDArray[np.float32],
    *,
    two_sided: bool,
    pooled: bool = False,
    perspective: bool = False,
    least_range: float = 0.0,
) -> PlaceStatistics:
    """Return the statistics of a term per cell; values in order of time.

    Maps with a NaN in them are left out; where all have one, nothing will be strange.

    The range of a cell is the 98th percentile of its departures from the median (the largest of it
    and its neighbours), plus a multiple of the mean range of all cells. A standard deviation would
    not do: where a worker passes once a minute it is small, and every pass would look like five of
    them. The multiple says how far places differ: a machine does the same at the same place for
    ever, a square is crossed anywhere. It is the one under which normal footage surprises least
    when it is judged by other normal footage (two halves, each by the other).

    No range is smaller than `least_range`. `pooled`: one middle and one range for all cells, that
    of the strangest place of a window. `perspective`: the same with the middle at zero, and the
    range in proportion to what is usual around each cell; what lies below `least_range` is nothing.
    """
    values_NGW = values_NGW[~np.isnan(values_NGW).any(axis=(1, 2))]
    if not len(values_NGW):
        size = values_NGW.shape[1:]
        return PlaceStatistics(
            middle_GW=np.zeros(size, np.float32),
            range_GW=np.full(size, np.finfo(np.float32).max),
            two_sided=two_sided,
        )
    if perspective:
        return _in_perspective(values_NGW, two_sided=two_sided, least_range=least_range)
    if pooled:
        return _one_place(values_NGW, two_sided=two_sided, least_range=least_range)
    blocks = np.arange(len(values_NGW)) * _BLOCKS // len(values_NGW) % 2
    halves = [values_NGW[blocks == part] for part in (0, 1)]
    surprise = []
    for shared in _SHARED_RANGES:
        statistics = [
            clip_statistic(
                _places(own, shared, two_sided=two_sided, least=least_range).strangeness(other)
            )
            for own, other in (halves, halves[::-1])
            if len(own) and len(other)
        ]
        surprise.append(mean_excess(np.concatenate(statistics)) if statistics else 0.0)
    # The smallest of those that are about as good: among near ties noise would decide, and a large
    # range hides a fault at a quiet place.
    good = np.asarray(surprise) <= _NEAR_TIE * min(surprise)
    chosen = _SHARED_RANGES[int(np.argmax(good))]
    return _places(values_NGW, chosen, two_sided=two_sided, least=least_range)


def shrunk_places(
    own: PlaceStatistics, pooled: PlaceStatistics, *, weight: float
) -> PlaceStatistics:
    """Return places between those of a part of the footage, weighted by `weight` in [0, 1], and
    those of all of it."""
    return PlaceStatistics(
        middle_GW=(weight * own.middle_GW + (1.0 - weight) * pooled.middle_GW).astype(np.float32),
        range_GW=(weight * own.range_GW + (1.0 - weight) * pooled.range_GW).astype(np.float32),
        two_sided=own.two_sided,
    )


def _places(
    values_NGW: NDArray[np.float32], shared: float, *, two_sided: bool, least: float
) -> PlaceStatistics:
    middle_GW = np.median(values_NGW, axis=0)
    departure_NGW = values_NGW - middle_GW
    if two_sided:
        departure_NGW = np.abs(departure_NGW)
    high_GW = np.quantile(departure_NGW, USUAL_SHARE, axis=0)
    high_GW = maximum_filter(high_GW, size=3, mode="nearest")
    range_GW = np.maximum(high_GW + shared * high_GW.mean(), least) + 1e-6
    return PlaceStatistics(
        middle_GW=middle_GW.astype(np.float32),
        range_GW=range_GW.astype(np.float32),
        two_sided=two_sided,
    )


def _one_place(
    values_NGW: NDArray[np.float32], *, two_sided: bool, least_range: float
) -> PlaceStatistics:
    middle = float(np.median(values_NGW))
    departure_NGW = np.abs(values_NGW - middle) if two_sided else values_NGW - middle
    high = float(np.quantile(departure_NGW.max(axis=(1, 2)), USUAL_SHARE))
    size = values_NGW.shape[1:]
    return PlaceStatistics(
        middle_GW=np.full(size, middle, np.float32),
        range_GW=np.full(size, max(high, least_range) + 1e-6, np.float32),
        two_sided=two_sided,
    )


def _in_perspective(
    values_NGW: NDArray[np.float32], *, two_sided: bool, least_range: float
) -> PlaceStatistics:
    least = max(least_range, 1e-6)
    size_NGW = np.abs(values_NGW) if two_sided else values_NGW
    usual_GW = usual_size(size_NGW, least)
    high = float(np.quantile((size_NGW / usual_GW).max(axis=(1, 2)), USUAL_SHARE))
    return PlaceStatistics(
        middle_GW=np.zeros(usual_GW.shape, np.float32),
        range_GW=np.maximum(high * usual_GW, least).astype(np.float32),
        two_sided=two_sided,
    )


def cross_fitted(
    values_NGW: NDArray[np.float32],
    *,
    two_sided: bool,
    perspective: bool = False,
    least_range: float = 0.0,
) -> NDArray[np.float32]:
    """Return the strangeness (NGW) of every window of training footage, judged by places that were
    learnt without it and what lies around it: five parts in order of time, each by the others.
    0 for windows with a NaN in them, and where there are fewer than two others.

    Places are strange in footage that was not learnt even when nothing is wrong. Held-out footage
    of seconds shows too little of that; this shows it over all of the footage.
    """
    strangeness_NGW = np.zeros_like(values_NGW)
    known = np.flatnonzero(~np.isnan(values_NGW).any(axis=(1, 2)))
    parts = [part for part in np.array_split(known, _FOLDS) if len(part)]
    if len(parts) < 2:
        return strangeness_NGW
    for index, part in enumerate(parts):
        places = fit_places(
            values_NGW[np.concatenate(parts[:index] + parts[index + 1 :])],
            two_sided=two_sided,
            perspective=perspective,
            least_range=least_range,
        )
        strangeness_NGW[part] = places.strangeness(values_NGW[part])
    return strangeness_NGW


def clip_statistic(strangeness_NGW: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return one number a clip: the logarithm of the mean of its four strangest cells.

    Strangeness is a ratio to the usual range, so its tail is a matter of ratios too.
    """
    return log_strangeness(strangest_mean(strangeness_NGW))


def strangest_mean(values_NGW: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the mean of the four largest values of each clip, N."""
    flat = values_NGW.reshape(len(values_NGW), -1)
    count = min(_STRANGEST_CELLS, flat.shape[1])
    strangest = np.partition(flat, flat.shape[1] - count, axis=1)[:, -count:]
    return np.asarray(strangest.mean(axis=1, dtype=np.float64))


def log_strangeness(strangeness: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithm of strangeness; what is quieter than a hundredth is all alike."""
    return np.asarray(np.log(np.maximum(strangeness, _LEAST_STATISTIC, dtype=np.float64)))
