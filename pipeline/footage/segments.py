"""Segments and blind intervals: together they cover the time of a footage."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.footage.admission import Reason
from pipeline.identity import content_id
from pipeline.timebase import shift_utc

__all__ = ["Blind", "Coverage", "Segment", "Span", "segments_and_blind"]

_SHORTEST_US = 1_000_000
"""A shorter run of good frames holds no window worth scoring."""
_GAP_US = 500_000
_GAP_IN_STEPS = 3
_JITTER_US = 40_000
"""Times of frames may wander by this much without a frame missing."""
_LEAD_US = 200_000
"""Frames this close before a damaged one are not trusted: decoders complain late."""
_SETTLE_US = 1_000_000
_SETTLE_IN_STEPS = 5
"""Decoders hold back a few frames to put them in order, so the damaged one may be a later one."""
_LONGEST_WAIT_US = 12_000_000
"""Streams without whole pictures refresh bit by bit; after this long they are taken for clean."""
_CLAIM_FACTOR = 10
_CLAIM_EXTRA_US = 60_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """A run of good frames of one footage without a hole."""

    segment_id: str
    """content_id("segment", footage_id, start_us, end_us)."""
    footage_id: str
    camera: str
    start_us: int
    """Media time of the first frame, microseconds."""
    end_us: int
    """Media time at which the last frame ends (half-open)."""
    frames: int
    start_utc: datetime
    """Wall time of `start_us`."""

    @property
    def end_utc(self) -> datetime:
        """Wall time of `end_us`."""
        return shift_utc(self.start_utc, self.end_us - self.start_us)


@dataclass(frozen=True, kw_only=True, slots=True)
class Blind:
    """A stretch of wall time in which a camera was not seen, with its reason."""

    blind_id: str
    """content_id("blind", camera, footage_id or "", start_utc, end_utc, reason)."""
    camera: str
    footage_id: str | None
    """None when no footage covers the time."""
    start_utc: datetime
    end_utc: datetime
    """Half-open."""
    reason: Reason
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch [start_us, end_us) of media time; reason None means seen."""

    start_us: int
    end_us: int
    reason: Reason | None
    frames: int = 0


