"""Spans of wall time, and the parts of footage inside and outside of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from pipeline.clips.reader import Stretch
from pipeline.timebase import microseconds

__all__ = ["Span", "within", "without_spans"]

Span = tuple[datetime, datetime]

_SHORTEST_US = 2_000_000


def within(
    stretches: Sequence[Stretch], since: datetime | None, until: datetime | None
) -> list[Stretch]:
    """Return the parts of stretches in [since, until), those of at least two seconds; None: no
    border there. What lies inside as a whole stays as it is."""
    before = (datetime.min.replace(tzinfo=UTC), since) if since else None
    after = (until, datetime.max.replace(tzinfo=UTC)) if until else None
    return without_spans(stretches, [span for span in (before, after) if span])


def without_spans(stretches: Sequence[Stretch], spans: Iterable[Span]) -> list[Stretch]:
    """Return the parts of stretches outside of spans, those of at least two seconds."""
    parts = list(stretches)
    for start_utc, end_utc in spans:
        parts = [left for part in parts for left in _outside(part, start_utc, end_utc)]
    return parts


def _outside(stretch: Stretch, start_utc: datetime, end_utc: datetime) -> Iterable[Stretch]:
    segment = stretch.segment
    if end_utc <= segment.start_utc or start_utc >= segment.end_utc:
        yield stretch
        return
    first_us = segment.start_us + microseconds((start_utc - segment.start_utc).total_seconds())
    last_us = segment.start_us + microseconds((end_utc - segment.start_utc).total_seconds())
    if first_us - segment.start_us >= _SHORTEST_US:
        yield stretch.part(segment.start_us, first_us)
    if segment.end_us - last_us >= _SHORTEST_US:
        yield stretch.part(last_us, segment.end_us)
