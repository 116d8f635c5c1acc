"""A small line with everything in it, for tests of the store, of SQL, and of what reads them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.alerts.alerts import Alert, Severity
from pipeline.alerts.events import Event
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.camera import Camera
from pipeline.clips.windows import Clip
from pipeline.drift.check import DriftCheck
from pipeline.drift.judge import Severity as DriftSeverity
from pipeline.drift.judge import Statistic
from pipeline.footage.admission import Footage, Reason, Verdict
from pipeline.footage.segments import Blind, Segment
from pipeline.health.events import HealthEvent, Trouble, health_event
from pipeline.identity import content_id, digest_of
from pipeline.learning.registry import ComparisonRecord, ModelRecord, ModelState
from pipeline.lighting.events import LightingEvent, LightingSpell, lighting_event
from pipeline.retention.nouns import Hold, Removal, StoredFile
from pipeline.retention.policy import Kind, Why
from pipeline.scoring.anomaly import Anomaly, Place
from pipeline.store.contract import Review, Store
from pipeline.timebase import shift_utc

MORNING = datetime(2026, 1, 31, 8, 0, 0, 123456, tzinfo=UTC)
SECOND_US = 1_000_000
PLACE = Place(x=0.1, y=0.25, width=1 / 3, height=0.5)


def camera(name: str = "press-1", **changes: Any) -> Camera:
    """Return a camera with a complete register."""
    complete = Camera(
        name=name,
        source=Path("footage") / name,
        timezone="Asia/Tokyo",
        purpose="see jams of the press",
        owner="line 1, K. Sato",
        retention_days=30,
        budget_per_day=2.0,
        privacy_masks=(((0.0, 0.0), (0.5, 0.0), (0.25, 1 / 3)),),
    )
    return replace(complete, **changes)


def footage(name: str = "press-1", number: int = 0, **changes: Any) -> Footage:
    """Return the footage of 100 s that begins `number` hours after MORNING."""
    sha256 = digest_of([name, number])
    admitted = Footage(
        footage_id=content_id("footage", name, sha256),
        camera=name,
        sha256=sha256,
        path=f"2026-01-31/{number:04d}.mp4",
        size_bytes=5_000_000_000 + number,
        verdict=Verdict.ADMITTED,
        start_utc=MORNING + timedelta(hours=number),
        duration_us=100 * SECOND_US,
        frames=1500,
        width_px=640,
        height_px=480,
        frame_rate=15.0,
    )
    return replace(admitted, **changes)


def refused(name: str = "press-1", path: str = "text.mp4") -> Footage:
    """Return a file that was refused."""
    sha256 = digest_of([name, path])
    return Footage(
        footage_id=content_id("footage", name, sha256),
        camera=name,
        sha256=sha256,
        path=path,
        size_bytes=3,
        verdict=Verdict.REFUSED,
        reason=Reason.NOT_VIDEO,
        detail="begins with 'abc', which no video does; remove it",
    )


def segment(of: Footage, start_us: int = 0, end_us: int = 60 * SECOND_US) -> Segment:
    """Return a segment of a footage."""
    assert of.start_utc is not None
    return Segment(
        segment_id=content_id("segment", of.footage_id, start_us, end_us),
        footage_id=of.footage_id,
        camera=of.camera,
        start_us=start_us,
        end_us=end_us,
        frames=(end_us - start_us) // 100_000,
        start_utc=shift_utc(of.start_utc, start_us),
    )


def blind(
    of: Footage,
    start_us: int = 60 * SECOND_US,
    end_us: int = 100 * SECOND_US,
    reason: Reason = Reason.DAMAGED,
) -> Blind:
    """Return a blind stretch of a footage."""
    assert of.start_utc is not None
    start, end = shift_utc(of.start_utc, start_us), shift_utc(of.start_utc, end_us)
    return Blind(
        blind_id=content_id(
            "blind", of.camera, of.footage_id, start.isoformat(), end.isoformat(), reason
        ),
        camera=of.camera,
        footage_id=of.footage_id,
        start_utc=start,
        end_utc=end,
        reason=reason,
        detail="decoder reported 12 errors",
    )


def model(name: str = "press-1", number: int = 0, **changes: Any) -> ModelRecord:
    """Return a candidate model, made `number` days after MORNING."""
    digest = digest_of(["model", name, number])
    candidate = ModelRecord(
        model_id=digest[:32],
        camera=name,
        state=ModelState.CANDIDATE,
        preset="compact",
        path=f"models/{name}/{digest[:32]}",
        digest=digest,
        created_utc=MORNING + timedelta(days=number),
        calibration_id=content_id("calibration", digest),
        calibration={"budget_per_day": 2.0, "held_out_seconds": 1800.5, "experts": ["critic"]},
        manifest={"seed": 7, "footage": ["a", "b"], "training_seconds": 3600.0, "名": "プレス"},
    )
    return replace(candidate, **changes)


METRICS = [
    {"step": 100.0, "critic_loss": -0.5, "generator_loss": 1.25},
    {"step": 200.0, "critic_loss": -0.125, "generator_loss": 0.1},
]


def anomaly(of: Segment, by: ModelRecord, number: int = 0, **changes: Any) -> Anomaly:
    """Return the anomaly of the clip of 1.6 s that begins `number` half seconds into a segment."""
    start_us = of.start_us + number * SECOND_US // 2
    end_us = start_us + 1_600_000
    clip_id = content_id("clip", of.segment_id, start_us, end_us)
    scored = Anomaly(
        anomaly_id=content_id("anomaly", clip_id, by.model_id),
        clip=Clip(
            clip_id=clip_id,
            segment_id=of.segment_id,
            camera=of.camera,
            start_us=start_us,
            end_us=end_us,
            start_utc=shift_utc(of.start_utc, start_us - of.start_us),
            end_utc=shift_utc(of.start_utc, end_us - of.start_us),
        ),
        model_id=by.model_id,
        scores={"critic": 0.1 * number, "reconstruction": 1 / 3},
        score=0.1 * number,
        p_value=10 ** (-0.1 * number),
        expert="critic",
        place=PLACE,
    )
    return replace(scored, **changes)


def event(first: Anomaly, last: Anomaly, **changes: Any) -> Event:
    """Return the event from one anomaly to another one, which is its peak."""
    policy_id = content_id("policy", first.model_id)
    joined = Event(
        event_id=content_id("event", first.clip.camera, policy_id, first.anomaly_id),
        camera=first.clip.camera,
        model_id=first.model_id,
        policy_id=policy_id,
        first_anomaly_id=first.anomaly_id,
        peak_anomaly_id=last.anomaly_id,
        start_utc=first.clip.end_utc,
        end_utc=last.clip.end_utc,
        peak_utc=last.clip.end_utc,
        peak_score=last.score,
        clips=3,
        expert=last.expert,
        place=last.place,
        closed=False,
    )
    return replace(joined, **changes)


def alert(of: Event, severity: Severity = Severity.WARNING, **changes: Any) -> Alert:
    """Return the alert of an event."""
    raised = Alert(
        alert_id=content_id("alert", of.event_id),
        event_id=of.event_id,
        camera=of.camera,
        model_id=of.model_id,
        severity=severity,
        start_utc=of.start_utc,
        end_utc=of.end_utc,
        peak_utc=of.peak_utc,
        score=of.peak_score,
        p_value=10**-of.peak_score,
        expected_per_day=0.05,
        expert=of.expert,
        place=of.place,
    )
    return replace(raised, **changes)


def evidence(of: Alert) -> list[Evidence]:
    """Return one file of every kind."""
    return [
        Evidence(
            evidence_id=content_id("evidence", of.alert_id, kind),
            alert_id=of.alert_id,
            kind=kind,
            path=f"evidence/{of.camera}/{of.alert_id}/{kind}",
            sha256=digest_of([of.alert_id, kind]),
            size_bytes=1000,
        )
        for kind in sorted(EvidenceKind)
    ]


def review(of: Alert, verdict: str = "anomaly", minutes: int = 0, **changes: Any) -> Review:
    """Return the verdict of K. Sato, a day and `minutes` after MORNING."""
    at_utc = MORNING + timedelta(days=1, minutes=minutes)
    said = Review(
        review_id=content_id("review", of.alert_id, "sato", verdict, at_utc.isoformat()),
        alert_id=of.alert_id,
        verdict=verdict,
        reviewer="sato",
        note="a board lay across the belt",
        at_utc=at_utc,
    )
    return replace(said, **changes)


def health(
    of: Segment,
    start_us: int = 10 * SECOND_US,
    end_us: int = 20 * SECOND_US,
    trouble: Trouble = Trouble.MOVED_SLIGHTLY,
) -> HealthEvent:
    """Return trouble in a segment; without more, one that does not blind."""
    return health_event(
        of, trouble, start_us, end_us, found_us=start_us + 3 * SECOND_US, detail="+2.0 px right"
    )


def statistic(name: str = "fused", **changes: Any) -> Statistic:
    """Return a statistic that drifts; `severity=None` for one that does not."""
    found = Statistic(
        name=name,
        reference_samples=96,
        samples=48,
        evidence=1.25,
        severity=DriftSeverity.SERIOUS,
        since_utc=MORNING,
        found_utc=MORNING + timedelta(hours=7),
        usual=0.434,
        recent=0.9,
        spreads=4.5,
    )
    return replace(found, **changes)


def drift_check(of: ModelRecord, *statistics: Statistic) -> DriftCheck:
    """Return a check of a model; without more, of the score, which drifts, and the brightness."""
    quiet = {"severity": None, "since_utc": None, "found_utc": None, "evidence": -3.0}
    return DriftCheck(
        camera=of.camera,
        model_id=of.model_id,
        checked_utc=MORNING + timedelta(days=2, hours=1),
        since_utc=MORNING,
        until_utc=MORNING + timedelta(days=2),
        statistics=statistics or (statistic("brightness", **quiet), statistic()),
    )


def trial_figures(*, found: int = 20, false_alarms: int = 0) -> dict[str, Any]:
    """Return what one model did in a comparison, of 24 injected faults and one known anomaly."""
    return {
        "normal_seconds": 3600.0,
        "false_alarms": false_alarms,
        "false_alarms_at": [],
        "faults": {f"reversed-{number}": number < found for number in range(24)},
        "known": {"6d95cc14ad44": True},
    }


def comparison(
    candidate: ModelRecord, active: ModelRecord, *, not_worse: bool = True, minutes: int = 0
) -> ComparisonRecord:
    """Return the comparison of two models; the one that is worse has lost a kind of fault."""
    reason = {"why": "kind_lost", "figures": {"kind": "reversed", "found": 3}}
    figures = {
        "active": trial_figures(),
        "candidate": trial_figures(found=21 if not_worse else 12),
        "lost": 0 if not_worse else 8,
        "gained": 1 if not_worse else 0,
        "bound": 0.05 if not_worse else 0.48,
        "not_worse": not_worse,
        "reasons": [] if not_worse else [reason],
        "footage": {
            "since_utc": MORNING.isoformat(),
            "until_utc": (MORNING + timedelta(hours=1)).isoformat(),
            "known_without_footage": 0,
        },
    }
    return ComparisonRecord(
        comparison_id=content_id("comparison", candidate.model_id, active.model_id, repr(minutes)),
        camera=candidate.camera,
        candidate_id=candidate.model_id,
        active_id=active.model_id,
        at_utc=MORNING + timedelta(days=1, minutes=minutes),
        who="sato",
        not_worse=not_worse,
        figures=figures,
    )


def hold(of: Alert, **changes: Any) -> Hold:
    """Return the hold of K. Sato on an alert, a day after MORNING."""
    at_utc = MORNING + timedelta(days=1)
    held = Hold(
        hold_id=content_id("hold", of.alert_id, at_utc.isoformat()),
        camera=of.camera,
        alert_id=of.alert_id,
        since_utc=of.start_utc,
        until_utc=of.end_utc,
        reason="the insurer asks",
        who="sato",
        at_utc=at_utc,
    )
    return replace(held, **changes)


def removal(name: str = "press-1", **changes: Any) -> Removal:
    """Return the removal of things of the year before, two days after MORNING."""
    planned_utc = MORNING + timedelta(days=2)
    begun = Removal(
        removal_id=content_id("removal", name, *(f"{k}={v}" for k, v in changes.items())),
        camera=name,
        kind=Kind.REPORTS,
        why=Why.POLICY,
        since_utc=MORNING - timedelta(days=365),
        until_utc=MORNING - timedelta(days=365),
        items=0,
        size_bytes=0,
        planned_utc=planned_utc,
        root=".",
    )
    return replace(begun, **changes)


def old_file(name: str = "reports/press-1/old.html", **changes: Any) -> StoredFile:
    """Return a file of 700 bytes in which the year before MORNING is seen."""
    at_utc = MORNING - timedelta(days=365)
    file = StoredFile(name=name, start_utc=at_utc, end_utc=at_utc, size_bytes=700)
    return replace(file, **changes)


def light(
    of: Segment, state: str = "bright", start_us: int = 0, end_us: int = 10 * SECOND_US
) -> LightingEvent:
    """Return the first ten seconds of a segment in one light."""
    return lighting_event(of, LightingSpell(state=state, start_us=start_us, end_us=end_us))


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Everything that `fill` recorded of one camera."""

    camera: Camera
    footage: Footage
    segment: Segment
    blind: Blind
    model: ModelRecord
    anomalies: list[Anomaly]
    event: Event
    alert: Alert
    evidence: list[Evidence]


