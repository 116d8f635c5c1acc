"""The rolling window: which of a camera's recent time is taken for normal and learnt again.

The last days of footage, without alerts and some time around them, unless a person said that an
alert was nothing, of it or of one that it looks like: what is harmless is to be learnt. Time in
which the camera could not see has no part in it either.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pipeline.assembly import Site
from pipeline.clips.reader import Stretch
from pipeline.learning.spans import Span, within, without_spans
from pipeline.learning.train_camera import stretches_of
from pipeline.store.contract import AlertFilter
from pipeline.timebase import seconds

__all__ = ["NormalWindow", "blind_spans", "normal_window"]

HARMLESS = ("known_harmless", "false_alarm")
"""Verdicts that keep the time of an alert in the window."""

_MARGIN = timedelta(seconds=30)
"""Left out before and after an alert: what led to it, and what is left of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalWindow:
    """Recent time of a camera that is taken for normal."""

    stretches: tuple[Stretch, ...]
    """In order of time."""
    since_utc: datetime
    until_utc: datetime
    left_out_seconds: float
    """Of the footage between the two: alerts with margins, and time without sight."""
    left_out_alerts: int


def normal_window(
    site: Site,
    camera: str,
    *,
    days: float,
    until: datetime | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> NormalWindow:
    """Return the last `days` days of a camera's footage before `until` (None: the end of the newest
    footage), without what is not normal. FootageError when there is no footage in them."""
    newest = site.store.newest_segment(camera)
    end = until or (newest.end_utc if newest else site.clock.now_utc())
    since = end - timedelta(days=days)
    there = stretches_of(site, camera, since=since, until=end, progress=progress)
    found = within(there, since, end)
    wanted = AlertFilter(cameras=[camera], since=since - _MARGIN, until=end + _MARGIN)
    alerts = [
        item.alert
        for item in site.store.browse_alerts(wanted, limit=1_000_000)
        if item.suppression is None and (item.review is None or item.review.verdict not in HARMLESS)
    ]
    spans = [(alert.start_utc - _MARGIN, alert.end_utc + _MARGIN) for alert in alerts]
    kept = without_spans(found, [*spans, *blind_spans(site, camera, since, end)])
    return NormalWindow(
        stretches=tuple(kept),
        since_utc=since,
        until_utc=end,
        left_out_seconds=round(_length(found) - _length(kept), 3),
        left_out_alerts=len(alerts),
    )


def blind_spans(site: Site, camera: str, since: datetime, until: datetime) -> list[Span]:
    """Return when a camera could not see although there is footage."""
    return [
        (event.start_utc, event.end_utc)
        for event in site.store.health(camera, since, until)
        if event.trouble.blinds
    ]


def _length(stretches: Sequence[Stretch]) -> float:
    return seconds(sum(one.segment.end_us - one.segment.start_us for one in stretches))
