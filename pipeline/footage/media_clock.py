"""Media time of frames, made to grow strictly from what containers claim.

Imported by the decoding child, so it imports nothing heavy.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter, deque
from typing import ClassVar

__all__ = ["MediaClock", "typical_step_us"]

_DEFAULT_STEP_US = 40_000
_REMEMBERED_STEPS = 31
_REMEMBERED_VALUES = 4096
_FIRST_TIME_SHIFT_US = 500_000
_RESTART_AFTER_FRAMES = 8


def typical_step_us(steps: Counter[int]) -> float:
    """Return the mean of the steps within 20 % of their median.

    Containers with milliseconds alternate 33 and 34 for 30 frames a second: the median alone
    would say 30.3.
    """
    total = sum(steps.values())
    seen = 0
    median = 0
    for step in sorted(steps):
        seen += steps[step]
        if 2 * seen >= total:
            median = step
            break
    near = {step: n for step, n in steps.items() if abs(step - median) <= 0.2 * median}
    return sum(step * n for step, n in near.items()) / sum(near.values())


class MediaClock:
    """Gives every frame a media time, in whole microseconds from 0, later than the one before.

    - A first time up to half a second (codec delay of AVI, edit lists) is taken as 0; a later one
      is a hole at the beginning and is kept.
    - A time of exactly 0 after the first frame means "unknown" (AVI with B-frames, raw streams):
      the frame follows the one before after the typical step.
    - A time before the last one is out of order: the frame is put one microsecond after the last
      and called misplaced. When eight frames in a row are, the source has started its time again,
      and time goes on from where it was.
    """

    settled_frames: ClassVar[int] = _REMEMBERED_STEPS + 1
    """After so many frames in order the clock is where it would be had it seen all before them."""

    def __init__(self, claimed_rate: float) -> None:
        sane = 0.01 <= claimed_rate <= 1000.0
        self._step_us = round(1e6 / claimed_rate) if sane else _DEFAULT_STEP_US
        self._recent: deque[int] = deque()
        self._ordered: list[int] = []
        self._steps: Counter[int] = Counter()
        self._last_us: int | None = None
        self._shift_us = 0
        self._skipped = False
        self._behind = 0
        self._behind_first_us = 0
        self._behind_base_us = 0

    @property
    def step_us(self) -> int:
        """Typical time between the last 32 frames; before the second one, as claimed."""
        return self._step_us

    @property
    def frame_rate(self) -> float:
        """Frames a second, typical of all so far; 0 when fewer than two were seen."""
        return round(1e6 / typical_step_us(self._steps), 3) if self._steps else 0.0

    def claimed_us(self, time_us: int) -> int:
        """Return what the container claims of the frame at a media time, once the first was
        placed."""
        return time_us - self._shift_us

    def skip(self) -> None:
        """Go on behind frames that are left out; those were in order."""
        self._skipped = True
        self._recent.clear()
        self._ordered.clear()

    def place(self, claimed_us: int) -> tuple[int, bool]:
        """Return (media time, misplaced) of the next frame."""
        if self._last_us is None:
            self._shift_us = -claimed_us if claimed_us <= _FIRST_TIME_SHIFT_US else 0
            self._last_us = claimed_us + self._shift_us
            return self._last_us, False
        step_us = self._step_us
        if claimed_us == 0:
            return self._advance(self._last_us + step_us, known=False), False
        time_us = claimed_us + self._shift_us
        if self._skipped:
            self._skipped = False
            self._last_us = time_us
            return time_us, False
        if time_us >= self._last_us:
            self._behind = 0
            return self._advance(max(time_us, self._last_us + 1), known=True), False
        self._behind += 1
        if self._behind == 1:
            self._behind_first_us = claimed_us
            self._behind_base_us = self._last_us + step_us
        if self._behind >= _RESTART_AFTER_FRAMES:
            restarted_us = self._behind_base_us + claimed_us - self._behind_first_us
            self._shift_us = restarted_us - claimed_us
            self._behind = 0
            return self._advance(max(restarted_us, self._last_us + 1), known=False), True
        return self._advance(self._last_us + 1, known=False), True

    def _advance(self, time_us: int, *, known: bool) -> int:
        assert self._last_us is not None
        if known:
            step_us = time_us - self._last_us
            self._remember(step_us)
            if step_us in self._steps or len(self._steps) < _REMEMBERED_VALUES:
                self._steps[step_us] += 1
        self._last_us = time_us
        return time_us

    def _remember(self, step_us: int) -> None:
        self._recent.append(step_us)
        insort(self._ordered, step_us)
        if len(self._recent) > _REMEMBERED_STEPS:
            self._ordered.pop(bisect_left(self._ordered, self._recent.popleft()))
        self._step_us = max(1, round(_mean_near_median(self._ordered)))


def _mean_near_median(ordered: list[int]) -> float:
    """Do what `typical_step_us` does, for a few steps that are in order already."""
    median = ordered[(len(ordered) - 1) // 2]
    near = [step for step in ordered if abs(step - median) <= 0.2 * median]
    return sum(near) / len(near)
