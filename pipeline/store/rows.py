"""Nouns as rows and back. A field and its column have one name, but for what is nested."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.alerts.alerts import Alert, Severity
from pipeline.alerts.events import Event
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.camera import Camera, ClockSource
from pipeline.clips.windows import Clip
from pipeline.footage.admission import Footage, Reason, Verdict
from pipeline.footage.segments import Blind, Segment
from pipeline.scoring.anomaly import Anomaly, PartScore, Place
from pipeline.store import schema
from pipeline.store.contract import Review
from pipeline.timebase import shift_utc
from pipeline.zones.zone import Zone

__all__ = [
    "alert_of",
    "alert_row",
    "anomaly_of",
    "anomaly_row",
    "blind_of",
    "camera_of",
    "camera_row",
    "event_of",
    "event_row",
    "evidence_of",
    "footage_of",
    "footage_row",
    "plain_row",
    "review_of",
    "segment_of",
    "segment_row",
]

Row = dict[str, Any]


def plain_row(noun: Any, without: Iterable[str] = ()) -> Row:
    """Return the fields of a dataclass by name, except those in `without`."""
    kind: Any = type(noun)
    return {name: getattr(noun, name) for name in _field_names(kind, tuple(without))}


@cache  # asked for every clip of every camera
def _field_names(kind: Any, without: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind) if field.name not in without)


def camera_row(camera: Camera) -> Row:
    """Return the row of a camera."""
    masks = [[list(corner) for corner in polygon] for polygon in camera.privacy_masks]
    return {
        **plain_row(camera, ["source", "privacy_masks", "mask_names", "zones"]),
        "source": str(camera.source),
        "privacy_masks": masks,
        "mask_names": list(camera.mask_names),
        "zones": [zone.to_dict() for zone in camera.zones],
    }


def camera_of(row: schema.CameraRow) -> Camera:
    """Return the camera of a row."""
    return Camera(
        name=row.name,
        source=Path(row.source),
        timezone=row.timezone,
        purpose=row.purpose,
        owner=row.owner,
        retention_days=row.retention_days,
        budget_per_day=row.budget_per_day,
        clock=ClockSource(row.clock),
        sequence_start_utc=row.sequence_start_utc,
        privacy_masks=tuple(
            tuple((float(x), float(y)) for x, y in polygon) for polygon in row.privacy_masks
        ),
        mask_names=tuple(row.mask_names),
        zones=tuple(Zone.from_dict(zone) for zone in row.zones),
        closed_hours=row.closed_hours,
    )


def footage_row(footage: Footage) -> Row:
    """Return the row of a footage."""
    start = footage.start_utc
    end = None if start is None else shift_utc(start, footage.duration_us)
    return {**plain_row(footage), "end_utc": end}


def footage_of(row: schema.FootageRow) -> Footage:
    """Return the footage of a row."""
    return Footage(
        footage_id=row.footage_id,
        camera=row.camera,
        sha256=row.sha256,
        path=row.path,
        size_bytes=row.size_bytes,
        verdict=Verdict(row.verdict),
        reason=None if row.reason is None else Reason(row.reason),
        detail=row.detail,
        start_utc=row.start_utc,
        duration_us=row.duration_us,
        frames=row.frames,
        width_px=row.width_px,
        height_px=row.height_px,
        frame_rate=row.frame_rate,
        removed_utc=row.removed_utc,
    )


def segment_row(segment: Segment) -> Row:
    """Return the row of a segment."""
    return {**plain_row(segment), "end_utc": segment.end_utc, "settled_utc": None}


def segment_of(row: schema.SegmentRow) -> Segment:
    """Return the segment of a row."""
    return Segment(
        segment_id=row.segment_id,
        footage_id=row.footage_id,
        camera=row.camera,
        start_us=row.start_us,
        end_us=row.end_us,
        frames=row.frames,
        start_utc=row.start_utc,
    )


def blind_of(row: schema.BlindRow) -> Blind:
    """Return the blind interval of a row."""
    return Blind(
        blind_id=row.blind_id,
        camera=row.camera,
        footage_id=row.footage_id,
        start_utc=row.start_utc,
        end_utc=row.end_utc,
        reason=Reason(row.reason),
        detail=row.detail,
    )


def anomaly_row(anomaly: Anomaly) -> Row:
    """Return the row of an anomaly, its clip and place flattened."""
    return {
        **plain_row(anomaly, ["clip", "place", "scores", "parts"]),
        **plain_row(anomaly.clip),
        **_place_columns(anomaly.place),
        "scores": {expert: float(score) for expert, score in anomaly.scores.items()},
        "parts": {name: part.to_list() for name, part in anomaly.parts.items()},
    }


def anomaly_of(row: schema.AnomalyRow) -> Anomaly:
    """Return the anomaly of a row."""
    clip = Clip(
        clip_id=row.clip_id,
        segment_id=row.segment_id,
        camera=row.camera,
        start_us=row.start_us,
        end_us=row.end_us,
        start_utc=row.start_utc,
        end_utc=row.end_utc,
    )
    return Anomaly(
        anomaly_id=row.anomaly_id,
        clip=clip,
        model_id=row.model_id,
        scores={expert: float(score) for expert, score in row.scores.items()},
        score=row.score,
        p_value=row.p_value,
        expert=row.expert,
        place=_place_of(row),
        parts={name: PartScore.from_list(values) for name, values in row.parts.items()},
    )


def event_row(event: Event) -> Row:
    """Return the row of an event, its place flattened."""
    return {**plain_row(event, ["place"]), **_place_columns(event.place)}


def event_of(row: schema.EventRow) -> Event:
    """Return the event of a row."""
    return Event(
        event_id=row.event_id,
        camera=row.camera,
        model_id=row.model_id,
        policy_id=row.policy_id,
        first_anomaly_id=row.first_anomaly_id,
        peak_anomaly_id=row.peak_anomaly_id,
        start_utc=row.start_utc,
        end_utc=row.end_utc,
        peak_utc=row.peak_utc,
        peak_score=row.peak_score,
        clips=row.clips,
        expert=row.expert,
        place=_place_of(row),
        closed=row.closed,
        zone=row.zone,
    )


def alert_row(alert: Alert) -> Row:
    """Return the row of an alert, its place flattened."""
    return {**plain_row(alert, ["place"]), **_place_columns(alert.place)}


def alert_of(row: schema.AlertRow) -> Alert:
    """Return the alert of a row."""
    return Alert(
        alert_id=row.alert_id,
        event_id=row.event_id,
        camera=row.camera,
        model_id=row.model_id,
        severity=Severity(row.severity),
        start_utc=row.start_utc,
        end_utc=row.end_utc,
        peak_utc=row.peak_utc,
        score=row.score,
        p_value=row.p_value,
        expected_per_day=row.expected_per_day,
        expert=row.expert,
        place=_place_of(row),
        zone=row.zone,
    )


def evidence_of(row: schema.EvidenceRow) -> Evidence:
    """Return the evidence of a row."""
    return Evidence(
        evidence_id=row.evidence_id,
        alert_id=row.alert_id,
        kind=EvidenceKind(row.kind),
        path=row.path,
        sha256=row.sha256,
        size_bytes=row.size_bytes,
        removed_utc=row.removed_utc,
    )


def review_of(row: schema.ReviewRow) -> Review:
    """Return the review of a row."""
    return Review(
        review_id=row.review_id,
        alert_id=row.alert_id,
        verdict=row.verdict,
        reviewer=row.reviewer,
        note=row.note,
        at_utc=row.at_utc,
    )


def _place_columns(place: Place) -> Mapping[str, float]:
    return {
        "place_x": place.x,
        "place_y": place.y,
        "place_width": place.width,
        "place_height": place.height,
    }


def _place_of(row: schema.AnomalyRow | schema.EventRow | schema.AlertRow) -> Place:
    return Place(x=row.place_x, y=row.place_y, width=row.place_width, height=row.place_height)
