"""Lighting events: in which light a camera's scene was, from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.footage.segments import Segment
from pipeline.identity import content_id
from pipeline.timebase import shift_utc

__all__ = ["SWITCH", "UNKNOWN", "LightingEvent", "LightingSpell", "lighting_event"]

UNKNOWN = "unknown"
"""Name of light that is like no state."""
SWITCH = ""
"""Name of the time in which light goes from one state to another."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LightingSpell:
    """A stretch in one lighting state, in unknown light, or in a switch; media time."""

    state: str
    """UNKNOWN and SWITCH are no states."""
    start_us: int
    end_us: int
    """Half-open."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LightingEvent:
    """A stretch of a segment in one lighting state."""

    lighting_id: str
    """content_id("lighting", segment_id, state, start_us, end_us)."""
    segment_id: str
    camera: str
    state: str
    """Name of a state of the camera's model, or UNKNOWN."""
    start_us: int
    end_us: int
    """Half-open, media time."""
    start_utc: datetime
    end_utc: datetime

    def spell(self) -> LightingSpell:
        """Return the spell that it tells of."""
        return LightingSpell(state=self.state, start_us=self.start_us, end_us=self.end_us)

    def line(self) -> str:
        """Return what a progress line says of light that was not seen while learning."""
        length = (self.end_us - self.start_us) / 1e6
        return (
            f"camera {self.camera}: light that was not seen while learning from "
            f"{self.start_utc:%Y-%m-%d %H:%M:%S} UTC for {length:.1f} s; it was scored by what all "
            "states say together, and alerts may be more than the budget"
        )


def lighting_event(segment: Segment, spell: LightingSpell) -> LightingEvent:
    """Return the event of a spell of a segment."""
    return LightingEvent(
        lighting_id=content_id(
            "lighting",
            segment.segment_id,
            spell.state,
            spell.start_us,
            spell.end_us,
        ),
        segment_id=segment.segment_id,
        camera=segment.camera,
        state=spell.state,
        start_us=spell.start_us,
        end_us=spell.end_us,
        start_utc=shift_utc(segment.start_utc, spell.start_us - segment.start_us),
        end_utc=shift_utc(segment.start_utc, spell.end_us - segment.start_us),
    )
