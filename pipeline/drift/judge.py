"""Judging drift: whether recent samples of a statistic still come as those of normal footage did.

If nothing has changed, samples of normal footage and recent ones are exchangeable: each new one is
as likely to have any rank among all so far. A bet against that is placed on each rank (Vovk 2003,
conformal test martingales), and bets are joined by the rule of Shiryaev and Roberts, which forgives
a start at any time and is exceeded by chance once in so many samples as its threshold says, however
often one looks (Pollak 1987; Vovk et al. 2021, "Retrain or not retrain"). No distribution is
assumed.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import numpy as np

from pipeline.cycles.cycle import is_cycle_name
from pipeline.drift.reference import PICTURES, DriftReference, Sample

__all__ = ["FEWEST_REFERENCE", "Severity", "Statistic", "judge", "samples_a_year"]

FEWEST_REFERENCE = 12
"""Samples of normal footage below which ranks say too little."""

_EXPONENTS = (0.1, 0.3, 0.5, 0.7)
"""Bets e * p ** (e - 1): the small ones win most on the smallest p."""
_LATEST = 12
"""Recent samples whose median says whether a finding is over."""
_WITHIN = (0.1, 0.9)
"""Quantiles of normal footage between which it is."""
_LARGE = 6.0
"""Usual spreads of a picture statistic beyond which its drift is serious by itself."""
_LEAST_OF_CYCLE = 0.01
"""Spread of the time of a cycle, as a share of it, however even a machine goes."""
_LEAST_OF_SCORES = 0.05
"""Spread of a mean surprise, however silent an expert was: in normal footage it is often 0."""
_SECONDS_A_YEAR = 365.25 * 86_400.0


class Severity(StrEnum):
    """How much a drift matters."""

    SLIGHT = "slight"
    """The pictures or the time of a cycle have moved, and the scores have not: the model copes so
    far."""
    SERIOUS = "serious"
    """The scores have moved, so the alarm budget does not hold any more; or the pictures or a cycle
    have moved far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statistic:
    """What recent samples say of one statistic."""

    name: str
    reference_samples: int
    samples: int
    """Recent ones."""
    evidence: float
    """log10 of the largest Shiryaev-Roberts value over its threshold: a finding from 0 on."""
    severity: Severity | None
    """None when there is no finding, or when it is over."""
    since_utc: datetime | None
    """When the change seems to have begun; None without a finding."""
    found_utc: datetime | None
    """The sample at which the evidence sufficed."""
    usual: float | None
    """Median of normal footage."""
    recent: float | None
    """Median of the latest samples."""
    spreads: float | None
    """How far the two lie apart, in usual spreads (a spread is a standard deviation of samples if
    they are normally distributed)."""


def samples_a_year(every_seconds: float) -> float:
    """Return how many samples there are in a year of one every so many seconds."""
    return _SECONDS_A_YEAR / every_seconds


def judge(
    reference: DriftReference, recent: Sequence[Sample], *, one_false_in: float
) -> list[Statistic]:
    """Return what recent samples (in order of time) say of every statistic of the reference.

    `one_false_in`: samples until there is a false finding among all statistics together, on
    average, if samples are exchangeable.
    """
    threshold = max(1.0, one_false_in * max(1, len(reference.values)))
    return [
        _judged(
            name,
            normal,
            [(sample.start_utc, sample.values[name]) for sample in recent if name in sample.values],
            threshold,
        )
        for name, normal in reference.values.items()
    ]


@dataclass(slots=True)
class _Bets:
    """One exponent and direction: the joined bets since any start, and since the best one."""

    exponent: float
    joined: float = 0.0
    best: float = 0.0
    """log of the bets since `since`."""
    since: int = 0

    def add(self, p_value: float, index: int) -> None:
        factor = self.exponent * p_value ** (self.exponent - 1.0)
        self.joined = min((1.0 + self.joined) * factor, 1e300)
        if self.best <= 0.0:
            self.best, self.since = 0.0, index
        self.best += math.log(factor)


def _judged(
    name: str, normal: Sequence[float], recent: Sequence[tuple[datetime, float]], threshold: float
) -> Statistic:
    bets = {True: [_Bets(e) for e in _EXPONENTS], False: [_Bets(e) for e in _EXPONENTS]}
    known = sorted(normal)
    largest, found, since = 0.0, None, None
    for index, (_, value) in enumerate(recent if len(normal) >= FEWEST_REFERENCE else ()):
        insort(known, value)
        above = (len(known) - bisect_left(known, value)) / len(known)
        below = bisect_right(known, value) / len(known)
        for high, side in bets.items():
            for bet in side:
                bet.add(above if high else below, index)
        both = [bet for side in bets.values() for bet in side]
        joined = sum(bet.joined for bet in both) / len(both)
        largest = max(largest, joined)
        if found is None and joined >= threshold:
            found, since = index, max(both, key=lambda bet: bet.best).since
    usual, latest, spreads = _compared(name, normal, [value for _, value in recent])
    is_over = found is not None and _is_over(normal, latest)
    return Statistic(
        name=name,
        reference_samples=len(normal),
        samples=len(recent),
        evidence=round(math.log10(max(largest, 1e-9) / threshold), 3),
        severity=None if found is None or is_over else _severity(name, spreads),
        since_utc=None if since is None else recent[since][0],
        found_utc=None if found is None else recent[found][0],
        usual=usual,
        recent=latest,
        spreads=spreads,
    )


def _compared(
    name: str, normal: Sequence[float], recent: Sequence[float]
) -> tuple[float | None, float | None, float | None]:
    if not normal or not recent:
        return None, None, None
    usual, latest = float(np.median(normal)), float(np.median(recent[-_LATEST:]))
    # Of a normal distribution the middle 80 % are 2.56 deviations wide.
    low, high = np.quantile(normal, _WITHIN)
    spread = max(float(high - low) / 2.563, _least_spread(name, usual))
    return usual, latest, round((latest - usual) / spread, 3)


def _least_spread(name: str, usual: float) -> float:
    if is_cycle_name(name):
        return _LEAST_OF_CYCLE * usual
    return _LEAST_OF_SCORES if _is_of_scores(name) else 1e-6 * max(1.0, abs(usual))


def _is_over(normal: Sequence[float], latest: float | None) -> bool:
    low, high = np.quantile(normal, _WITHIN)
    return latest is not None and bool(low <= latest <= high)


def _severity(name: str, spreads: float | None) -> Severity:
    far = spreads is not None and abs(spreads) >= _LARGE
    return Severity.SERIOUS if far or _is_of_scores(name) else Severity.SLIGHT


def _is_of_scores(name: str) -> bool:
    """Return whether a statistic is of scores; else it is of pictures, or the time of a cycle."""
    return name not in PICTURES and not is_cycle_name(name)
