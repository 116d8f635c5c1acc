"""The sequential test: what scores that are each a little high say together.

One clip in a hundred of normal operation scores 2, but not a hundred of them in a row. The sum of
what scores have above a drift (CUSUM, Page 1954, Biometrika 41) grows as long as something goes on,
and falls back in normal operation. What a sum is worth, as a score that normal operation reaches as
seldom, is part of the policy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Protocol

__all__ = ["SequentialRule", "SequentialTest", "excursions"]

_FORGET_SECONDS = 1.0
"""After so long below the drift all is forgotten: what follows is another event."""


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
        """Score that each score-second more is worth; 0 = no sequential test."""


class SequentialTest:
    """Adds up the scores of one camera's clips, in order of time."""

    def __init__(self, rule: SequentialRule) -> None:
        self._rule = rule
        self._below_seconds = 0.0
        self.sum = 0.0
        """Score-seconds above the drift."""

    def after(self, score: float, step_seconds: float | None) -> float:
        """Return the level at this clip: its score, or what the sum so far is worth if that is
        more.

        `step_seconds`: since the clip before; None begins anew.
        """
        if step_seconds is None:
            self.sum = self._below_seconds = step_seconds = 0.0
        above = score - self._rule.sequential_drift
        self._below_seconds = self._below_seconds + step_seconds if above < 0.0 else 0.0
        self.sum = max(0.0, self.sum + above * step_seconds)
        if self._below_seconds >= _FORGET_SECONDS:
            self.sum = 0.0
        if self._rule.sequential_gain <= 0.0 or not self.sum:
            return score
        return max(score, self._rule.sequential_offset + self._rule.sequential_gain * self.sum)


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
    if largest and math.isfinite(largest):
        yield largest
