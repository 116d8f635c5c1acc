"""The sequential test: what scores that are each a little high say together.

One clip in a hundred of normal operation scores 2, but not a hundred of them in a row. The sum of
what scores have above a drift (CUSUM, Page 1954, Biometrika 41) grows as long as something goes on,
and falls back in normal operation. What a sum is worth, as a score that normal operation reaches as
seldom, is part of the policy. A policy may have several sums: one above a low drift finds what is
a little strange for long, one above a high drift what is rather strange for seconds.

Where all scores have become higher, as at dusk, the same would add up for ever, and tell of the
light with every hour. So evidence is what scores have above what was usual in the last minutes,
where that is more than the drift.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.alerts.generalised_pareto import excess_as_rare, rarity_of
from pipeline.timebase import MICROSECONDS_PER_SECOND

__all__ = ["SequentialTest", "SumRule", "excursions"]

_FORGET_US = 1_000_000
"""After so long below the drift all is forgotten: what follows is another event."""
_REMEMBERED_US = 120_000_000
"""What lies farther back does not count. Events are joined again from some minutes before each new
segment, and have to come out the same as from the whole stream."""
_USUAL_US = 120_000_000
_NOT_YET_USUAL_US = 15_000_000
_LEAST_USUAL_US = 20_000_000
"""What is usual is the median of the last two minutes without the newest quarter of a minute, as
soon as the rest is so long: what a scene begins with may be a fault. Together with what is
remembered these are four minutes; events are joined again from ten before, and settle in five."""
_ABOVE_USUAL = 0.5
"""Scores of a steady scene wander about their median by less; normal operation has a median of .3,
so that no drift is raised by it."""
_MILLIONTH = 1_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SumRule:
    """What a sum of scores is worth. Scores are -log10 p-values."""

    drift: float
    """Score above which evidence is added up."""
    offset: float
    """Score that a sum of nearly nothing is worth."""
    gain: float
    """Score that the first score-second is worth; > 0."""
    shape: float = 0.0
    """Negative: each score-second is worth less than the one before, at this rate, so that no sum
    is worth more than some score; 0: each is worth the same."""

    def worth(self, score_seconds: float) -> float:
        """Return the score that normal operation reaches as seldom as this sum."""
        return self.offset + excess_as_rare(score_seconds, self.shape, self.gain)

    def seconds_to(self, worth: float, score: float) -> float:
        """Return how long a score has to last for its sum to be worth so much; inf: for ever."""
        if score <= self.drift:
            return math.inf
        excess = max(0.0, worth - self.offset) / self.gain
        return rarity_of(excess, self.shape) / (score - self.drift)


class SequentialTest:
    """Says what the scores of one camera's clips are worth together, in order of time."""

    def __init__(self, rules: Sequence[SumRule]) -> None:
        self._sums = [(rule, _Sum(rule.drift)) for rule in rules]
        self._usual = _Usual()

    def after(self, score: float, step_seconds: float | None) -> float:
        """Return the level at this clip: its score, or what a sum so far is worth if that is more.

        `step_seconds`: since the clip before; None begins anew.
        """
        level = score
        if not self._sums:
            return level
        usual = self._usual.before(score, step_seconds)
        for rule, one in self._sums:
            total = one.after(score, step_seconds, usual)
            if total:
                level = max(level, rule.worth(total))
        return level


class _Usual:
    """Knows the median of the scores that were a while ago; 0 while it knows too few."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._now_us = 0
        self._new: deque[tuple[int, float]] = deque()
        """Moments and scores that are not usual yet."""
        self._known: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []
        """The scores of `_known`."""

    def before(self, score: float, step_seconds: float | None) -> float:
        """Return what was usual before this clip, and take it in."""
        if step_seconds is None:
            self._begin()
        self._now_us += round((step_seconds or 0.0) * MICROSECONDS_PER_SECOND)
        self._new.append((self._now_us, score))
        while self._now_us - self._new[0][0] >= _NOT_YET_USUAL_US:
            moment = self._new.popleft()
            self._known.append(moment)
            insort(self._sorted, moment[1])
        while self._known and self._now_us - self._known[0][0] > _USUAL_US:
            del self._sorted[bisect_left(self._sorted, self._known.popleft()[1])]
        if not self._known or self._known[-1][0] - self._known[0][0] < _LEAST_USUAL_US:
            return 0.0
        return self._sorted[len(self._sorted) // 2]


class _Sum:
    """Adds up what scores have above a drift, or above what is usual if that is more.

    The sum at a clip is the largest of all that end there and begin two minutes before at most.
    Sums are whole millionths of a score times microseconds: they are the same wherever the adding
    began.
    """

    def __init__(self, drift: float) -> None:
        self._drift = drift
        self._begin()

    def _begin(self) -> None:
        self._now_us = self._below_us = self._total = 0
        self._lows: deque[tuple[int, int]] = deque([(0, 0)])
        """Moments at which a sum may begin, with the total there: the totals rise."""

    def after(self, score: float, step_seconds: float | None, usual: float) -> float:
        """Return the score-seconds above the drift at this clip."""
        if step_seconds is None:
            self._begin()
        step_us = round((step_seconds or 0.0) * MICROSECONDS_PER_SECOND)
        above = round((score - max(self._drift, usual + _ABOVE_USUAL)) * _MILLIONTH)
        self._now_us += step_us
        self._total += above * step_us
        while self._lows and self._lows[-1][1] >= self._total:
            self._lows.pop()
        self._lows.append((self._now_us, self._total))
        while self._now_us - self._lows[0][0] > _REMEMBERED_US:
            self._lows.popleft()
        self._below_us = self._below_us + step_us if above < 0 else 0
        if self._below_us >= _FORGET_US:
            self._begin()
        return (self._total - self._lows[0][1]) / (_MILLIONTH * MICROSECONDS_PER_SECOND)


def excursions(steps: Iterable[tuple[float, float | None]], drift: float) -> Iterator[float]:
    """Yield the largest sum above a drift of every excursion above nothing, of (score, seconds
    since the clip before) in order of time."""
    one, usual, largest = _Sum(drift), _Usual(), 0.0
    for score, step_seconds in steps:
        total = one.after(score, step_seconds, usual.before(score, step_seconds))
        if largest and (not total or step_seconds is None):
            yield largest
            largest = 0.0
        largest = max(largest, total)
    if largest:
        yield largest
