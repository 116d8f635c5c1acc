"""Joining the events around a segment that was just scored to those that are stored already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from pipeline.alerts.events import Event, GoingOn, ScoreSmoother
from pipeline.footage.segments import Segment
from pipeline.scoring.anomaly import Anomaly
from pipeline.store.contract import Store
from pipeline.zones.judging import PartPolicy

__all__ = ["join_around"]

_LOOK_BACK = timedelta(minutes=10)
"""How long before the segment events are joined again: far beyond the smoothing and the merge gap,
so that what was joined before comes out the same."""
_SETTLED = timedelta(minutes=5)
"""Joining begins at an arbitrary clip, where nothing is smoothed yet and an event may be under way.
What seems to begin this long before the segment or earlier is new only because of that."""


_FORGOTTEN = 40
"""Time constants of the smoothing after which a score counts nothing: e ** -40 is less than the
last digit of a float."""
_MOMENT = timedelta(microseconds=1)


def join_around(store: Store, model_id: str, part: PartPolicy, segment: Segment) -> list[Event]:
    """Return the events around a segment whose anomalies are stored, in order of time, in one part
    of the picture.

    Called after each segment in order of time, it gives the events of the whole stream: the same
    ids, starts and ends as joining everything at once. Memory is bounded by a page of anomalies,
    and what is read by some minutes of them however long an event goes on.
    """
    begin, until = segment.start_utc - _LOOK_BACK, segment.end_utc + _LOOK_BACK
    around = _own_events(store, model_id, part, segment, begin, until)
    going_on = _event_that_goes_on(store, model_id, part, segment, around)
    since = begin
    for event in around:
        # An event must be joined from its beginning, or it would get another name.
        whole = going_on is None or event.event_id != going_on.event.event_id
        since = min(since, (event.start_utc if whole else event.end_utc) - _LOOK_BACK)
        until = max(until, event.end_utc + _LOOK_BACK)
    known = {event.event_id for event in _own_events(store, model_id, part, segment, since, until)}
    stored = store.anomalies(segment.camera, model_id, since, until)
    return [
        event
        for event in part.events(stored, going_on=going_on)
        if event.event_id in known or event.start_utc >= segment.start_utc - _SETTLED
    ]


def _own_events(
    store: Store,
    model_id: str,
    part: PartPolicy,
    segment: Segment,
    since: datetime,
    until: datetime,
) -> list[Event]:
    """Return the events of a range that this model and this part of the picture have."""
    return [
        event
        for event in store.events(segment.camera, since, until)
        if event.model_id == model_id and event.policy_id == part.policy.policy_id
    ]


def _event_that_goes_on(
    store: Store, model_id: str, part: PartPolicy, segment: Segment, around: Sequence[Event]
) -> GoingOn | None:
    """Return the event that began long before a segment and may go on in it, as it was before; None
    when there is none, or when it has to be joined from its beginning: footage came late, or what
    was stored of it is gone."""
    long = [event for event in around if event.start_utc < segment.start_utc - _LOOK_BACK]
    if len(long) != 1 or long[0].end_utc >= segment.start_utc:
        return None
    (event,) = long

    def seen(since: datetime, until: datetime) -> list[Anomaly]:
        clips = store.anomalies(segment.camera, model_id, since, until + _MOMENT)
        return list(part.of(clips))

    if len(seen(event.end_utc, event.end_utc)) != 1:
        return None
    forgotten = timedelta(seconds=_FORGOTTEN * part.policy.smoothing_seconds)
    smoother = ScoreSmoother(part.policy)
    for clip in seen(event.peak_utc - forgotten, event.peak_utc):
        score, _ = smoother.after(clip)
        if clip.anomaly_id == event.peak_anomaly_id:
            return GoingOn(event=event, score_at_peak=score)
    return None
