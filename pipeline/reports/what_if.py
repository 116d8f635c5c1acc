"""What if: which alerts another budget or another model would have raised, from what was seen.

Nothing is stored. With the camera's own model the scores of the store are joined again; another
model scores the footage once more, which takes as long as scoring does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pipeline.alerts.alerts import Alert
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event, EventPolicy
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import FootageError, ModelError
from pipeline.footage.segments import Segment
from pipeline.health.events import HealthEvent
from pipeline.learning.promotion import find_model
from pipeline.learning.registry import ModelRecord, no_active_model
from pipeline.reports.coverage import WATCHED, CoverageSpan, coverage
from pipeline.reports.facts import AlertFacts, alert_facts, policy_of, seconds_by_state
from pipeline.scoring.anomaly import Anomaly
from pipeline.scoring.policy import policy_within
from pipeline.zones.judging import PartPolicy, alerts_of_part, part_policies

__all__ = [
    "BUDGET_FACTORS",
    "UNREVIEWED",
    "WhatIf",
    "compared",
    "lies_in",
    "scored_spans",
    "what_if",
]

UNREVIEWED = "unreviewed"

_DAY_SECONDS = 86_400.0
BUDGET_FACTORS = (0.5, 1.0, 2.0, 4.0)
"""Times the budget that a camera has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WhatIf:
    """One budget, over one range of time."""

    model_id: str
    budget_per_day: float
    alert_score: float
    """-log10 p from which an event would be an alert."""
    watched_seconds: float
    """As far as this model has scored it, and the scores are there. Of all other time nothing is
    said."""
    alerts: tuple[Alert, ...]
    """That would have been raised, in order of time."""
    kept: int
    """Alerts of the store at whose time one of them would be raised too."""
    silent: tuple[Alert, ...]
    """Alerts of the store that would not be raised."""
    new: tuple[Alert, ...]
    """Alerts that would be raised where the store has none, suppressed ones included."""
    silent_verdicts: Mapping[str, int]
    """Verdict -> how many of the silent ones have it; those without one are UNREVIEWED."""
    asked_seconds: float = 0.0
    """How long the range is."""
    unscored: int = 0
    """Alerts of the store in time that this model has not scored: neither kept nor silent."""

    @property
    def per_day(self) -> float | None:
        """Alerts in a day of watching; None when nothing was watched."""
        if not self.watched_seconds:
            return None
        return len(self.alerts) * _DAY_SECONDS / self.watched_seconds

    @property
    def lost(self) -> int:
        """Real anomalies that would not be told."""
        return self.silent_verdicts.get("anomaly", 0)

    @property
    def spared(self) -> int:
        """False alarms and known harmless ones that would not be told."""
        return sum(self.silent_verdicts.get(said, 0) for said in ("known_harmless", "false_alarm"))

    @property
    def unknown(self) -> int:
        """Alerts without a verdict that would not be told."""
        return self.silent_verdicts.get(UNREVIEWED, 0)


