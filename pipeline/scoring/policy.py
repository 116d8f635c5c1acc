"""From the alarm budget to the numbers of an event policy, on held-out normal footage."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from pipeline.alerts.budget import (
    NATURAL_SCALE,
    EventTail,
    fit_event_tail,
    score_at_rate,
)
from pipeline.alerts.events import EventPolicy, ScoreSmoother, join_anomalies
from pipeline.alerts.sequential import excursions
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly
from pipeline.timebase import seconds as in_seconds

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
_NATURAL_SUMS = 5.0
"""The natural scale of sums counts as much as this many observed ones: nature knows less of them
than of single clips."""


def fit_policy(
    held_out: Iterable[Sequence[Anomaly]], *, seconds: float, budget_per_day: float
) -> tuple[EventPolicy, EventTail]:
    """Return the policy whose alerts stay within the budget in normal operation, and the tail of
    normal event peaks behind it.

    `held_out`: the anomalies of each stretch of held-out normal footage, in order of time;
    `seconds`: how long these stretches are together. The same joining code finds the peaks here and
    the events later, so smoothing, merging and the sequential test are accounted for.
    """
    parts, days = [list(part) for part in held_out], seconds / 86_400.0
    probe = replace(
        _policy(_PROBE_SCORE, _CLOSE_SHARE * _PROBE_SCORE, _PROBE_SCORE),
        merge_gap_seconds=_PROBE_GAP_SECONDS,
        minimum_seconds=0.0,
    )
    alone = fit_event_tail(_peaks(parts, probe), days)
    like = _with_sequential_test(probe, parts, alone, days)
    # Either of two tests, each of which normal operation reaches as often.
    tail = replace(alone, events_per_day=2.0 * alone.events_per_day)
    return policy_within(tail, budget_per_day, like=like), tail


def _peaks(parts: Iterable[Sequence[Anomaly]], policy: EventPolicy) -> list[float]:
    return [event.peak_score for part in parts for event in join_anomalies(part, policy)]


def _with_sequential_test(
    probe: EventPolicy, parts: Sequence[Sequence[Anomaly]], alone: EventTail, days: float
) -> EventPolicy:
    """Return the policy with what sums are worth: the score that the peaks of single clips reach as
    often as normal operation reaches the sum.

    Excursions of a sum have an exponential tail. Its scale is their mean, together with what it is
    from nature where the score of one clip is a true -log10 p (such a score, as long as a clip
    lasts, since clips overlap), or what the largest of them says, if that is more: of so many
    exponential numbers the largest is a harmonic number of scales. Some scenes have a loiterer, and
    a sum there means little.
    """
    found = [size for part in parts for size in excursions(_steps_of(part, probe), probe)]
    lengths = [in_seconds(a.clip.end_us - a.clip.start_us) for part in parts for a in part]
    natural = NATURAL_SCALE * (median(lengths) if lengths else 1.0)
    mean = (sum(found) + _NATURAL_SUMS * natural) / (len(found) + _NATURAL_SUMS)
    harmonic = sum(1.0 / number for number in range(1, len(found) + 1))
    scale = max(mean, max(found) / harmonic if found else 0.0)
    per_day = (len(found) + 3.0 / (1.0 + len(found) / 3.0)) / days
    return replace(
        probe,
        sequential_offset=alone.threshold + alone.scale * math.log(alone.events_per_day / per_day),
        sequential_gain=alone.scale / scale,
    )


def _steps_of(part: Sequence[Anomaly], policy: EventPolicy) -> Iterator[tuple[float, float | None]]:
    smoother = ScoreSmoother(policy)
    return (smoother.after(anomaly) for anomaly in part)


def policy_within(
    tail: EventTail, per_day: float, *, like: EventPolicy | None = None
) -> EventPolicy:
    """Return the policy whose alerts stay within a budget where events have this tail; ValueError
    for a budget <= 0.

    `like`: a policy of the same camera, whose sequential test it has too; None: no such test.
    """
    alert_score = score_at_rate(tail, per_day)
    open_score = max(_PROBE_SCORE, _OPEN_SHARE * alert_score)
    return _policy(open_score, _CLOSE_SHARE * open_score, alert_score, like)


def _policy(
    open_score: float, close_score: float, alert_score: float, like: EventPolicy | None = None
) -> EventPolicy:
    numbers = (open_score, close_score, alert_score)
    timing = (_SMOOTHING_SECONDS, _MINIMUM_SECONDS, _MERGE_GAP_SECONDS)
    test = (like.sequential_offset, like.sequential_gain) if like else (0.0, 0.0)
    return EventPolicy(
        policy_id=content_id("policy", *(repr(number) for number in (*numbers, *timing, *test))),
        open_score=open_score,
        close_score=close_score,
        alert_score=alert_score,
        smoothing_seconds=_SMOOTHING_SECONDS,
        minimum_seconds=_MINIMUM_SECONDS,
        merge_gap_seconds=_MERGE_GAP_SECONDS,
        sequential_drift=_PROBE_SCORE,
        sequential_offset=test[0],
        sequential_gain=test[1],
    )
