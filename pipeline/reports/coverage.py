"""Coverage: what a camera's time in a range was, every moment of it, no gap and no overlap."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.footage.admission import Reason
from pipeline.footage.segments import Blind, Segment
from pipeline.health.events import HealthEvent, Trouble

__all__ = ["NO_FOOTAGE", "REMOVED", "TOO_SHORT", "WAITING", "WATCHED", "CoverageSpan", "coverage"]

WATCHED = "watched"
"""Seen by the camera and scored by a model."""
WAITING = "waiting"
"""Seen, not scored yet."""
TOO_SHORT = "too_short_to_score"
"""Seen, in a stretch shorter than one clip of the model."""
REMOVED = "removed_unscored"
"""Seen; the footage was removed by retention before any model had scored it."""
NO_FOOTAGE = "no_footage"
"""Nothing is known of it."""

_PRIORITY = {
    WATCHED: 0,
    WAITING: 1,
    TOO_SHORT: 2,
    REMOVED: 2,
    **{state.value: 3 for state in (*Reason, *Trouble)},
}
"""Where footage overlaps, the better one counts; no moment is counted twice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CoverageSpan:
    """A stretch of wall time in one state."""

    state: str
    """WATCHED, WAITING, TOO_SHORT, REMOVED, NO_FOOTAGE, or the Reason or Trouble for which the
    camera was blind."""
    start_utc: datetime
    end_utc: datetime
    """Half-open."""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end_utc - self.start_utc).total_seconds()


def coverage(
    since: datetime,
    until: datetime,
    segments: Sequence[Segment],
    blind: Sequence[Blind],
    *,
    unscored: AbstractSet[str],
    last_clip_utc: Mapping[str, datetime],
    health: Sequence[HealthEvent] = (),
    gone: AbstractSet[str] = frozenset(),
) -> list[CoverageSpan]:
    """Return spans in order of time that together are exactly [since, until).

    `unscored`: ids of segments that are not scored to their end. `last_clip_utc`: segment id -> end
    of its last scored clip in the range. `gone`: ids of segments that no model has scored and whose
    footage was removed. A segment counts as watched as far as it is scored, but
    for the parts in which the camera was in trouble (`health`).
    """
    troubles: dict[str, list[CoverageSpan]] = {}
    for event in health:
        if event.trouble.blinds:
            troubles.setdefault(event.segment_id, []).append(
                CoverageSpan(
                    state=event.trouble.value, start_utc=event.start_utc, end_utc=event.end_utc
                )
            )
    spans = [
        *(
            part
            for one in segments
            for span in _spans_of(one, unscored, last_clip_utc, gone)
            for part in _outside(span, troubles.get(one.segment_id, []))
        ),
        *(span for spans in troubles.values() for span in spans),
        *(
            CoverageSpan(state=one.reason.value, start_utc=one.start_utc, end_utc=one.end_utc)
            for one in blind
        ),
    ]
    return _flattened(since, until, spans)


def _spans_of(
    segment: Segment,
    unscored: AbstractSet[str],
    last_clip_utc: Mapping[str, datetime],
    gone: AbstractSet[str],
) -> list[CoverageSpan]:
    start, end = segment.start_utc, segment.end_utc
    if segment.segment_id in gone:
        return [CoverageSpan(state=REMOVED, start_utc=start, end_utc=end)]
    last = last_clip_utc.get(segment.segment_id)
    if segment.segment_id not in unscored:
        state = TOO_SHORT if last is None else WATCHED
        return [CoverageSpan(state=state, start_utc=start, end_utc=end)]
    if last is None:
        return [CoverageSpan(state=WAITING, start_utc=start, end_utc=end)]
    return [
        CoverageSpan(state=WATCHED, start_utc=start, end_utc=last),
        CoverageSpan(state=WAITING, start_utc=last, end_utc=end),
    ]


def _outside(span: CoverageSpan, cuts: Sequence[CoverageSpan]) -> Iterator[CoverageSpan]:
    """Yield the parts of a span that lie outside of others."""
    start = span.start_utc
    for cut in sorted(cuts, key=lambda one: one.start_utc):
        if start < cut.start_utc:
            yield replace(span, start_utc=start, end_utc=min(cut.start_utc, span.end_utc))
        start = max(start, cut.end_utc)
    if start < span.end_utc:
        yield replace(span, start_utc=start)


def _flattened(
    since: datetime, until: datetime, spans: Iterable[CoverageSpan]
) -> list[CoverageSpan]:
    """Return [since, until) cut at every border, each piece in the best state that holds there."""
    borders: list[tuple[datetime, int, str]] = []
    for span in spans:
        start, end = max(span.start_utc, since), min(span.end_utc, until)
        if start < end:
            borders += [(start, 1, span.state), (end, -1, span.state)]
    borders.sort(key=lambda border: border[0])
    flat: list[CoverageSpan] = []
    holding: Counter[str] = Counter()
    at = since
    for moment, change, state in [*borders, (until, 0, NO_FOOTAGE)]:
        if moment > at:
            _append(flat, _best(holding), at, moment)
            at = moment
        holding[state] += change
    return flat


def _best(holding: Counter[str]) -> str:
    states = [state for state, count in holding.items() if count > 0]
    return min(states, key=lambda state: (_PRIORITY[state], state), default=NO_FOOTAGE)


def _append(flat: list[CoverageSpan], state: str, start: datetime, end: datetime) -> None:
    if flat and flat[-1].state == state:
        start = flat.pop().start_utc
    flat.append(CoverageSpan(state=state, start_utc=start, end_utc=end))
