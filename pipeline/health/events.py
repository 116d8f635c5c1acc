"""Health events: when a camera could not see, or had moved a little, and why that is thought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.footage.segments import Segment
from pipeline.identity import content_id
from pipeline.timebase import shift_utc

__all__ = ["HealthEvent", "Trouble", "health_event"]


class Trouble(StrEnum):
    """Why nobody sees what a camera shows while its footage is in order."""

    FROZEN = "frozen"
    """The same picture again and again."""
    BLACK = "black"
    """Nothing but darkness."""
    COVERED = "covered"
    """Something hides the scene: the structure of the background is gone."""
    OUT_OF_FOCUS = "out_of_focus"
    """The scene is there, its fine structure is not."""
    MOVED = "moved"
    """The scene lies somewhere else in the picture."""
    MOVED_SLIGHTLY = "moved_slightly"
    """By so little that frames are shifted back and scored: the only one that does not blind."""
    FRAME_RATE_DOWN = "frame_rate_down"
    """Far fewer frames come than in normal operation."""
    BACKLOG = "backlog"
    """Nothing is wrong with the camera: more footage came than could be scored, and the oldest was
    let go."""
    STATE_CHANGE = "state_change"
    """No trouble: the light switches from one state that was learnt to another. Nothing is scored
    until it is steady."""

    @property
    def words(self) -> str:
        """What the camera is, in a line for people."""
        return self.value.replace("_", " ")

    @property
    def is_trouble(self) -> bool:
        """Whether something is wrong with the camera, so that its pictures show it: a light that
        was switched is none, nor is a machine that has too many cameras to look at."""
        return self not in (Trouble.STATE_CHANGE, Trouble.BACKLOG)

    @property
    def blinds(self) -> bool:
        """Whether nothing is scored meanwhile."""
        return self is not Trouble.MOVED_SLIGHTLY


@dataclass(frozen=True, kw_only=True, slots=True)
class HealthEvent:
    """A stretch of a segment in which its camera was in trouble."""

    health_id: str
    """content_id("health", segment_id, trouble, start_us, end_us)."""
    segment_id: str
    footage_id: str
    camera: str
    trouble: Trouble
    start_us: int
    end_us: int
    """Half-open, media time."""
    found_us: int
    """When it was recognised, media time."""
    start_utc: datetime
    end_utc: datetime
    detail: str = ""
    """One line for people: what was measured."""

    def line(self) -> str:
        """Return what a progress line says of it."""
        length = (self.end_us - self.start_us) / 1e6
        done = "nothing was scored" if self.trouble.blinds else "frames were shifted back"
        return (
            f"camera {self.camera}: {self.trouble.words} from "
            f"{self.start_utc:%Y-%m-%d %H:%M:%S} UTC for {length:.1f} s ({self.detail}); {done}"
        )


def health_event(
    segment: Segment,
    trouble: Trouble,
    start_us: int,
    end_us: int,
    *,
    found_us: int,
    detail: str = "",
) -> HealthEvent:
    """Return the event of a trouble of a segment between two media times."""
    return HealthEvent(
        health_id=content_id("health", segment.segment_id, trouble.value, start_us, end_us),
        segment_id=segment.segment_id,
        footage_id=segment.footage_id,
        camera=segment.camera,
        trouble=trouble,
        start_us=start_us,
        end_us=end_us,
        found_us=found_us,
        start_utc=shift_utc(segment.start_utc, start_us - segment.start_us),
        end_utc=shift_utc(segment.start_utc, end_us - segment.start_us),
        detail=detail,
    )
