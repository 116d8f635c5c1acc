"""The alarm budget: how often events of normal operation reach a score, beyond what was seen.

Held-out normal footage is minutes or hours long, a budget is a few alerts a day, so the score
that keeps the budget lies beyond most of what normal operation has shown. Extreme-value theory says
how to get there (peaks over threshold): the excesses of event peaks over a high threshold follow a
generalised Pareto distribution, the events above it come at a constant mean rate, hence

    expected events a day above x = rate * (1 + shape * (x - threshold) / scale) ** (-1 / shape)

and rate * exp(-(x - threshold) / scale) for shape 0.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.generalised_pareto import excess_as_rare, rarity_of

__all__ = [
    "NATURAL_SCALE",
    "NATURAL_WEIGHT",
    "EventTail",
    "expected_per_day",
    "fit_event_tail",
    "score_at_rate",
]

_TAIL_SHARE = 0.2
_FEWEST_EXCESSES = 10
"""The tail is the highest fifth of the peaks and at least ten of them: fewer give a useless slope,
more reach into the body, which is not Pareto."""

NATURAL_SCALE = math.log10(math.e)
"""Scale of -log10 p where p is a true p-value: then the tail is exponential with this mean."""
NATURAL_WEIGHT = 20.0
"""The natural scale counts as much as this many observed excesses, as for the shape: it decides
when there are few peaks, and no longer matters when there are many. Ten excesses of ten seconds
moved a threshold that lies a thousandfold beyond them by half a decade."""

_SHRINKAGE = 20.0
"""Excesses at which the fitted shape is trusted by half. The shape of ten excesses is mostly
chance, and a wrong one is ruinous when extrapolating a hundredfold; 0 (exponential) is the safe
centre."""
_SHRINKAGE_BELOW_ZERO = 100.0
"""The same for negative shapes, which end the distribution at a score that the next day may exceed:
a minute of held-out footage once gave -0.1, and a false alert."""
_SHAPE_LIMITS = (-0.2, 0.3)
"""Below, the distribution ends at a score that the next day exceeds; above, no score is useful."""

_LONGER = 8.0
"""What normal footage has shown once is not taken to be rarer than once in so many times as much.
Few excesses have no shape that says how far the largest of them lies out."""

_RECURRING = 3
"""Peaks that show that such a thing belongs to normal operation."""
_DOUBT = 0.01
"""Chance of so many peaks, or more, at which a tail is given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventTail:
    """How often event peaks of normal operation exceed a score, for scores above `threshold`."""

    threshold: float
    """Score (-log10 p) above which the model holds."""
    events_per_day: float
    """Events of normal operation a day with a peak above the threshold; > 0."""
    scale: float
    """Of the generalised Pareto distribution of the excesses; > 0."""
    shape: float
    """Of it; 0 = exponential, positive = heavier, negative = ends at threshold - scale / shape."""

    def to_dict(self) -> dict[str, float]:
        """Return the fields as values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, float]) -> EventTail:
        """Return the tail that `to_dict` wrote."""
        return cls(**values)


def fit_event_tail(
    peak_scores: Sequence[float] | NDArray[np.float64],
    days: float,
    *,
    opening_score: float = 1.0,
) -> EventTail:
    """Return the tail of the peaks of events that were found in `days` days of normal footage.

    `peak_scores`: one number an event (declustered), in any order, -log10 p, finite.
    `opening_score`: the score at which these events were looked for; the threshold when there are
    too few peaks to choose one. The rate carries a margin of three events when none was seen (the
    "rule of three": the 95 % bound), which fades as more are seen. Raises ValueError for days <= 0.
    """
    peaks = np.sort(np.asarray(peak_scores, dtype=np.float64).ravel())[::-1]
    if not (days > 0 and math.isfinite(days)):
        raise ValueError(f"{days} days of normal footage")
    if not np.isfinite(peaks).all():
        raise ValueError("peak scores must be finite")
    count = max(_FEWEST_EXCESSES, math.ceil(_TAIL_SHARE * len(peaks)))
    tail = _tail_above(peaks, count, days, opening_score)
    while count > _RECURRING and _is_exceeded(tail, peaks, days):
        # What comes again and again is of another kind than the peaks below it: a tail of its own.
        count = min(count, len(peaks)) * 9 // 10
        tail = _tail_above(peaks, count, days, opening_score)
    return tail


def _tail_above(
    peaks: NDArray[np.float64], count: int, days: float, opening_score: float
) -> EventTail:
    """Return the tail of the `count` highest peaks, which are in descending order."""
    few = len(peaks) <= count
    threshold = min([opening_score, *peaks.tolist()]) if few else float(peaks[count])
    excesses = peaks[:count] - threshold
    shape = _shape_of(excesses)
    seen = len(excesses)
    natural = NATURAL_WEIGHT * NATURAL_SCALE
    mean_excess = (float(excesses.sum()) + natural) / (seen + NATURAL_WEIGHT)
    scale = mean_excess * (1.0 - shape)  # mean of the distribution = scale / (1 - shape)
    events = seen + 3.0 / (1.0 + seen / 3.0)
    if 0 < seen < _FEWEST_EXCESSES:
        scale = max(scale, float(excesses[0]) / math.log(_LONGER * events))
    return EventTail(threshold=threshold, events_per_day=events / days, scale=scale, shape=shape)


def _is_exceeded(tail: EventTail, peaks: NDArray[np.float64], days: float) -> bool:
    """Return whether peaks that came three times or more came too often for this tail to be
    true."""
    numbers = np.arange(_RECURRING, int(np.count_nonzero(peaks > tail.threshold)) + 1)
    from scipy.special import gammaincinv  # slow to import, and every command reads this file

    least = gammaincinv(numbers, _DOUBT)
    expected = [expected_per_day(tail, float(peaks[number - 1])) * days for number in numbers]
    return bool(np.any(np.asarray(expected) < least))


def _shape_of(excesses: NDArray[np.float64]) -> float:
    """Return the shape by probability-weighted moments (Hosking and Wallis 1987), shrunk towards 0;
    0 for fewer than ten excesses.

    With l1 the mean and l2 half the mean absolute difference of two excesses: shape = 2 - l1 / l2.
    Of three excesses this is chance: three seeds on the same footage had thresholds of 5.2, 5.2 and
    7.0, because one of them had a third excess.
    """
    count = len(excesses)
    if count < _FEWEST_EXCESSES:
        return 0.0
    ascending = np.sort(excesses)
    first = float(ascending.mean())
    weights = np.arange(count) / (count - 1)
    second = 2.0 * float((weights * ascending).mean()) - first
    if second <= 0.0:  # all excesses are equal
        return 0.0
    plain = 2.0 - first / second
    shrunk = plain * count / (count + (_SHRINKAGE if plain > 0 else _SHRINKAGE_BELOW_ZERO))
    return min(max(shrunk, _SHAPE_LIMITS[0]), _SHAPE_LIMITS[1])


def expected_per_day(tail: EventTail, score: float) -> float:
    """Return how many events of normal operation a day are expected to peak above `score`; > 0.

    At and below the threshold this is the rate at the threshold: at least so many. The smallest
    positive number stands for "beyond the end of the distribution".
    """
    excess = max(score - tail.threshold, 0.0) / tail.scale
    share = math.exp(-rarity_of(excess, tail.shape))
    return max(tail.events_per_day * share, sys.float_info.min)


def score_at_rate(tail: EventTail, per_day: float) -> float:
    """Return the score that normal operation is expected to exceed `per_day` times a day.

    It grows as `per_day` falls, and is never below the threshold. Raises ValueError for
    per_day <= 0: no score is never exceeded.
    """
    if not per_day > 0.0:
        raise ValueError(f"a rate of {per_day} a day")
    ratio = tail.events_per_day / per_day
    if ratio <= 1.0:
        return tail.threshold
    return tail.threshold + excess_as_rare(math.log(ratio), tail.shape, tail.scale)
