"""Watching: frames of a stretch without those in which the camera could not see.

Frames wait until it is known whether a bad look was the beginning of trouble, so nothing of what
came before trouble was recognised reaches the scores. At most half a minute of frames waits.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import takewhile
from statistics import median

import numpy as np
from numpy.typing import NDArray

from pipeline.footage.frames import View, WorkingFrame
from pipeline.footage.segments import Segment
from pipeline.health.events import HealthEvent, Trouble, health_event
from pipeline.health.judge import Finding, Judge
from pipeline.health.look import Looker, grey_of
from pipeline.health.reference import HealthReference

__all__ = ["HealthWatch", "Spell", "SpellFinder"]

_FOREVER_US = 1 << 62
_CLOSES_US = 2_000_000
"""For how long the picture must be well until it is believed."""
_BAD_SHARE = 0.75
"""Of the looks since trouble may have begun."""
_FROZEN_SHARE = 0.9
"""Some cameras give a new picture now and then; an encoder changes a frozen one every few seconds.
"""
_LONGEST_WAIT_US = 20_000_000
"""What comes and goes for so long without a beginning is taken for normal."""
_STEADY_PX = 1.0
"""Shifts that differ by more are no new place of the scene: the camera shakes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spell:
    """A stretch of trouble, in media time."""

    trouble: Trouble
    start_us: int
    end_us: int
    """Half-open."""
    detail: str
    found_us: int
    """When it was recognised."""
    shift_px: tuple[int, int] = (0, 0)
    """Of a camera that moved slightly: where the scene lies, right and down."""


@dataclass(slots=True)
class _Open:
    """Trouble that goes on."""

    trouble: Trouble
    start_us: int
    detail: str
    found_us: int
    shift_px: tuple[int, int]

    def until(self, end_us: int) -> Spell:
        return Spell(
            trouble=self.trouble,
            start_us=self.start_us,
            end_us=end_us,
            detail=self.detail,
            found_us=self.found_us,
            shift_px=self.shift_px,
        )


@dataclass(slots=True)
class SpellFinder:
    """Joins findings to spells: trouble opens when most looks of some seconds show it, and closes
    when all of two seconds show none or another.

    After each look, everything before `settled_us` is known.
    """

    start_us: int = 0
    """Where the stretch begins."""
    spells: list[Spell] = field(default_factory=list)
    """Those that are over."""
    open: _Open | None = None
    settled_us: int = 0
    _pending: list[Finding] = field(default_factory=list)
    """Looks that may become another state than that of now, beginning with the first such one."""
    _before_us: int = 0
    """When the trouble of those would begin."""
    _earlier_us: int = 0
    """Right after the last look but one."""

    def __post_init__(self) -> None:
        self.settled_us = self._earlier_us = self.start_us

    def add(self, finding: Finding, *, since_us: int) -> None:
        """Take in the next look; `since_us` is right after the look before it."""
        earlier_us, self._earlier_us = self._earlier_us, since_us
        if not self._pending:
            if self._fits(finding):
                self.settled_us = since_us
                return
            # One look more: a picture that repeats was frozen at the look before already, and
            # a hand on the lens comes from somewhere.
            self._before_us = max(earlier_us, self.open.start_us + 1 if self.open else 0)
        self._pending.append(finding)
        self._decide(finding.pts_us)
        self.settled_us = self._pending_since() if self._pending else since_us

    def end(self, end_us: int) -> None:
        """Finish at the end of the stretch: trouble that has lasted for half of its time counts,
        but for a frozen picture, which may as well be one that comes late."""
        bad = [one for one in self._pending if one.trouble is not None]
        times = 1 if bad and self._opening(bad).trouble is Trouble.FROZEN else 2
        if bad and self._lasts(bad, times * (end_us - bad[0].pts_us)):
            self._open_if_steady(bad)
            self._pending = []
        if self.open is not None:
            well = [one.pts_us for one in self._pending if one.trouble is None]
            self._close(well[0] if well else end_us)
        self._pending = []
        self.settled_us = _FOREVER_US

    def _pending_since(self) -> int:
        """Return since when it is not known what the looks that wait come to."""
        first = self._pending[0]
        # Trouble ends with the first look that is well.
        return self._before_us if first.trouble is not None else first.pts_us

    def _fits(self, finding: Finding) -> bool:
        if self.open is None:
            return finding.trouble is None
        if self.open.trouble is not Trouble.MOVED_SLIGHTLY:
            return finding.trouble is not None and finding.trouble.blinds
        near = (
            abs(a - b) <= 1.0 for a, b in zip(finding.shift_px, self.open.shift_px, strict=True)
        )
        return finding.trouble is Trouble.MOVED_SLIGHTLY and all(near)

    def _decide(self, now_us: int) -> None:
        if all(self._fits(one) for one in self._pending if one.pts_us > now_us - _CLOSES_US):
            self._pending = []  # it passed
            return
        bad = [one for one in self._pending if one.trouble is not None]
        well = list(takewhile(lambda one: one.trouble is None, reversed(self._pending)))
        lasted_us = now_us - (bad[0].pts_us if bad else now_us)
        if self.open is not None and well and now_us - well[-1].pts_us >= _CLOSES_US:
            self._close(well[-1].pts_us)
            self._pending = []
        elif bad and self._lasts(bad, lasted_us):
            self._open_if_steady(bad)
            self._pending = []
        elif lasted_us >= _LONGEST_WAIT_US:
            self._pending = []

    def _lasts(self, bad: list[Finding], lasted_us: int) -> bool:
        opening = self._opening(bad)
        share = _FROZEN_SHARE if opening.trouble is Trouble.FROZEN else _BAD_SHARE
        return len(bad) >= share * len(self._pending) and lasted_us >= opening.opens_us

    @staticmethod
    def _opening(bad: list[Finding]) -> Finding:
        """Return the finding that stands for several: the latest of the most frequent trouble."""
        most = Counter(one.trouble for one in bad).most_common(1)[0][0]
        return [one for one in bad if one.trouble is most][-1]

    def _open_if_steady(self, bad: list[Finding]) -> None:
        opening = self._opening(bad)
        assert opening.trouble is not None
        same = [one for one in bad if one.trouble is opening.trouble]
        shift_px = (0, 0)
        if opening.trouble is Trouble.MOVED_SLIGHTLY:
            if not _steady(same):
                return
            right, down = (round(median(one.shift_px[axis] for one in same)) for axis in (0, 1))
            shift_px = right, down
        start_us = self._pending_since()
        self._close(start_us)
        self.open = _Open(
            trouble=opening.trouble,
            start_us=start_us,
            detail=opening.detail,
            found_us=bad[-1].pts_us,
            shift_px=shift_px,
        )

    def _close(self, at_us: int) -> None:
        if self.open is not None and at_us > self.open.start_us:
            self.spells.append(self.open.until(at_us))
        self.open = None


