"""Timeline: in which light a scene was over hours, whatever files the footage lies in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.lighting.events import LightingEvent

__all__ = ["LightSpan", "light_spans"]

_BETWEEN = timedelta(minutes=1)
"""Spells of one state nearer than this are one: files end, and somebody walks by."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LightSpan:
    """A stretch of wall time in one light."""

    state: str
    start_utc: datetime
    end_utc: datetime

    @property
    def seconds(self) -> float:
        """How long it is."""
        return (self.end_utc - self.start_utc).total_seconds()


def light_spans(events: Sequence[LightingEvent]) -> list[LightSpan]:
    """Return the spans that events, in order of time, make up; neighbours of one state are one."""
    spans: list[LightSpan] = []
    for event in events:
        start = event.start_utc
        if spans and spans[-1].state == event.state and start - spans[-1].end_utc <= _BETWEEN:
            last = spans.pop()
            start = last.start_utc
            end = max(last.end_utc, event.end_utc)
        else:
            end = event.end_utc
        spans.append(LightSpan(state=event.state, start_utc=start, end_utc=end))
    return spans
