"""Sums: alerts whose score none of their clips has, since it is that of all of them together."""

from __future__ import annotations

from datetime import timedelta

from pipeline.alerts.alerts import Alert
from pipeline.scoring.anomaly import REST
from pipeline.store.contract import Store

__all__ = ["is_of_a_sum"]

_ROUNDING = 1e-6


def is_of_a_sum(store: Store, alert: Alert) -> bool:
    """Tell whether the score of an alert is that of its clips together, and not of its strangest.

    At its peak the smoothed score of single clips was largest, and no clip is below its smoothed
    score where that has risen: a score above that of the clip at the peak is of a sum. Where
    nothing is stored of that clip, or nothing of the alert's part of the picture, it is not known,
    and not said.
    """
    after = alert.peak_utc + timedelta(microseconds=1)
    scores = [
        clip.within(alert.zone).score
        for clip in store.anomalies(alert.camera, alert.model_id, alert.peak_utc, after)
        if alert.zone in clip.parts or (alert.zone == REST and not clip.parts)
    ]
    return bool(scores) and alert.score > max(scores) + _ROUNDING
