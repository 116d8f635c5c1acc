"""Watching light: each frame of a stretch with the lighting state that its scene is in, without
those in which the state switches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pipeline.footage.frames import WorkingFrame
from pipeline.footage.segments import Segment
from pipeline.health.events import HealthEvent, Trouble, health_event
from pipeline.lighting.events import SWITCH, UNKNOWN, LightingEvent, LightingSpell, lighting_event
from pipeline.lighting.judge import Lighting
from pipeline.lighting.light import LOOK_US
from pipeline.lighting.spells import SpellFinder

__all__ = ["LightingWatch", "lit_as_found"]


class LightingWatch:
    """Watches the light of one camera, segment by segment, and keeps what it found."""

    def __init__(self, lighting: Lighting) -> None:
        self._lighting = lighting
        self._found: list[LightingEvent] = []
        self._switches: list[HealthEvent] = []

    def apart(self) -> LightingWatch:
        """Return one that watches the same light and has found nothing."""
        return LightingWatch(self._lighting)

    def take(self) -> tuple[list[LightingEvent], list[HealthEvent]]:
        """Return the spells found since the last call, and the switches between them; both in order
        of time."""
        found = self._found, self._switches
        self._found, self._switches = [], []
        return found

    def watched(self, frames: Iterable[WorkingFrame], segment: Segment) -> Iterator[WorkingFrame]:
        """Yield the frames with the name of their lighting state, empty in unknown light; the first
        in another light follows a hole. What was found is there when the frames are at their end.
        """
        finder = SpellFinder(segment.start_us)
        waiting = _Waiting()
        since_us, looked_us = segment.start_us, segment.start_us - LOOK_US
        for frame in frames:
            waiting.frames.append(frame)
            if frame.pts_us - looked_us < LOOK_US:
                continue
            finder.add(frame.pts_us, *self._lighting.distances(frame), since_us=since_us)
            looked_us, since_us = frame.pts_us, frame.pts_us + 1
            yield from waiting.known(finder)
        finder.end(segment.end_us)
        yield from waiting.known(finder)
        self._found += [lighting_event(segment, s) for s in finder.spells if s.state != SWITCH]
        self._switches += _switches(segment, finder.spells)


def lit_as_found(
    frames: Iterable[WorkingFrame], spells: Sequence[LightingSpell]
) -> Iterator[WorkingFrame]:
    """Yield frames as `LightingWatch.watched` gave them when it found these spells; those in none
    of them are of a switch."""
    namer = _Namer()
    for frame in frames:
        named = namer.named(frame, spells)
        if named is not None:
            yield named


@dataclass(slots=True)
class _Namer:
    """Names the lighting state of one frame after the other."""

    _state: str | None = None
    """Of the frame before."""

    def named(self, frame: WorkingFrame, spells: Sequence[LightingSpell]) -> WorkingFrame | None:
        """Return the frame with its state; None in a switch."""
        spell = next((s for s in spells if s.start_us <= frame.pts_us < s.end_us), None)
        state = spell.state if spell is not None else SWITCH
        before, self._state = self._state, state
        if state == SWITCH:
            return None
        hole = frame.follows_hole or before not in (None, state)
        return replace(frame, lighting="" if state == UNKNOWN else state, follows_hole=hole)


@dataclass(slots=True)
class _Waiting:
    """Frames of which the state is not known yet: those of some seconds at most."""

    frames: list[WorkingFrame] = field(default_factory=list)
    _namer: _Namer = field(default_factory=_Namer)

    def known(self, finder: SpellFinder) -> Iterator[WorkingFrame]:
        """Yield the frames whose state is known by now."""
        spells = [*finder.spells, *([finder.open] if finder.open else [])]
        count = 0
        for frame in self.frames:
            if frame.pts_us >= finder.settled_us:
                break
            count += 1
            named = self._namer.named(frame, spells)
            if named is not None:
                yield named
        del self.frames[:count]


def _switches(segment: Segment, spells: Sequence[LightingSpell]) -> Iterator[HealthEvent]:
    """Yield what is told of the switches; each follows a state, and is the last or has one after
    it."""
    for index, spell in enumerate(spells):
        if spell.state != SWITCH:
            continue
        after = spells[index + 1].state if index + 1 < len(spells) else "not known"
        yield health_event(
            segment,
            Trouble.STATE_CHANGE,
            spell.start_us,
            spell.end_us,
            found_us=spell.end_us,
            detail=f"light: {spells[index - 1].state}, then {after}",
        )
