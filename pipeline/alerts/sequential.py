"""The sequential test: what scores that are each a little high say together.

One clip in a hundred of normal operation scores 2, but not a hundred of them in a row. The sum of
what scores have above a drift (CUSUM, Page 1954, Biometrika 41) grows as long as something goes on,
and falls back in normal operation. What a sum is worth, as a score that normal operation reaches as
seldom, is part of the policy.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Protocol

from pipeline.timebase import MICROSECONDS_PER_SECOND

__all__ = ["SequentialRule", "SequentialTest", "excursions"]

_FORGET_US = 1_000_000
"""After so long below the drift all is forgotten: what follows is another event."""
_REMEMBERED_US = 120_000_000
"""What lies farther back does not count. Events are joined again from some minutes before each new
segment, and have to come out the same as from the whole stream."""
_MILLIONTH = 1_000_000
_EVEN = 1e-9
"""Shapes nearer to 0 than this are computed as 0."""


class SequentialRule(Protocol):
    """The part of an event policy that the test needs."""

    @property
    def sequential_drift(self) -> float:
        """Score above which evidence is added up."""

    @property
    def sequential_offset(self) -> float:
        """Score that a sum of nearly nothing is worth."""

    @property
    def sequential_gain(self) -> float:
        """Score that the first score-second is worth; 0 = no sequential test."""

    @property
    def sequential_shape(self) -> float:
        """Negative: each score-second is worth less than the one before, at this rate, so that no
        sum is worth more than some score; 0: each is worth the same."""


class SequentialTest:
    """Adds up the scores of one camera's clips, in order of time.

    The sum at a clip is the largest of all that end there and begin two minutes before at most.
    Sums are whole millionths of a score times microseconds: they are the same wherever the adding
    began.
    """

    def __init__(self, rule: SequentialRule) -> None:
        self._rule = rule
        self._begin()

    def _begin(self) -> None:
        self._now_us = self._below_us = self._total = 0
        self._lows: deque[tuple[int, int]] = deque([(0, 0)])
        """Moments at which a sum may begin, with the total there: the totals rise."""

    @property
    def sum(self) -> float:
        """Score-seconds above the drift."""
        return (self._total - self._lows[0][1]) / (_MILLIONTH * MICROSECONDS_PER_SECOND)

    def after(self, score: float, step_seconds: float | None) -> float:
        """Return the level at this clip: its score, or what the sum so far is worth if that is
        more.

        `step_seconds`: since the clip before; None begins anew.
        """
        if step_seconds is None:
            self._begin()
        step_us = round((step_seconds or 0.0) * MICROSECONDS_PER_SECOND)
        above = round((score - self._rule.sequential_drift) * _MILLIONTH)
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
        if self._rule.sequential_gain <= 0.0 or not self.sum:
            return score
        return max(score, _worth(self.sum, self._rule))


def _worth(total: float, rule: SequentialRule) -> float:
    """Return the score that a sum is worth."""
    shape, much = rule.sequential_shape, total
    if abs(shape) > _EVEN:
        much = math.expm1(shape * total) / shape
    return rule.sequential_offset + rule.sequential_gain * much


def excursions(
    steps: Iterable[tuple[float, float | None]], rule: SequentialRule
) -> Iterator[float]:
    """Yield the largest sum of every excursion above nothing, of (score, seconds since the clip
    before) in order of time."""
    test, largest = SequentialTest(rule), 0.0
    for score, step_seconds in steps:
        test.after(score, step_seconds)
        if largest and (not test.sum or step_seconds is None):
            yield largest
            largest = 0.0
        largest = max(largest, test.sum)
    if largest:
        yield largest
