"""Facts: what the store knows of a camera in a range of time, gathered for its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import EventPolicy
from pipeline.alerts.evidence import Evidence
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.drift.check import DriftCheck
from pipeline.footage.admission import Footage, Verdict
from pipeline.learning.registry import ModelRecord
from pipeline.lighting.timeline import LightSpan
from pipeline.reports.coverage import NO_FOOTAGE, WAITING, WATCHED, CoverageSpan, coverage
from pipeline.reports.figures import Axis, CurvePoint, ScoreCurve, drawn_axis
from pipeline.reports.lighting import light_seen
from pipeline.reports.sums import is_of_a_sum
from pipeline.retention.gone import Gone, evidence_gone
from pipeline.retention.nouns import ScoreHour
from pipeline.store.contract import Review, Store
from pipeline.timebase import require_utc

__all__ = [
    "AlertFacts",
    "ReportFacts",
    "alert_facts",
    "gather_facts",
    "hour_of",
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
    gone: Gone | None = None
    """Since when and why the evidence was removed by retention."""
    of_a_sum: bool = False
    """Its score is that of its clips together: none of them has it. Asked for reports only."""


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
    """Those that begin in the range, by time, without those that are suppressed: an alert over the
    border of two ranges counts in the first alone."""
    model: ModelRecord | None
    light: Sequence[LightSpan]
    """In which light the scene was; nothing where the model knows one state only."""
    refused: Sequence[Footage]
    ongoing: Sequence[AlertFacts] = ()
    """Those that began before the range and went on into it."""
    suppressed: Mapping[str, int] = field(default_factory=dict)
    """Who called what they look like harmless -> how many alerts are suppressed for it."""
    summarised_until: datetime | None = None
    """Up to then scores were removed by retention, and of each hour its largest is drawn."""
    drift: DriftCheck | None = None
    """The last check of the active model; None when there was none."""

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
        unscored=_unscored(store, camera_name),
        last_clip_utc=store.last_clips(camera_name, since, until),
        health=store.health(camera_name, since, until),
        gone=store.removed_unscored(camera_name),
    )


def alert_facts(site: Site, camera_name: str, since: datetime, until: datetime) -> list[AlertFacts]:
    """Return the alerts of a camera that reach into [since, until) with evidence and verdicts, by
    time; those that are suppressed are not among them."""
    quiet = {one.alert_id for one in site.store.suppressions(camera_name, since, until)}
    return [
        _alert_facts(site, alert)
        for alert in site.store.alerts(camera_name, since, until)
        if alert.alert_id not in quiet
    ]


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
    hours = store.score_hours(camera_name, hour_of(since), until)
    for hour in hours:
        curve.add_hour(hour)
    # Of clips whose scores were removed too; the stream brings it up to date.
    last_clip_utc = dict(store.last_clips(camera_name, since, until)) if hours else {}
    for anomaly in store.anomalies(camera_name, None, since, until):
        curve.add(anomaly, policies.get(anomaly.model_id))
        last_clip_utc[anomaly.clip.segment_id] = anomaly.clip.end_utc
    spans = coverage(
        since,
        until,
        segments,
        blind,
        unscored=_unscored(store, camera_name),
        last_clip_utc=last_clip_utc,
        health=health,
        gone=store.removed_unscored(camera_name),
    )
    found = alert_facts(site, camera_name, since, until)
    return ReportFacts(
        camera=camera,
        since=since,
        until=until,
        spans=spans,
        axis=axis,
        curve=curve.runs(),
        alerts=[
            replace(item, of_a_sum=is_of_a_sum(store, item.alert))
            for item in found
            if item.alert.start_utc >= since
        ],
        ongoing=[item for item in found if item.alert.start_utc < since],
        model=model,
        light=light_seen(store, camera_name, since, until),
        refused=[item for item in store.footage_of(camera_name) if item.verdict is Verdict.REFUSED],
        suppressed=_suppressed(site, camera_name, since, until),
        summarised_until=min(until, _last_of(hours)) if hours else None,
        drift=store.drift(camera_name, model.model_id) if model else None,
    )


def _suppressed(
    site: Site, camera_name: str, since: datetime, until: datetime
) -> Mapping[str, int]:
    said_by = {one.pattern_id: one.reviewer for one in site.store.patterns(camera_name, ended=True)}
    quiet = site.store.suppressions(camera_name, since, until)
    begun = {
        alert.alert_id
        for alert in site.store.alerts(camera_name, since, until)
        if quiet and alert.start_utc >= since
    }
    return Counter(said_by[one.pattern_id] for one in quiet if one.alert_id in begun)


def hour_of(moment: datetime) -> datetime:
    """Return the begin of the hour in UTC that holds a moment."""
    return require_utc(moment).replace(minute=0, second=0, microsecond=0)


def _last_of(hours: Sequence[ScoreHour]) -> datetime:
    return max(hour.last_utc for hour in hours)


def policy_of(record: ModelRecord) -> EventPolicy | None:
    """Return the event policy that a model was calibrated to; None when it is not recorded."""
    policy = record.calibration.get("policy")
    return EventPolicy.from_dict(policy) if policy else None


def _unscored(store: Store, camera_name: str) -> set[str]:
    """Return the segments that no model has scored to their end.

    A model that was promoted has not scored yesterday; that does not make it unwatched.
    """
    return {segment.segment_id for segment in store.unscored_segments(camera_name, None)}


def _alert_facts(site: Site, alert: Alert) -> AlertFacts:
    reviews = site.store.reviews(alert.alert_id)
    evidence = site.store.evidence(alert.alert_id)
    return AlertFacts(
        alert=alert,
        evidence=evidence,
        review=reviews[-1] if reviews else None,
        gone=evidence_gone(site.store, alert, evidence),
    )
