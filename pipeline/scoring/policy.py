"""From the alarm budget to the numbers of an event policy, on held-out normal footage."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipeline.alerts.budget import EventTail, fit_event_tail, score_at_rate
from pipeline.alerts.events import EventPolicy, join_anomalies
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly

__all__ = ["fit_policy", "policy_within"]

_SMOOTHING_SECONDS = 0.0
"""The clips look at most of a second already, and their maps are averaged over neighbouring places:
a fifth of a second more cost .003 of AUC on Ped2."""
_MINIMUM_SECONDS = 0.3
_MERGE_GAP_SECONDS = 3.0
_CLOSE_SHARE = 0.6
"""Share of the opening score at which an event closes (hysteresis)."""
_OPEN_SHARE = 0.7
"""Share of the alert score at which an event opens, so that its beginning is not cut off."""
_PROBE_SCORE = 1.0
"""Opening score while looking for the peaks of normal footage: reached by one clip in ten."""
_PROBE_GAP_SECONDS = 1.0
"""Peaks nearer than this are one. Shorter than the merge gap of real events: with more peaks
counted the threshold errs to the safe side, and a minute of footage has enough of them to fit a
tail."""


def fit_policy(
    held_out: Iterable[Sequence[Anomaly]], *, seconds: float, budget_per_day: float
) -> tuple[EventPolicy, EventTail]:
    """Return the policy whose alerts stay within the budget in normal operation, and the tail of
    normal event peaks behind it.

    `held_out`: the anomalies of each stretch of held-out normal footage, in order of time;
    `seconds`: how long these stretches are together. The same joining code finds the peaks here and
    the events later, so smoothing and merging are accounted for.
    """
    probe = replace(
        _policy(_PROBE_SCORE, _CLOSE_SHARE * _PROBE_SCORE, _PROBE_SCORE),
        merge_gap_seconds=_PROBE_GAP_SECONDS,
        minimum_seconds=0.0,
    )
    peaks = [event.peak_score for part in held_out for event in join_anomalies(part, probe)]
    tail = fit_event_tail(peaks, seconds / 86_400.0)
    return policy_within(tail, budget_per_day), tail


def policy_within(tail: EventTail, budget_per_day: float) -> EventPolicy:
    """Return the policy whose alerts stay within a budget where events have this tail; ValueError
    for a budget <= 0."""
    alert_score = score_at_rate(tail, budget_per_day)
    open_score = max(_PROBE_SCORE, _OPEN_SHARE * alert_score)
    return _policy(open_score, _CLOSE_SHARE * open_score, alert_score)


def _policy(open_score: float, close_score: float, alert_score: float) -> EventPolicy:
    numbers = (open_score, close_score, alert_score)
    timing = (_SMOOTHING_SECONDS, _MINIMUM_SECONDS, _MERGE_GAP_SECONDS)
    return EventPolicy(
        policy_id=content_id("policy", *(repr(number) for number in (*numbers, *timing))),
        open_score=open_score,
        close_score=close_score,
        alert_score=alert_score,
        smoothing_seconds=_SMOOTHING_SECONDS,
        minimum_seconds=_MINIMUM_SECONDS,
        merge_gap_seconds=_MERGE_GAP_SECONDS,
    )
