"""A site with a morning of one camera, made by hand: footage, holes, scores, events, alerts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipeline.alerts.alerts import Alert, alerts_from_events
from pipeline.alerts.budget import EventTail
from pipeline.alerts.events import Event, join_anomalies
from pipeline.alerts.evidence import Evidence
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.footage.admission import Footage, Reason, Verdict
from pipeline.footage.segments import Blind, Segment
from pipeline.identity import content_id
from pipeline.learning.registry import ModelRecord, ModelState
from pipeline.scoring.anomaly import Anomaly, Place
from pipeline.settings import Settings
from pipeline.store.sql import open_store
from tests.alerts_makers import MODEL, NOON, anomaly, camera, policy

TAIL = EventTail(threshold=2.0, events_per_day=60.0, scale=0.45, shape=0.0)
DAY_START = NOON - timedelta(hours=12)
"""Midnight in Tokyo."""


class FixedClock:
    """A clock that stands still at 18:00 in Tokyo."""

    def now_utc(self) -> datetime:
        return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@dataclass(frozen=True)
class Fault:
    """A bump in the scores, `at_seconds` after NOON."""

    at_seconds: float
    length_seconds: float
    score: float
    expert: str
    place: Place


FAULTS = (
    Fault(1_310, 6, 9.5, "reconstruction", Place(x=0.42, y=0.35, width=0.25, height=0.3)),
    Fault(4_402, 14, 6.4, "critic", Place(x=0.7, y=0.05, width=0.2, height=0.3)),
    Fault(7_905, 3, 4.7, "motion", Place(x=0.1, y=0.6, width=0.3, height=0.35)),
)


def open_small_site(folder: Path) -> Site:
    """Return a site in `folder` with an empty SQLite store and a clock that stands still."""
    folder.mkdir(parents=True, exist_ok=True)
    store = open_store(f"sqlite:///{folder / 'kizashi.db'}")
    return Site(folder=folder, settings=Settings(), store=store, clock=FixedClock())


def model(**changes: object) -> ModelRecord:
    """Return the model of line-1, as training registers it."""
    fields: dict[str, object] = {
        "model_id": MODEL,
        "camera": "line-1",
        "state": ModelState.CANDIDATE,
        "preset": "compact",
        "path": f"models/line-1/{MODEL}",
        "digest": MODEL * 2,
        "created_utc": NOON - timedelta(days=2, hours=3),
        "calibration_id": content_id("calibration", "line-1"),
        "calibration": {
            "budget_per_day": 1.0,
            "held_out_seconds": 5400.0,
            "experts": ["critic", "reconstruction"],
            "policy": policy().to_dict(),
            "tail": TAIL.to_dict(),
        },
        "manifest": {"seed": 0, "training_seconds": 21_600.0, "footage": ["a", "b", "c"]},
    }
    return ModelRecord(**{**fields, **changes})  # type: ignore[arg-type]


def footage_at(start_seconds: float, length_seconds: float, name: str) -> Footage:
    """Return an admitted file that begins `start_seconds` after NOON."""
    return Footage(
        footage_id=content_id("footage", "line-1", name),
        camera="line-1",
        sha256=content_id("bytes", name) * 2,
        path=name,
        size_bytes=1_000_000,
        verdict=Verdict.ADMITTED,
        start_utc=NOON + timedelta(seconds=start_seconds),
        duration_us=round(length_seconds * 1e6),
        frames=round(length_seconds * 10),
        width_px=160,
        height_px=120,
        frame_rate=10.0,
    )


def segment_of(item: Footage, start_seconds: float, end_seconds: float) -> Segment:
    """Return a segment of a footage between two media times."""
    assert item.start_utc is not None
    start_us, end_us = round(start_seconds * 1e6), round(end_seconds * 1e6)
    return Segment(
        segment_id=content_id("segment", item.footage_id, start_us, end_us),
        footage_id=item.footage_id,
        camera="line-1",
        start_us=start_us,
        end_us=end_us,
        frames=round((end_seconds - start_seconds) * 10),
        start_utc=item.start_utc + timedelta(seconds=start_seconds),
    )


def blind_at(
    start_seconds: float, end_seconds: float, reason: Reason, footage: Footage | None = None
) -> Blind:
    """Return a blind interval between two times after NOON."""
    start_utc = NOON + timedelta(seconds=start_seconds)
    end_utc = NOON + timedelta(seconds=end_seconds)
    parts = ("line-1", start_utc.isoformat(), end_utc.isoformat(), reason)
    return Blind(
        blind_id=content_id("blind", *parts),
        camera="line-1",
        footage_id=footage.footage_id if footage else None,
        start_utc=start_utc,
        end_utc=end_utc,
        reason=reason,
    )


def refused(name: str, reason: Reason, detail: str) -> Footage:
    """Return a refused file."""
    return Footage(
        footage_id=content_id("footage", "line-1", name),
        camera="line-1",
        sha256=content_id("bytes", name) * 2,
        path=name,
        size_bytes=0,
        verdict=Verdict.REFUSED,
        reason=reason,
        detail=detail,
    )


def clips_of(
    segment: Segment, faults: Sequence[Fault] = FAULTS, step_seconds: float = 5.0
) -> list[Anomaly]:
    """Return the scored clips of a segment: a little noise, and the faults."""
    first = (segment.start_utc - NOON).total_seconds()
    last = (segment.end_utc - NOON).total_seconds()
    clips = []
    at_seconds = first + 1.0
    while at_seconds < last:
        fault = next(
            (f for f in faults if f.at_seconds <= at_seconds < f.at_seconds + f.length_seconds),
            None,
        )
        # Some noise without a generator of chance: always the same.
        noise = 0.9 + 0.5 * math.sin(at_seconds * 0.9) + 0.4 * math.sin(at_seconds * 0.013)
        score = fault.score if fault else max(noise, 0.0)
        made = anomaly(
            at_seconds,
            round(score, 3),
            expert=fault.expert if fault else "critic",
            place=fault.place if fault else None,
        )
        clips.append(replace(made, clip=replace(made.clip, segment_id=segment.segment_id)))
        near = any(f.at_seconds - 20 < at_seconds < f.at_seconds + 30 for f in faults)
        at_seconds += 0.5 if near else step_seconds
    return clips


def fill_morning(site: Site, registered: Camera | None = None) -> list[Alert]:
    """Put three hours of line-1 from NOON into the store and return its alerts, not stored yet."""
    store = site.store
    store.put_camera(registered or camera())
    one, two, three = (
        footage_at(0, 3600, "1200.mp4"),
        footage_at(3600, 3600, "1300.mp4"),
        footage_at(7200, 3600, "1400.mp4"),
    )
    parts = {
        one: [segment_of(one, 0, 3600)],
        two: [segment_of(two, 0, 1500), segment_of(two, 1620, 3600)],
        three: [segment_of(three, 0, 2700)],
    }
    store.add_footage(one, parts[one], [])
    store.add_footage(two, parts[two], [blind_at(5100, 5220, Reason.DAMAGED, two)])
    store.add_footage(three, parts[three], [blind_at(9900, 10_800, Reason.TRUNCATED, three)])
    for bad in (
        refused("empty.mp4", Reason.EMPTY, "0 bytes; the recorder wrote nothing"),
        refused("<script>alert(1)</script>.mp4", Reason.NOT_VIDEO, "text & not a video"),
    ):
        store.add_footage(bad, [], [])
    store.add_model(model(), [])
    store.promote(MODEL, NOON)
    clips: list[Anomaly] = []
    for segment in (segment for some in parts.values() for segment in some):
        scored = clips_of(segment)
        store.add_anomalies(scored)
        store.mark_scored(segment.segment_id, MODEL, len(scored), NOON)
        clips += scored
    events: list[Event] = list(join_anomalies(clips, policy()))
    store.put_events(events)
    return alerts_from_events(events, policy(), TAIL, 1.0)


def add_alerts(site: Site, alerts: Sequence[Alert], evidence: Sequence[Evidence] = ()) -> None:
    """Store alerts, each with its part of the evidence."""
    for alert in alerts:
        mine = [item for item in evidence if item.alert_id == alert.alert_id]
        site.store.add_alert(alert, mine)
