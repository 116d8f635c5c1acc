"""Arrival clock: the wall time of a live stream, from when its frames arrived."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

__all__ = ["ArrivalClock"]

_WINDOW_US = 60_000_000
_RECENT_US = 2_000_000
_ENOUGH_US = 1_000_000
_JUMP_US = 1_000_000
_BUCKET_US = 250_000


@dataclass(slots=True)
class _Bucket:
    """Frames that arrived within a quarter of a second, with about the same difference."""

    begun_us: int
    smallest_us: int
    """Smallest arrival - media time."""
    media_us: int
    """Largest media time."""


class ArrivalClock:
    """Wall time of media time 0, in microseconds since 1970: the smallest (arrival - media time) of
    a minute.

    A frame is never early, but often late: servers begin with a burst of frames that they kept, and
    networks hold frames up. So the smallest difference is the right one, and a minute is long
    enough to find a prompt frame and short enough to follow the drift of the camera's clock. What
    the camera itself needs from light to packet is not known, and not in it.
    """

    def __init__(self) -> None:
        self._buckets: deque[_Bucket] = deque()
        self._first_us: int | None = None

    def add(self, media_us: int, arrival_us: int) -> None:
        """Take in a frame."""
        if self._first_us is None:
            self._first_us = arrival_us
        difference = arrival_us - media_us
        last = self._buckets[-1] if self._buckets else None
        alike = last is not None and abs(difference - last.smallest_us) <= _JUMP_US
        if last is not None and alike and arrival_us - last.begun_us < _BUCKET_US:
            last.smallest_us = min(last.smallest_us, difference)
            last.media_us = max(last.media_us, media_us)
        else:
            self._buckets.append(_Bucket(arrival_us, difference, media_us))
        # Two windows are kept: a file may be older than the newest frames.
        while self._buckets[0].begun_us < arrival_us - 2 * _WINDOW_US:
            self._buckets.popleft()

    def epoch_us(self, media_us: int) -> int | None:
        """Return the wall time of media time 0 as it was for frames up to `media_us`; None when
        nothing is known of that time."""
        known = [one for one in self._buckets if one.media_us <= media_us]
        if not known:
            known = list(self._buckets)[:1]
        newest_us = known[-1].begun_us if known else 0
        window = [one.smallest_us for one in known if one.begun_us >= newest_us - _WINDOW_US]
        return min(window, default=None)

    def jumped_after_us(self) -> int | None:
        """Return the media time after which frames have another wall time than those of before;
        None when there is no such jump.

        A source that pauses and goes on counting where it was, or one that leaps ahead, by more
        than a second. Frames that were held up and then come all at once are no jump.
        """
        if self._first_us is None:
            return None
        border_us = self._buckets[-1].begun_us - _RECENT_US
        recent = [one for one in self._buckets if one.begun_us >= border_us]
        # The burst at the beginning is no jump.
        calm_us = self._first_us + _BUCKET_US
        before = [one for one in self._buckets if calm_us <= one.begun_us < border_us]
        # Right after a silence there are too few frames to judge by.
        if not before or recent[-1].begun_us - recent[0].begun_us < _ENOUGH_US:
            return None
        usual_us = min(one.smallest_us for one in before)
        if abs(min(one.smallest_us for one in recent) - usual_us) <= _JUMP_US:
            return None
        last = before[-1]
        for one in recent:
            if abs(one.smallest_us - usual_us) > _JUMP_US:
                break
            last = one
        return last.media_us