class Coverage:
    """Divides the media time of a footage, frame by frame, into what was seen and what was not.

    Memory grows with the number of spans and never with the number of frames.

    - A step of more than half a second and three typical steps is a hole: GAP.
    - A damaged frame blinds from 0.2 s before it until a whole picture (key frame) that comes after
      a second, and five steps, without damage: DAMAGED.
    - A run of good frames shorter than one second is TOO_SHORT.

    With `lossy` (MPEG-TS) a step of more than one and a half typical ones may mean that packets
    were lost, after which decoders build on pictures that they never had and say nothing (measured
    with OpenCV 5.0.0): all until the next whole picture is DAMAGED.
    """

    def __init__(self, *, lossy: bool = False) -> None:
        self._lossy = lossy
        self._done: list[Span] = []
        self._run_start_us = 0
        self._confirmed = 0
        self._young: deque[int] = deque()
        self._damage_start_us: int | None = None
        self._damaged_us = 0
        self._keys_seen = False
        self._last_us: int | None = None
        self._step_us = 0

    @property
    def end_us(self) -> int:
        """Media time at which the last frame ends."""
        return 0 if self._last_us is None else self._last_us + self._step_us

    def add(self, pts_us: int, *, damaged: bool, key: bool, step_us: int) -> None:
        """Take in the next frame."""
        before_us = self._last_us
        gap = _is_gap(pts_us - (before_us or 0), step_us) and before_us is not None
        if before_us is None:
            self._run_start_us = pts_us
            if pts_us > 0:
                self._close(0, pts_us, Reason.GAP)
        elif gap and self._damage_start_us is None:
            end_us = before_us + min(step_us, pts_us - before_us)
            self._end_run(end_us)
            self._close(end_us, pts_us, Reason.GAP)
            self._run_start_us = pts_us
        if self._lossy and not key and before_us is not None:
            self._check_loss(before_us, pts_us, step_us)
        self._last_us, self._step_us = pts_us, step_us
        self._keys_seen = self._keys_seen or key
        if damaged:
            self._damage(pts_us)
        elif self._damage_start_us is None:
            self._keep(pts_us)
        elif self._is_clean(pts_us, key, step_us):
            self._close(self._damage_start_us, pts_us, Reason.DAMAGED)
            self._damage_start_us = None
            self._run_start_us = pts_us
            self._keep(pts_us)

    def spans(self, *, tail: Reason | None, claimed_us: int, damaged_end: bool) -> list[Span]:
        """Return spans that cover [0, duration) without a hole or an overlap.

        `tail` says why decoding ended before the end that the container claims; None when it
        ended in good order, and then a claim that is clearly longer is TRUNCATED.
        """
        end_us = self.end_us
        if damaged_end and self._last_us is not None:
            self._damage(self._last_us)
        if self._damage_start_us is not None:
            self._close(self._damage_start_us, end_us, Reason.DAMAGED)
            self._damage_start_us = None
        elif self._last_us is not None:
            self._end_run(end_us)
        # A container may claim anything; what it claims is believed within reason.
        believed_us = min(claimed_us, _CLAIM_FACTOR * end_us + _CLAIM_EXTRA_US)
        if tail is None and _is_gap(believed_us - end_us, self._step_us):
            tail = Reason.TRUNCATED
        if tail is not None:
            self._close(end_us, believed_us, tail)
        return self._done

    def _keep(self, pts_us: int) -> None:
        self._young.append(pts_us)
        while self._young and self._young[0] < pts_us - _LEAD_US:
            self._young.popleft()
            self._confirmed += 1

    def _damage(self, pts_us: int) -> None:
        self._damaged_us = pts_us
        if self._damage_start_us is not None:
            return
        start_us = pts_us
        while self._young and self._young[-1] >= pts_us - _LEAD_US:
            start_us = self._young.pop()
        self._end_run(start_us)
        self._damage_start_us = start_us

    def _check_loss(self, before_us: int, pts_us: int, step_us: int) -> None:
        """Begin damage at a frame before which packets may have been lost."""
        if pts_us - before_us <= 1.5 * step_us + _JITTER_US or self._damage_start_us is not None:
            return
        start_us = max(self._run_start_us, before_us + step_us)
        self._end_run(start_us)
        self._damage_start_us = start_us
        # The frames that are wrong come now and not later: the first whole picture ends it.
        self._damaged_us = pts_us - max(_SETTLE_US, _SETTLE_IN_STEPS * step_us)

    def _is_clean(self, pts_us: int, key: bool, step_us: int) -> bool:
        waited_us = pts_us - self._damaged_us
        if waited_us < max(_SETTLE_US, _SETTLE_IN_STEPS * step_us):
            return False
        return key or not self._keys_seen or waited_us >= _LONGEST_WAIT_US

    def _end_run(self, end_us: int) -> None:
        frames = self._confirmed + len(self._young)
        self._young.clear()
        self._confirmed = 0
        if frames:
            short = end_us - self._run_start_us < _SHORTEST_US
            self._close(self._run_start_us, end_us, Reason.TOO_SHORT if short else None, frames)

    def _close(self, start_us: int, end_us: int, reason: Reason | None, frames: int = 0) -> None:
        if end_us > start_us:
            self._done.append(Span(start_us=start_us, end_us=end_us, reason=reason, frames=frames))


def _is_gap(step_us: int, typical_us: int) -> bool:
    return step_us > max(_GAP_US, _GAP_IN_STEPS * typical_us)


def segments_and_blind(
    spans: Sequence[Span], *, footage_id: str, camera: str, start_utc: datetime
) -> tuple[list[Segment], list[Blind]]:
    """Return the spans of a footage that begins at `start_utc` as segments and blind intervals."""
    segments, blind = [], []
    for span in spans:
        begins_utc = shift_utc(start_utc, span.start_us)
        ends_utc = shift_utc(start_utc, span.end_us)
        if span.reason is None:
            name = content_id("segment", footage_id, span.start_us, span.end_us)
            segments.append(
                Segment(
                    segment_id=name,
                    footage_id=footage_id,
                    camera=camera,
                    start_us=span.start_us,
                    end_us=span.end_us,
                    frames=span.frames,
                    start_utc=begins_utc,
                )
            )
            continue
        parts = (footage_id, begins_utc.isoformat(), ends_utc.isoformat(), span.reason.value)
        blind.append(
            Blind(
                blind_id=content_id("blind", camera, *parts),
                camera=camera,
                footage_id=footage_id,
                start_utc=begins_utc,
                end_utc=ends_utc,
                reason=span.reason,
            )
        )
    return segments, blind
