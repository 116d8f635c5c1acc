"""Alarms: alerts of a test video held against its labels, at the threshold as shipped.

An alert is right when a labelled frame is among those that it was raised on: from the first frame
of its first clip to the moment at which it was known. Else it is a false alarm, whatever happens
later: somebody was called for nothing. A labelled interval is found when a right alert lasts into
it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.alerts import alerts_from_events
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event, EventPolicy, join_anomalies
from pipeline.evaluation.labels import Interval
from pipeline.scoring.anomaly import Anomaly
from pipeline.timebase import MICROSECONDS_PER_SECOND, seconds

__all__ = [
    "AlarmCount",
    "AlertSpan",
    "alert_clips",
    "alert_spans",
    "count_alarms",
    "known_at_us",
    "normal_hours",
    "right_alerts",
]

_LOOK_BACK = timedelta(minutes=10)
"""Far beyond smoothing and merge gap: what lies before it cannot change an event."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertSpan:
    """An alert in the media time of one video."""

    first_frame_us: int
    """First frame of its first clip: the earliest that it was made from."""
    start_us: int
    end_us: int
    """Ends of the first and the last clip at which its event was open."""
    known_us: int
    """End of the clip at which peak and length first sufficed: before it nobody was alerted."""
    peak_us: int
    """Middle of its strangest clip."""
    score: float
    expert: str

    def raised_on(self, interval: Interval) -> bool:
        """Tell whether a frame of the interval was seen by the time the alert was known."""
        return self.first_frame_us < interval.end_us and self.known_us >= interval.start_us

    def touches(self, interval: Interval) -> bool:
        """Tell whether a frame of the interval is among those of the whole alert."""
        return self.first_frame_us < interval.end_us and self.end_us >= interval.start_us


@dataclass(frozen=True, kw_only=True, slots=True)
class AlarmCount:
    """Alerts against labels, of one video or of several."""

    intervals: int = 0
    found: int = 0
    false_alarms: int = 0
    delay_seconds: tuple[float, ...] = ()
    """Of every found interval: from its start to the moment its first alert was known, >= 0."""

    def __add__(self, other: AlarmCount) -> AlarmCount:
        return AlarmCount(
            intervals=self.intervals + other.intervals,
            found=self.found + other.found,
            false_alarms=self.false_alarms + other.false_alarms,
            delay_seconds=self.delay_seconds + other.delay_seconds,
        )


def alert_spans(
    anomalies: Sequence[Anomaly],
    scores: NDArray[np.float64],
    policy: EventPolicy,
    tail: EventTail,
    budget_per_day: float,
) -> list[AlertSpan]:
    """Return the alerts of one video when its clips have `scores` (-log10 p), in order of time.

    The same code as in operation joins, smooths and chooses.
    """
    scored = [
        replace(anomaly, score=float(score), p_value=10.0 ** -float(score))
        for anomaly, score in zip(anomalies, scores, strict=True)
    ]
    place = {anomaly.anomaly_id: index for index, anomaly in enumerate(scored)}
    events = {event.event_id: event for event in join_anomalies(scored, policy)}
    alerts = alerts_from_events(events.values(), policy, tail, budget_per_day)
    spans = []
    for alert in alerts:
        event = events[alert.event_id]
        first = place[event.first_anomaly_id]
        peak = scored[place[event.peak_anomaly_id]]
        known = _known_at(scored, first, event, policy)
        spans.append(
            AlertSpan(
                first_frame_us=scored[first].clip.start_us,
                start_us=scored[first].clip.end_us,
                end_us=_media_us(scored[first], event),
                known_us=scored[known].clip.end_us,
                peak_us=(peak.clip.start_us + peak.clip.end_us) // 2,
                score=alert.score,
                expert=alert.expert,
            )
        )
    return spans


def _media_us(first: Anomaly, event: Event) -> int:
    return first.clip.end_us + (event.end_utc - event.start_utc) // timedelta(microseconds=1)


def _known_at(scored: Sequence[Anomaly], first: int, event: Event, policy: EventPolicy) -> int:
    """Return the first clip after which joining what was seen so far already gives the alert."""
    ends = [anomaly.clip.end_utc for anomaly in scored]
    begin = bisect_left(ends, scored[first].clip.end_utc - _LOOK_BACK)

    def known(index: int) -> bool:
        seen = join_anomalies(scored[begin : index + 1], policy)
        return any(
            e.event_id == event.event_id and e.peak_score >= policy.alert_score for e in seen
        )

    # Once an event is long and strange enough it stays so: a search by halves finds the moment.
    return bisect_left(range(len(scored)), True, lo=first, key=known)


def alert_clips(
    end_us: NDArray[np.int64], opened: NDArray[np.bool_], spans: Sequence[AlertSpan]
) -> NDArray[np.bool_]:
    """Return for each clip whether, at its end, an alert is known and its event open."""
    inside = np.zeros(len(end_us), dtype=np.bool_)
    for span in spans:
        inside |= (end_us >= span.known_us) & (end_us <= span.end_us)
    return inside & opened


def right_alerts(spans: Sequence[AlertSpan], intervals: Sequence[Interval]) -> list[AlertSpan]:
    """Return the alerts of one video that are no false alarms."""
    return [span for span in spans if any(span.raised_on(interval) for interval in intervals)]


def known_at_us(right: Sequence[AlertSpan], interval: Interval) -> int | None:
    """Return when the first right alert that touches an interval was known; None when missed."""
    return min((span.known_us for span in right if span.touches(interval)), default=None)


def count_alarms(spans: Sequence[AlertSpan], intervals: Sequence[Interval]) -> AlarmCount:
    """Return how the alerts of one video and its labelled intervals meet."""
    right = right_alerts(spans, intervals)
    delays = []
    for interval in intervals:
        known_us = known_at_us(right, interval)
        if known_us is not None:
            delays.append(seconds(max(0, known_us - interval.start_us)))
    return AlarmCount(
        intervals=len(intervals),
        found=len(delays),
        false_alarms=len(spans) - len(right),
        delay_seconds=tuple(delays),
    )


def normal_hours(pts_us: NDArray[np.int64], labels: NDArray[np.bool_]) -> float:
    """Return how long unlabelled frames of a video are shown; the last as long as the median."""
    if len(pts_us) < 2:
        return 0.0
    steps = np.diff(pts_us)
    shown_us = np.append(steps, np.median(steps))
    return float(shown_us[~labels].sum()) / MICROSECONDS_PER_SECOND / 3600.0