def what_if(
    site: Site,
    camera: str,
    budgets_per_day: Sequence[float] = (),
    *,
    model: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> list[WhatIf]:
    """Return what each budget would have raised in [since, until), with the active model or
    another of the camera.

    Without a budget: half, once, twice and four times the camera's own. `model`: the beginning of
    its id. Raises ModelError for a model of another camera, and when the camera has none;
    ValueError for a budget <= 0.
    """
    active = site.store.active_model(camera)
    record = active if model is None else find_model(site, model)
    if record is None:
        raise no_active_model(camera)
    if record.camera != camera:
        raise ModelError(f"model {record.model_id[:12]} is of camera {record.camera}, not {camera}")
    if "tail" not in record.calibration:
        raise ModelError(
            f"model {record.model_id[:12]} of {camera} does not say how often normal operation "
            "reaches a score; train again"
        )
    tail = EventTail.from_dict(record.calibration["tail"])
    like = policy_of(record)
    own = site.store.camera(camera).budget_per_day
    chosen = budgets_per_day or [factor * own for factor in BUDGET_FACTORS]
    start, end = _range(site, camera, since, until)
    stored = site.store.alerts(camera, start, end)
    if active is not None and record.model_id == active.model_id:
        spans = scored_spans(site, record, start, end)

        # Read once for each part and budget, and not kept: there may be millions of clips.
        def anomalies() -> Iterable[Anomaly]:
            return site.store.anomalies(camera, record.model_id, start, end)
    else:
        scored, spans = _scored_again(site, record, start, end, progress)

        def anomalies() -> Iterable[Anomaly]:
            return scored

    watched, asked = seconds_by_state(spans)[WATCHED], (end - start).total_seconds()
    raised = alert_facts(site, camera, start, end)
    known = [one for one in raised if lies_in(one.alert, spans)]
    if asked - watched >= 1.0:
        progress(
            f"model {record.model_id[:12]} has scored {watched / 3600:.2f} h of the "
            f"{asked / 3600:.2f} h that were asked for; of the rest nothing is said"
        )
    found = [
        compared(
            lambda part: part.events(anomalies()),
            tail,
            policy_within(tail, budget, like=like),
            budget,
            watched,
            record.model_id,
            known,
            site.store.camera(camera),
            stored,
        )
        for budget in chosen
    ]
    unscored = len(raised) - len(known)
    return [replace(one, asked_seconds=asked, unscored=unscored) for one in found]


def lies_in(found: Alert | Event, spans: Iterable[CoverageSpan]) -> bool:
    """Tell whether any of an alert or event lies in watched time."""
    # Its times are ends of clips: what ends as a span begins was seen before the span.
    return any(
        span.state == WATCHED and span.start_utc < found.end_utc and found.start_utc <= span.end_utc
        for span in spans
    )


def scored_spans(
    site: Site, record: ModelRecord, since: datetime, until: datetime
) -> list[CoverageSpan]:
    """Return what time in a range is to the scores of one model that are in the store."""
    store, camera = site.store, record.camera
    waiting = store.unscored_segments(camera, record.model_id)
    return coverage(
        since,
        until,
        store.segments(camera, since, until),
        store.blind(camera, since, until),
        unscored={segment.segment_id for segment in waiting},
        last_clip_utc=store.last_clips(camera, since, until, record.model_id),
        health=store.health(camera, since, until),
    )


def compared(
    events_of: Callable[[PartPolicy], Iterable[Event]],
    tail: EventTail,
    policy: EventPolicy,
    budget_per_day: float,
    watched_seconds: float,
    model_id: str,
    raised: Sequence[AlertFacts],
    camera: Camera,
    stored: Sequence[Alert] = (),
) -> WhatIf:
    """Return what the policy of a budget would have raised of the events of each part of the
    picture, beside the alerts of the store. `raised`: those that were told; `stored`: all. Zones
    keep the rules and budgets that they have."""
    asked = replace(camera, budget_per_day=budget_per_day)
    alerts = [
        alert
        for part in part_policies(asked, policy, tail)
        for alert in alerts_of_part(list(events_of(part)), part, asked, policy, tail)
    ]
    alerts.sort(key=lambda alert: (alert.start_utc, alert.alert_id))
    silent = [one for one in raised if not _meets(one.alert, alerts)]
    there = [*stored, *(one.alert for one in raised)]
    return WhatIf(
        model_id=model_id,
        budget_per_day=budget_per_day,
        alert_score=policy.alert_score,
        watched_seconds=watched_seconds,
        alerts=tuple(alerts),
        kept=len(raised) - len(silent),
        silent=tuple(one.alert for one in silent),
        new=tuple(alert for alert in alerts if not _meets(alert, there)),
        silent_verdicts=Counter(one.review.verdict if one.review else UNREVIEWED for one in silent),
    )


def _meets(alert: Alert, others: Iterable[Alert]) -> bool:
    return any(
        alert.start_utc <= other.end_utc and other.start_utc <= alert.end_utc for other in others
    )


def _range(
    site: Site, camera: str, since: datetime | None, until: datetime | None
) -> tuple[datetime, datetime]:
    """Return the range asked for, as far as there is footage where it has no bound."""
    now = site.clock.now_utc()
    first = min((s.start_utc for s in site.store.segments(camera)), default=now)
    newest = site.store.newest_segment(camera)
    # Half-open: the last clip ends with the last segment.
    last = newest.end_utc + timedelta(microseconds=1) if newest else now
    start, end = since or first, until or last
    return start, max(start, end)


def _scored_again(
    site: Site,
    record: ModelRecord,
    since: datetime,
    until: datetime,
    progress: Callable[[str], None],
) -> tuple[list[Anomaly], list[CoverageSpan]]:
    """Return what a model says of the footage that is there, and what time is to it."""
    # Scores of the store are joined without torch.
    from pipeline.distillation.stored_models import load_model
    from pipeline.learning.train_camera import stretches_of
    from pipeline.scoring.scorer import score_stretch
    from pipeline.scoring.sight import sight_of

    camera = site.store.camera(record.camera)
    model = load_model(record.place(site.folder), record.digest)
    reader, regions = sight_of(model, record, camera)
    found: list[Anomaly] = []
    segments: list[Segment] = []
    unseen: list[HealthEvent] = []
    for stretch in stretches_of(site, camera.name, since=since, until=until, progress=progress):
        try:
            scored = score_stretch(
                model, stretch, model_id=record.model_id, reader=reader, regions=regions
            )
            clips = [clip.anomaly for clip in scored]
        except FootageError as error:
            progress(f"not scored: {error}")
            continue
        found += [anomaly for anomaly in clips if since <= anomaly.clip.end_utc < until]
        segments.append(stretch.segment)
        unseen += reader.health.take() if reader.health else []
        # Nothing is scored while the light changes from one state to another.
        unseen += reader.lighting.take()[1] if reader.lighting else []
        progress(f"scored {stretch.footage.path}, {len(clips)} clips")
    # As the store gives them: footage may overlap, and clips are joined in order of time.
    found.sort(key=lambda anomaly: (anomaly.clip.end_utc, anomaly.anomaly_id))
    last = {anomaly.clip.segment_id: anomaly.clip.end_utc for anomaly in found}
    return found, coverage(
        since, until, segments, [], unscored=set(), last_clip_utc=last, health=unseen
    )
