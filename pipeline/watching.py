"""Whether a camera is being watched now: said honestly, with since when and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pipeline.assembly import Site
from pipeline.health.events import Trouble
from pipeline.recording.state import Activity, RecordingState, read_state

__all__ = ["CameraState", "Watching", "camera_states", "watching_of", "with_trouble"]

_LEAST_PATIENCE = timedelta(minutes=10)
"""Footage comes in files of a minute or ten, and rounds take their time."""
_ROUNDS_OF_PATIENCE = 3
_TROUBLE_LOOK_BACK = timedelta(hours=24)
_BETWEEN_FILES = timedelta(seconds=5)
"""Trouble that ends nearer to the next file, or to the end of the newest one, goes on."""


class Watching(StrEnum):
    """What a camera's present is."""

    WATCHING = "watching"
    """Its newest footage is scored."""
    BEHIND = "behind"
    """Footage is there that no model has looked at yet."""
    BLIND = "blind"
    """No footage has come for too long, or a live camera gives no frames."""
    UNWELL = "unwell"
    """Footage comes, and the camera sees nothing that could be scored."""
    LEARNING = "learning"
    """There is no model yet: nothing is scored."""
    EMPTY = "empty"
    """No footage has ever come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CameraState:
    """The present of one camera."""

    camera: str
    watching: Watching
    since_utc: datetime | None
    """Since when nobody watches; None while somebody does, or when nothing is known."""
    last_footage_utc: datetime | None
    """End of the newest footage, or the newest frame of a live camera that is being recorded."""
    last_scored_utc: datetime | None
    segments_to_score: int
    open_alerts: int
    alerts_last_day: int
    """In the 24 hours before the end of its newest footage."""
    blind_share_last_day: float | None
    """Of the same hours."""
    model_id: str | None
    trouble: Trouble | None = None
    """Of an unwell camera: what is wrong with it."""


def camera_states(site: Site, camera: str | None = None) -> list[CameraState]:
    """Return the present of every camera, by name, or of one."""
    names = [column.name for column in site.store.view_columns("camera_health")]
    found = site.store.view_rows("camera_health", camera=camera)
    rows = [row for batch in found for row in batch]
    patience = max(
        _LEAST_PATIENCE,
        timedelta(seconds=_ROUNDS_OF_PATIENCE * site.settings.ingest_interval_seconds),
    )
    now = site.clock.now_utc()
    states = []
    for row in rows:
        health = dict(zip(names, row, strict=True))
        live = read_state(site.folder, health["camera"])
        state = watching_of(health, now, patience, live=live)
        footage = health["last_footage_end_utc"]
        is_recent = footage is not None and now - footage <= patience
        states.append(with_trouble(site, state) if is_recent else state)
    return states


def with_trouble(site: Site, state: CameraState) -> CameraState:
    """Return the state of a camera whose footage, all of it scored, ends in trouble as unwell,
    since the trouble began, in earlier files too.

    The end is that of what was taken in: frames that a recorder writes now are newer, and nobody
    has looked at them. Where a camera sees nothing there are no scores, so it may seem behind.
    """
    seems_seen = state.watching in (Watching.WATCHING, Watching.BEHIND)
    newest = site.store.newest_segment(state.camera) if seems_seen else None
    if newest is None or state.segments_to_score:
        return state
    since, trouble = newest.end_utc, None
    earliest = newest.end_utc - _TROUBLE_LOOK_BACK
    for event in reversed(site.store.health(state.camera, earliest, None)):
        if event.end_utc < since - _BETWEEN_FILES:
            break
        if event.trouble.blinds and event.trouble.is_trouble:
            since, trouble = event.start_utc, trouble or event.trouble
    if trouble is None:
        return state
    return replace(state, watching=Watching.UNWELL, since_utc=since, trouble=trouble)


def watching_of(
    health: Mapping[str, Any],
    now: datetime,
    patience: timedelta,
    *,
    live: RecordingState | None = None,
) -> CameraState:
    """Return the state that a row of `camera_health` means at `now`.

    Footage that is older than `patience` is no present. What waits to be scored counts as not seen
    from the moment up to which there are scores. `live` is what the recorder of a live camera says:
    frames that it writes now are footage that waits, and a camera that gives it none is blind at
    once.
    """
    footage, scored = health["last_footage_end_utc"], health["last_scored_utc"]
    waiting, model = health["segments_to_score"], health["active_model_id"]
    runs = live is not None and live.runs(now)
    frame = live.last_frame_utc if live is not None and runs else None
    if frame is not None and (footage is None or frame > footage):
        footage, waiting = frame, max(waiting, 1)
    frameless = live is not None and runs and live.activity is Activity.BLIND
    state, since = Watching.WATCHING, None
    if footage is None:
        state = Watching.EMPTY
    elif model is None:
        state, since = Watching.LEARNING, scored
    elif frameless or now - footage > patience:
        state, since = Watching.BLIND, footage
    elif waiting and (scored is None or footage - scored > patience):
        state, since = Watching.BEHIND, scored
    return CameraState(
        camera=health["camera"],
        watching=state,
        since_utc=since,
        last_footage_utc=footage,
        last_scored_utc=scored,
        segments_to_score=health["segments_to_score"],
        open_alerts=health["open_alerts"],
        alerts_last_day=health["alerts_last_day"],
        blind_share_last_day=health["blind_share_last_day"],
        model_id=model,
    )
