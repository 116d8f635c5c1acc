"""Watch: one round over a camera. Take in what arrived, score it, deliver the alerts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.assembly import Site
from pipeline.errors import LeaseHeld

if TYPE_CHECKING:
    from pipeline.notification.sinks import SinkMaker

__all__ = ["TURN_SECONDS", "WatchSummary", "has_turn", "watch_camera"]

TURN_SECONDS = 120.0
"""Footage that a camera has scored in a round before the next one has its turn."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchSummary:
    """What one round did."""

    camera: str
    admitted: int
    refused: int
    clips: int
    """Scored in this round; 0 while the camera has no active model."""
    alerts: int
    """New ones."""
    has_model: bool
    busy: bool
    """True when another worker was at it, and the rest was left to it."""
    waiting: int
    """Segments that are left for the camera's next turn."""
    let_go_seconds: float
    """Of footage that waited too long, and is blind time now."""
    undelivered: int
    """Messages of the site that could not be handed over; the next round tries again."""


def has_turn(*, waits: bool, since_last_seconds: float, interval_seconds: float) -> bool:
    """Return whether a camera has a turn in the next round of those that catch up: when something
    of it waits, or its last turn is as long ago as the schedule of rounds. No other round begins
    meanwhile, and a camera with a day to catch up on must not keep the rest from their present."""
    return waits or since_last_seconds >= interval_seconds


def watch_camera(
    site: Site,
    camera_name: str,
    *,
    makers: Mapping[str, SinkMaker] | None = None,
    turn_seconds: float | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> WatchSummary:
    """Ingest, score and deliver for one camera. `makers`: see `channels_of`. `turn_seconds`: score
    no more footage than about this, for other cameras wait too; None: all of it.

    A camera without an active model is ingested only, and `progress` says so: footage that arrives
    before the first training is what the training learns from. When another worker is at
    this camera, it is left to it: a round that begins while the last one still runs is no failure.
    """
    from pipeline.footage.ingest import ingest_camera
    from pipeline.scoring.score_camera import score_camera

    admitted = refused = clips = alerts = waiting = 0
    let_go_seconds = 0.0
    has_model = site.store.active_model(camera_name) is not None
    busy = False
    try:
        taken = ingest_camera(site, camera_name, progress=progress)
        admitted, refused = taken.admitted, taken.refused
        if has_model:
            scored = score_camera(site, camera_name, turn_seconds=turn_seconds, progress=progress)
            clips, alerts, waiting = scored.clips, scored.alerts, scored.waiting
            let_go_seconds = scored.let_go_seconds
        else:
            progress(
                f"camera {camera_name} has no active model yet: run kizashi train {camera_name}"
            )
    except LeaseHeld as error:
        busy = True
        progress(f"camera {camera_name}: {error}; the next round goes on from there")
    finally:
        # Also when this camera failed: alerts of others, and its own of before, do not wait for it.
        undelivered = _deliver(site, makers, progress)
    return WatchSummary(
        camera=camera_name,
        admitted=admitted,
        refused=refused,
        clips=clips,
        alerts=alerts,
        has_model=has_model,
        busy=busy,
        waiting=waiting,
        let_go_seconds=let_go_seconds,
        undelivered=undelivered,
    )


def _deliver(
    site: Site, makers: Mapping[str, SinkMaker] | None, progress: Callable[[str], None]
) -> int:
    """Hand over what is due; return how many messages failed."""
    from pipeline.notification.deliver import deliver_pending
    from pipeline.notification.sinks import channels_of

    failed = deliver_pending(site, channels_of(site, makers)).failed
    if failed:
        progress(
            f"{failed} messages could not be delivered; a later round tries again, and"
            " kizashi notify list says why"
        )
    return failed
