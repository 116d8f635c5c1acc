"""The distribution of a statistic in normal operation, and its tail: what a value means.

Shapes: N values, one a held-out clip.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.budget import NATURAL_SCALE

__all__ = ["LEAST_HELD_OUT", "TAIL_SHARE", "TailModel", "fit_tail", "mean_excess", "silent_tail"]

LEAST_HELD_OUT = 10
"""Held-out clips that a tail is fitted to, at least."""

_BODY_QUANTILES = 257
_NEVER = 1e9
"""A value that no statistic reaches."""
TAIL_SHARE = 0.1
"""Share of the held-out values that the tail is fitted to."""

_RECURRING = 3
"""Moments of normal footage that reach a value before it is known to belong to normal operation.
One or two may be what the footage should not have shown."""
_SAME_MOMENT = 25
"""Clips within which two values are of one moment: five to ten seconds. Somebody who turns round is
not three people."""
_RARER = 2.0
"""How many times rarer than it was seen a value may be taken to be, where the tail says so: less
would be chance."""
_RANK_STEP = 1.25
"""Ratio of the ranks at which the largest values are kept."""


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
    highest: tuple[float, ...] = ()
    """The values at the ranks `_ranks` says, from the largest down; empty in models that were made
    without them."""
    recurring: float = -math.inf
    """The largest value that three moments of the footage reached."""

    def surprise(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return -log10 of the chance of a value this large in normal operation; >= 0."""
        # Among equal values the share below is that below the first of them: what every clip
        # shows (a term that says nothing) is no surprise.
        body, first = np.unique(self.body, return_index=True)
        below = np.interp(values, body, first / (len(self.body) - 1))
        # (1 + n * survival) / (1 + n): the conformal p-value, which is never 0.
        in_body = (1.0 + self.count * (1.0 - below)) / (1.0 + self.count)
        at_threshold = (1.0 + self.count * self.tail_share) / (1.0 + self.count)
        excess = np.maximum(np.asarray(values) - self.threshold, 0.0)
        in_tail = -math.log10(at_threshold) + excess / self.scale / math.log(10.0)
        if self.highest:
            in_tail = np.minimum(in_tail, self._as_often_as_seen(np.asarray(values)))
        surprise = np.where(excess > 0.0, in_tail, -np.log10(in_body))
        return np.asarray(np.maximum(surprise, 0.0), dtype=np.float64)

    def _as_often_as_seen(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the largest surprise that what was seen allows: the conformal one of half as many
        for values up to the largest that recurs, and beyond it what the exponential tail adds.

        Where somebody walks through every ten minutes there are two kinds of clips, and a tail of
        the mean excess of both says of the second that it happens once in a year.
        """
        chance = (1.0 + _ranks(self.count)) / (1.0 + self.count) / _RARER
        known = np.minimum(values, self.recurring)
        seen = np.interp(known, self.highest[::-1], -np.log10(chance)[::-1])
        beyond = np.maximum(values - self.recurring, 0.0)
        return np.asarray(seen + beyond / self.scale / math.log(10.0), dtype=np.float64)

    def sample(self, count: int) -> NDArray[np.float64]:
        """Return `count` values at equal steps of the probability that the body says."""
        steps = np.linspace(0.0, 1.0, len(self.body))
        return np.interp((np.arange(count) + 0.5) / max(count, 1), steps, self.body)

    def to_dict(self) -> dict[str, Any]:
        """Return the model as values that JSON can hold."""
        values = {**asdict(self), "body": list(self.body), "highest": list(self.highest)}
        if not self.highest:  # nothing recurs below all values, which JSON cannot hold
            del values["recurring"]
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TailModel:
        """Return the model that `to_dict` wrote."""
        highest = tuple(values.get("highest", ()))
        return cls(**{**values, "body": tuple(values["body"]), "highest": highest})


def fit_tail(
    values: NDArray[np.float64],
    *,
    least_scale: float = NATURAL_SCALE,
    prior_weight: float = 0.0,
    moments: NDArray[np.int64] | None = None,
    recurs_to: float = -math.inf,
) -> TailModel:
    """Return the distribution of `values` (one a held-out clip; at least ten, all finite).

    `least_scale` keeps a short stretch of held-out footage, in which by chance nothing much
    happened, from making everything beyond it impossible. `prior_weight`: it counts as much as so
    many observed excesses, where it is what the scale should be. `moments`: when each value was
    seen, in clips; None: one after the other. `recurs_to`: values up to this recur elsewhere.
    """
    if len(values) < LEAST_HELD_OUT or not np.isfinite(values).all():
        raise ValueError(f"{len(values)} held-out values, finite: {np.isfinite(values).all()}")
    body = np.quantile(values, np.linspace(0.0, 1.0, _BODY_QUANTILES))
    threshold = float(np.quantile(values, 1.0 - TAIL_SHARE))
    beyond = int(np.count_nonzero(values > threshold))
    scale = least_scale
    if beyond:
        weighted = beyond * mean_excess(values) + prior_weight * least_scale
        scale = max(weighted / (beyond + prior_weight), least_scale)
    descending = np.argsort(-values, kind="stable")
    ranks = _ranks(len(values))
    when = np.arange(len(values)) if moments is None else moments
    recurring = _recurring(values[descending], when[descending])
    return TailModel(
        body=tuple(float(v) for v in body),
        count=len(values),
        threshold=threshold,
        tail_share=beyond / len(values),
        scale=scale,
        highest=tuple(float(v) for v in values[descending][ranks - 1]),
        recurring=max(recurring, min(recurs_to, float(values.max()))),
    )


def silent_tail() -> TailModel:
    """Return the distribution of a statistic of which nothing is known: no value is a surprise."""
    return TailModel(
        body=(0.0, 0.0), count=0, threshold=_NEVER, tail_share=0.0, scale=NATURAL_SCALE
    )


def _ranks(count: int) -> NDArray[np.int64]:
    """Return the ranks, from the largest value down, at which values are kept: to a quarter apart,
    as far as the tail goes and a little further."""
    last = max(1, math.ceil(2.0 * TAIL_SHARE * count))
    steps = math.floor(math.log(last) / math.log(_RANK_STEP))
    return np.unique(np.append(np.round(_RANK_STEP ** np.arange(steps + 1)), last)).astype(np.int64)


def _recurring(descending: NDArray[np.float64], moments: NDArray[np.int64]) -> float:
    """Return the largest value that three separate moments reached; the smallest value when there
    are no three. `moments`: when each of the values was seen."""
    reached: list[int] = []
    separate = 0
    for value, moment in zip(descending, moments, strict=True):
        position = bisect_left(reached, moment)
        near = reached[max(position - 1, 0) : position + 1]
        separate += all(abs(moment - other) > _SAME_MOMENT for other in near)
        if separate == _RECURRING:
            return float(value)
        reached.insert(position, int(moment))
    return float(descending[-1])


def mean_excess(values: NDArray[np.float64]) -> float:
    """Return by how much the largest tenth of the values lies above the other nine, on average."""
    threshold = np.quantile(values, 1.0 - TAIL_SHARE)
    beyond = values[values > threshold]
    return float((beyond - threshold).mean()) if len(beyond) else 0.0
