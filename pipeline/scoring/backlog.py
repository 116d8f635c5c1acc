"""Backlog: what is scored first, and what is let go because it waited too long.

A plant with more cameras than its machine can look at would otherwise fall further behind every
hour, and alert about yesterday. Of live cameras the oldest is let go, loudly, so that what is
looked at is the present; it counts as blind, with its reason, wherever blind time is shown.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.footage.names import footage_path, shown_name
from pipeline.footage.segments import Segment
from pipeline.health.events import HealthEvent, Trouble, health_event
from pipeline.learning.registry import ModelRecord
from pipeline.timebase import seconds

__all__ = ["let_go", "still_there", "waiting_segments"]


def waiting_segments(
    site: Site, camera: Camera, record: ModelRecord, *, again: bool = False
) -> Sequence[Segment]:
    """Return what the model is to score, in order of urgency, then of time: what no model has seen
    since the camera has one; what is older, from which the first one learnt; what others have seen
    that never were its active model. `again`: what an earlier active model has scored as well."""
    store = site.store
    unseen = store.unscored_segments(camera.name, None)
    since = _watched_since(site, camera)
    known = {segment.segment_id for segment in unseen}
    # Not what the model of then has scored: its alerts and their verdicts stand, and those of
    # another model for the same incidents would stand beside them.
    left_by = store.unscored_segments if again else store.segments_to_score
    return [
        *(segment for segment in unseen if segment.end_utc > since),
        *(segment for segment in unseen if segment.end_utc <= since),
        *(
            segment
            for segment in left_by(camera.name, record.model_id)
            if segment.segment_id not in known
        ),
    ]


def still_there(
    site: Site, camera: Camera, segments: Sequence[Segment], progress: Callable[[str], None]
) -> Sequence[Segment]:
    """Return those segments whose files are there, in their order, and say in one line of how many
    they are not.

    Where another program clears the folder, whatever was not scored in time waits for ever: each
    turn would look for every one, and say so of every one.
    """
    if not segments:
        return segments
    since, until = min(s.start_utc for s in segments), max(s.end_utc for s in segments)
    root = site.source_of(camera)
    paths = {
        footage.footage_id: footage.path
        for footage in site.store.footage_of(camera.name, since, until)
    }
    gone = {one for one, path in paths.items() if not os.path.lexists(footage_path(root, path))}
    there = [segment for segment in segments if segment.footage_id not in gone]
    if missing := [segment for segment in segments if segment.footage_id in gone]:
        first = shown_name(paths[missing[0].footage_id])
        progress(f"not scored: {len(missing)} segments whose files are gone, such as {first}")
    return there


def _watched_since(site: Site, camera: Camera) -> datetime:
    """Return when the camera first had an active model; nobody could score before."""
    since = site.store.activations(camera.name).values()
    return min(since, default=datetime.min.replace(tzinfo=UTC))


def let_go(
    site: Site, camera: Camera, record: ModelRecord, progress: Callable[[str], None]
) -> float:
    """Mark what waited longer than `most_behind_seconds` as blind and done; return its seconds.

    Only of live cameras: footage that was laid into a folder may be as old as it likes. And only
    what no model has seen, of the time since there is one: the footage of before was there to
    learn from. A segment that was let go stays so.
    """
    if camera.name not in {table.camera for table in site.settings.record}:
        return 0.0
    now = site.clock.now_utc()
    earliest = now - timedelta(seconds=site.settings.most_behind_seconds)
    since = _watched_since(site, camera)
    late = [
        segment
        for segment in site.store.unscored_segments(camera.name, None)
        if since < segment.end_utc < earliest
    ]
    for segment in late:
        # The mark comes last, as for scores: killed between them, both are done again.
        site.store.put_health(segment.segment_id, [_blind(segment, site)])
        site.store.mark_scored(segment.segment_id, record.model_id, 0, now)
    length = sum(seconds(segment.end_us - segment.start_us) for segment in late)
    if late:
        progress(
            f"warning: camera {camera.name} is behind: {length:.0f} s of footage from "
            f"{late[0].start_utc:%Y-%m-%d %H:%M:%S} UTC on waited longer than "
            f"{site.settings.most_behind_seconds} s and will not be scored; it counts as blind. "
            "Give it fewer cameras, another machine, or a student: kizashi model distil"
        )
    return length


def _blind(segment: Segment, site: Site) -> HealthEvent:
    return health_event(
        segment,
        Trouble.BACKLOG,
        segment.start_us,
        segment.end_us,
        found_us=segment.end_us,
        detail=f"waited longer than {site.settings.most_behind_seconds} s",
    )
