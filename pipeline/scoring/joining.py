"""Joining the events around a segment that was just scored to those that are stored already."""

from __future__ import annotations

from datetime import datetime, timedelta

from pipeline.alerts.events import Event
from pipeline.footage.segments import Segment
from pipeline.store.contract import Store
from pipeline.zones.judging import PartPolicy

__all__ = ["join_around"]

_LOOK_BACK = timedelta(minutes=10)
"""How long before the segment events are joined again: far beyond the smoothing and the merge gap,
so that what was joined before comes out the same."""
_SETTLED = timedelta(minutes=5)
"""Joining begins at an arbitrary clip, where nothing is smoothed yet and an event may be under way.
What seems to begin this long before the segment or earlier is new only because of that."""


def join_around(store: Store, model_id: str, part: PartPolicy, segment: Segment) -> list[Event]:
    """Return the events around a segment whose anomalies are stored, in order of time, in one part
    of the picture.

    Called after each segment in order of time, it gives the events of the whole stream: the same
    ids, starts and ends as joining everything at once. Memory is bounded by a page of anomalies.
    """
    since, until = _span_to_join(store, segment)
    stored = store.anomalies(segment.camera, model_id, since, until)
    known = {event.event_id for event in store.events(segment.camera, since, until)}
    return [
        event
        for event in part.events(stored)
        if event.event_id in known or event.start_utc >= segment.start_utc - _SETTLED
    ]


def _span_to_join(store: Store, segment: Segment) -> tuple[datetime, datetime]:
    since, until = segment.start_utc - _LOOK_BACK, segment.end_utc + _LOOK_BACK
    for event in store.events(segment.camera, since, until):
        # An event must be joined from its beginning, or it would get another name.
        since = min(since, event.start_utc - _LOOK_BACK)
        until = max(until, event.end_utc + _LOOK_BACK)
    return since, until
