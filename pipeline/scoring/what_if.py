"""What if: which alerts another budget or another model would have raised, from what was seen.

Nothing is stored. With the camera's own model the scores of the store are joined again; another
model scores the footage once more, which takes as long as scoring does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.alerts.alerts import Alert, alerts_from_events
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import EventPolicy, join_anomalies
from pipeline.assembly import Site
from pipeline.clips.reader import Stretch
from pipeline.distillation.stored_models import load_model
from pipeline.errors import FootageError, ModelError
from pipeline.footage.names import footage_path
from pipeline.footage.segments import Segment
from pipeline.learning.promotion import find_model
from pipeline.learning.registry import ModelRecord
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.policy import policy_within
from pipeline.scoring.scorer import score_stretch

__all__ = ["WhatIf", "compared", "what_if"]

_DAY_SECONDS = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatIf:
    """One budget, over one range of time."""

    model_id: str
    budget_per_day: float
    alert_score: float
    """-log10 p from which an event would be an alert."""
    watched_seconds: float
    alerts: tuple[Alert, ...]
    """That would have been raised, in order of time."""
    kept: int
    """Alerts of the store at whose time one of them would be raised too."""
    silent: tuple[Alert, ...]
    """Alerts of the store that would not be raised."""
    new: tuple[Alert, ...]
    """Alerts that would be raised where the store has none."""
    silent_verdicts: Mapping[str, int]
    """Verdict -> how many of the silent ones have it; those without one are "unreviewed"."""

    @property
    def per_day(self) -> float | None:
        """Alerts in a day of watching; None when nothing was watched."""
        if not self.watched_seconds:
            return None
        return len(self.alerts) * _DAY_SECONDS / self.watched_seconds


def what_if(
    site: Site,
    camera: str,
    budgets_per_day: Sequence[float],
    *,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[WhatIf]:
    """Return what each budget would have raised in [since, until), with the active model or
    another of the camera.

    `model`: the beginning of its id. Raises ModelError for a model of another camera, and when the
    camera has none; ValueError for a budget <= 0.
    """
    active = site.store.active_model(camera)
    record = active if model is None else find_model(site, model)
    if record is None:
        raise ModelError(f"{camera} has no model yet; train one first: kizashi train {camera}")
    if record.camera != camera:
        raise ModelError(f"model {record.model_id[:12]} is of camera {record.camera}, not {camera}")
    raised = site.store.alerts(camera, since, until)
    verdicts = {alert.alert_id: _verdict(site, alert) for alert in raised}
    if not {"tail", "policy"} <= set(record.calibration):
        raise ModelError(
            f"model {record.model_id[:12]} of {camera} does not say how often normal operation "
            "reaches a score; train again"
        )
    tail = EventTail.from_dict(record.calibration["tail"])
    like = EventPolicy(**record.calibration["policy"])
    if active is not None and record.model_id == active.model_id:
        watched = _watched_seconds(site, record, since, until)

        def anomalies() -> Iterable[Anomaly]:
            return site.store.anomalies(camera, record.model_id, since, until)
    else:
        scored, watched = _scored_again(site, record, since, until, progress)

        def anomalies() -> Iterable[Anomaly]:
            return scored

    return [
        compared(
            anomalies(),
            tail,
            policy_within(tail, budget, like=like),
            budget,
            watched,
            record.model_id,
            raised,
            verdicts,
        )
        for budget in budgets_per_day
    ]


def compared(
    anomalies: Iterable[Anomaly],
    tail: EventTail,
    policy: EventPolicy,
    budget_per_day: float,
    watched_seconds: float,
    model_id: str,
    raised: Sequence[Alert],
    verdicts: Mapping[str, str],
) -> WhatIf:
    """Return what the policy of a budget would have raised from clips in order of time, beside the
    alerts of the store and their latest verdicts ("unreviewed" where there is none)."""
    events = join_anomalies(anomalies, policy)
    alerts = alerts_from_events(events, policy, tail, budget_per_day)
    silent = tuple(alert for alert in raised if not _meets(alert, alerts))
    return WhatIf(
        model_id=model_id,
        budget_per_day=budget_per_day,
        alert_score=policy.alert_score,
        watched_seconds=watched_seconds,
        alerts=tuple(alerts),
        kept=len(raised) - len(silent),
        silent=silent,
        new=tuple(alert for alert in alerts if not _meets(alert, raised)),
        silent_verdicts=Counter(verdicts[alert.alert_id] for alert in silent),
    )


def _meets(alert: Alert, others: Iterable[Alert]) -> bool:
    return any(
        alert.start_utc <= other.end_utc and other.start_utc <= alert.end_utc for other in others
    )


def _verdict(site: Site, alert: Alert) -> str:
    reviews = site.store.reviews(alert.alert_id)
    return str(reviews[-1].verdict) if reviews else "unreviewed"


def _watched_seconds(
    site: Site, record: ModelRecord, since: datetime | None, until: datetime | None
) -> float:
    unscored = {s.segment_id for s in site.store.unscored_segments(record.camera, record.model_id)}
    return sum(
        _seconds_within(segment, since, until)
        for segment in site.store.segments(record.camera, since, until)
        if segment.segment_id not in unscored
    )


def _seconds_within(segment: Segment, since: datetime | None, until: datetime | None) -> float:
    start, end = segment.start_utc, segment.end_utc
    return (min(end, until or end) - max(start, since or start)).total_seconds()


def _scored_again(
    site: Site,
    record: ModelRecord,
    since: datetime | None,
    until: datetime | None,
    progress: Callable[[str], None],
) -> tuple[list[Anomaly], float]:
    camera = site.store.camera(record.camera)
    model = load_model(site.folder / record.path, record.digest)
    reader, root = model.reader(camera.privacy_masks), site.source_of(camera)
    found: list[Anomaly] = []
    watched = 0.0
    for segment in site.store.segments(record.camera, since, until):
        footage = site.store.footage(segment.footage_id)
        whole = Stretch(source=footage_path(root, footage.path), footage=footage, segment=segment)
        try:
            scored = score_stretch(model, whole, model_id=record.model_id, reader=reader)
            clips = [clip.anomaly for clip in scored]
        except FootageError as error:
            progress(f"not scored: {error}")
            continue
        found += [
            anomaly
            for anomaly in clips
            if (since is None or anomaly.clip.end_utc >= since)
            and (until is None or anomaly.clip.end_utc < until)
        ]
        watched += _seconds_within(segment, since, until)
        progress(f"scored {footage.path}, {len(clips)} clips")
    return found, watched