def _steady(findings: list[Finding]) -> bool:
    return all(
        max(one.shift_px[axis] for one in findings) - min(one.shift_px[axis] for one in findings)
        <= _STEADY_PX
        for axis in (0, 1)
    )


class HealthWatch:
    """Watches the frames of one camera, segment by segment, and keeps what it found.

    `background`: HW, or HWC in RGB.
    """

    def __init__(
        self, background: NDArray[np.uint8], reference: HealthReference | None, view: View
    ) -> None:
        self._background = background
        self._reference = reference
        self._view = view
        self._looker = Looker(grey_of(background), view.masks)
        self._found: list[HealthEvent] = []

    def take(self) -> list[HealthEvent]:
        """Return what was found since the last call, in order of time."""
        found, self._found = self._found, []
        return found

    def watched(self, frames: Iterable[WorkingFrame], segment: Segment) -> Iterator[WorkingFrame]:
        """Yield the frames in which the camera could see, those of a camera that moved slightly
        shifted back; the first after a stretch of trouble follows a hole.

        What was found is there when the frames are at their end.
        """
        judge = Judge(self._looker, self._reference, self._view)
        finder = SpellFinder(segment.start_us)
        waiting = _Waiting(self._shifted_back)
        since_us = segment.start_us
        for frame in frames:
            waiting.frames.append(frame)
            finding = judge.finding(frame)
            if finding is not None:
                finder.add(finding, since_us=since_us)
                yield from waiting.known(finder)
                # Half-open: what the next look finds may have begun right after this frame.
                since_us = frame.pts_us + 1
        finder.end(segment.end_us)
        yield from waiting.known(finder)
        self._found += [
            health_event(
                segment,
                one.trouble,
                one.start_us,
                one.end_us,
                found_us=one.found_us,
                detail=one.detail,
            )
            for one in finder.spells
        ]

    def _shifted_back(self, frame: WorkingFrame, shift_px: tuple[int, int]) -> WorkingFrame:
        """Return the frame with its scene where it was learnt, by whole pixels: anything else would
        blur. What is missing at the border is the background's, as bright as the frame."""
        right, down = shift_px
        image = frame.image
        height, width = image.shape[:2]
        gain = float(image.mean()) / max(float(self._background.mean()), 1.0)
        moved = np.clip(self._background * gain, 0, 255).astype(np.uint8)
        to_rows = slice(max(0, -down), min(height, height - down))
        to_columns = slice(max(0, -right), min(width, width - right))
        from_rows = slice(max(0, down), min(height, height + down))
        from_columns = slice(max(0, right), min(width, width + right))
        moved[to_rows, to_columns] = image[from_rows, from_columns]
        return replace(frame, image=moved)


@dataclass(slots=True)
class _Waiting:
    """Frames of which it is not known yet whether the camera could see."""

    shifted_back: Callable[[WorkingFrame, tuple[int, int]], WorkingFrame]
    frames: list[WorkingFrame] = field(default_factory=list)
    _after_hole: bool = False
    _shift_px: tuple[int, int] = (0, 0)

    def known(self, finder: SpellFinder) -> Iterator[WorkingFrame]:
        """Yield the frames of which it is known by now that the camera could see."""
        spells = [*finder.spells, *([finder.open.until(_FOREVER_US)] if finder.open else [])]
        count = 0
        for frame in self.frames:
            if frame.pts_us >= finder.settled_us:
                break
            count += 1
            spell = next((s for s in spells if s.start_us <= frame.pts_us < s.end_us), None)
            if spell is not None and spell.trouble.blinds:
                self._after_hole = True
                continue
            shift_px = spell.shift_px if spell is not None else (0, 0)
            hole = frame.follows_hole or self._after_hole or shift_px != self._shift_px
            self._after_hole, self._shift_px = False, shift_px
            seen = frame if shift_px == (0, 0) else self.shifted_back(frame, shift_px)
            yield seen if hole == seen.follows_hole else replace(seen, follows_hole=hole)
        del self.frames[:count]
