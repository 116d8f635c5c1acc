"""Status: what the recorders of a site's live cameras do now, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.assembly import Site
from pipeline.recording.outage import Cause, told
from pipeline.recording.state import Activity, read_state

__all__ = ["RecordingLine", "recording_lines"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RecordingLine:
    """The present of one live camera."""

    camera: str
    state: str
    """recording, blind, stopped, or never when nothing was ever recorded."""
    since_utc: datetime | None
    last_frame_utc: datetime | None
    why: str
    """Why nothing is recorded; empty while something is."""


def recording_lines(site: Site) -> list[RecordingLine]:
    """Return the present of every camera that has a stream, in the order of kizashi.toml."""
    return [_line(site, table.camera) for table in site.settings.record]


def _line(site: Site, camera: str) -> RecordingLine:
    state = read_state(site.folder, camera)
    if state is None:
        why = told(Cause.NOT_RUNNING)
        return RecordingLine(
            camera=camera, state="never", since_utc=None, last_frame_utc=None, why=why
        )
    if not state.runs(site.clock.now_utc()):
        return RecordingLine(
            camera=camera,
            state=Activity.STOPPED.value,
            since_utc=state.beat_utc,
            last_frame_utc=state.last_frame_utc,
            why=told(Cause.NOT_RUNNING),
        )
    return RecordingLine(
        camera=camera,
        state=state.activity.value,
        since_utc=state.since_utc,
        last_frame_utc=state.last_frame_utc,
        why=f"{state.cause}: {told(Cause(state.cause))}" if state.cause else "",
    )
