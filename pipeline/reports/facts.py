"""Facts: what the store knows of a camera in a range of time, gathered for its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import EventPolicy
from pipeline.alerts.evidence import Evidence
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.footage.admission import Footage, Verdict
from pipeline.learning.registry import ModelRecord
from pipeline.lighting.timeline import LightSpan
from pipeline.reports.coverage import NO_FOOTAGE, WAITING, WATCHED, CoverageSpan, coverage
from pipeline.reports.figures import Axis, CurvePoint, ScoreCurve, drawn_axis
from pipeline.reports.lighting import light_seen
from pipeline.store.contract import Review

__all__ = [
    "AlertFacts",
    "ReportFacts",
    "alert_facts",
    "gather_facts",
    "policy_of",
    "seconds_by_state",
    "watched_spans",
]

_SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertFacts:
    """An alert with its evidence and the verdict that counts."""

    alert: Alert
    evidence: Sequence[Evidence]
    review: Review | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportFacts:
    """Everything that the report of one camera says."""

    camera: Camera
    since: datetime
    until: datetime
    spans: Sequence[CoverageSpan]
    axis: Axis
    curve: Sequence[Sequence[CurvePoint]]
    alerts: Sequence[AlertFacts]
    """By time."""
    model: ModelRecord | None
    light: Sequence[LightSpan]
    """In which light the scene was; nothing where the model knows one state only."""
    refused: Sequence[Footage]

    @property
    def range_seconds(self) -> float:
        """Length of the range."""
        return (self.until - self.since).total_seconds()

    def seconds_of(self, state: str) -> float:
        """Return how long the camera was in a state of coverage."""
        return sum(span.seconds for span in self.spans if span.state == state)

    @property
    def watched_seconds(self) -> float:
        """How long the camera was watched."""
        return self.seconds_of(WATCHED)

    @property
    def blind_seconds(self) -> float:
        """How long it was not, footage that waits to be scored included."""
        return self.range_seconds - self.watched_seconds

    def seconds_by_state(self) -> dict[str, float]:
        """Return the time of every state that occurs: watched, waiting, then the longest first."""
        return seconds_by_state(self.spans)

    @property
    def allowed(self) -> float:
        """How many false alarms the budget allows for the watched time."""
        return self.camera.budget_per_day * self.watched_seconds / _SECONDS_PER_DAY

    def verdicts(self) -> Mapping[str, int]:
        """Return how many alerts have which verdict; those without any are not counted."""
        counts = {"anomaly": 0, "known_harmless": 0, "false_alarm": 0}
        for item in self.alerts:
            if item.review is not None:
                counts[item.review.verdict] += 1
        return counts


def seconds_by_state(spans: Sequence[CoverageSpan]) -> dict[str, float]:
    """Return the time of every state that occurs: watched, waiting, then the longest first."""
    lengths = {WATCHED: 0.0}
    for span in spans:
        lengths[span.state] = lengths.get(span.state, 0.0) + span.seconds
    first = {WATCHED: 0, WAITING: 1, NO_FOOTAGE: 3}
    return dict(
        sorted(lengths.items(), key=lambda item: (first.get(item[0], 2), -item[1], item[0]))
    )


def watched_spans(
    site: Site, camera_name: str, since: datetime, until: datetime
) -> list[CoverageSpan]:
    """Return what a camera's time in [since, until) was, without reading its scores one by one."""
    store = site.store
    return coverage(
        since,
        until,
        store.segments(camera_name, since, until),
        store.blind(camera_name, since, until),
        unscored=_unscored(site, camera_name, store.models(camera_name)),
        last_clip_utc=store.last_clips(camera_name, since, until),
        health=store.health(camera_name, since, until),
    )


def alert_facts(site: Site, camera_name: str, since: datetime, until: datetime) -> list[AlertFacts]:
    """Return the alerts of a camera in [since, until) with evidence and verdicts, by time."""
    return [_alert_facts(site, alert) for alert in site.store.alerts(camera_name, since, until)]


def gather_facts(site: Site, camera_name: str, since: datetime, until: datetime) -> ReportFacts:
    """Return the facts of [since, until); memory does not grow with the number of clips."""
    store = site.store
    camera = store.camera(camera_name)
    segments = store.segments(camera_name, since, until)
    blind = store.blind(camera_name, since, until)
    health = store.health(camera_name, since, until)
    records = store.models(camera_name)
    model = store.active_model(camera_name)
    # What is known of the time does not depend on scores; so the axis is there before they stream.
    known = coverage(since, until, segments, blind, unscored=set(), last_clip_utc={}, health=health)
    axis = drawn_axis(since, until, known)
    policies = {record.model_id: policy_of(record) for record in records}
    curve = ScoreCurve(axis, model.model_id if model else None)
    last_clip_utc: dict[str, datetime] = {}
    for anomaly in store.anomalies(camera_name, None, since, until):
        curve.add(anomaly, policies.get(anomaly.model_id))
        last_clip_utc[anomaly.clip.segment_id] = anomaly.clip.end_utc
    spans = coverage(
        since,
        until,
        segments,
        blind,
        unscored=_unscored(site, camera_name, records),
        last_clip_utc=last_clip_utc,
        health=health,
    )
    return ReportFacts(
        camera=camera,
        since=since,
        until=until,
        spans=spans,
        axis=axis,
        curve=curve.runs(),
        alerts=alert_facts(site, camera_name, since, until),
        model=model,
        light=light_seen(store, camera_name, since, until),
        refused=[item for item in store.footage_of(camera_name) if item.verdict is Verdict.REFUSED],
    )


def policy_of(record: ModelRecord) -> EventPolicy | None:
    """Return the event policy that a model was calibrated to; None when it is not recorded."""
    policy = record.calibration.get("policy")
    return EventPolicy(**policy) if policy else None


def _unscored(site: Site, camera_name: str, records: Sequence[ModelRecord]) -> set[str]:
    """Return the segments that no model has scored to their end.

    After a training the new model has scored nothing yet; that does not make yesterday unwatched.
    """
    unscored: set[str] | None = None
    for record in records:
        left = {s.segment_id for s in site.store.unscored_segments(camera_name, record.model_id)}
        unscored = left if unscored is None else unscored & left
    if unscored is None:
        return {segment.segment_id for segment in site.store.segments(camera_name)}
    return unscored


def _alert_facts(site: Site, alert: Alert) -> AlertFacts:
    reviews = site.store.reviews(alert.alert_id)
    return AlertFacts(
        alert=alert,
        evidence=site.store.evidence(alert.alert_id),
        review=reviews[-1] if reviews else None,
    )