def line(name: str = "press-1") -> Line:
    """Return one thing of every kind for a camera, and 20 anomalies."""
    film = footage(name)
    good = segment(film)
    active = model(name)
    anomalies = [anomaly(good, active, number) for number in range(20)]
    joined = event(anomalies[12], anomalies[19])
    raised = alert(joined)
    return Line(
        camera=camera(name),
        footage=film,
        segment=good,
        blind=blind(film),
        model=active,
        anomalies=anomalies,
        event=joined,
        alert=raised,
        evidence=evidence(raised),
    )


def fill(store: Store, name: str = "press-1", *, reviewed: bool = True) -> Line:
    """Record a line in a store, by every method that records; doing it again adds nothing but an
    attempt of delivery and an audit row."""
    one = line(name)
    store.put_camera(one.camera)
    store.add_footage(one.footage, [one.segment], [one.blind])
    store.add_footage(refused(name), [], [])
    store.put_health(one.segment.segment_id, [health(one.segment)])
    store.put_lighting(one.segment.segment_id, [light(one.segment)])
    store.add_model(one.model, METRICS)
    store.promote(one.model.model_id, MORNING)
    store.put_drift(drift_check(one.model))
    store.add_comparison(comparison(one.model, one.model))
    store.add_anomalies(one.anomalies)
    store.mark_scored(one.segment.segment_id, one.model.model_id, len(one.anomalies), MORNING)
    store.put_events([one.event])
    store.add_alert(one.alert, one.evidence)
    if reviewed:
        store.add_review(review(one.alert, "false_alarm"))
        store.add_review(review(one.alert, "anomaly", minutes=5))
    store.record_delivery(one.alert.alert_id, "file", MORNING, None)
    store.audit("sato", "look", one.alert.alert_id, {"from": "10.0.0.7"})
    return one


def fill_retention(store: Store, name: str = "press-1") -> None:
    """Record a hold on the alert of a line that is there, and a removal."""
    store.add_hold(hold(line(name).alert))
    begun = store.begin_removal(removal(name), [old_file()])
    assert begun is not None
    store.finish_removal(begun.removal_id, begun.planned_utc)
