"""Small nouns of the alerts room for tests: clips with a score, alerts, cameras."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from pipeline.alerts.alerts import Alert, Severity
from pipeline.alerts.events import EventPolicy
from pipeline.alerts.evidence import PeakPicture
from pipeline.camera import Camera
from pipeline.clips.windows import Clip
from pipeline.footage.admission import Footage, Verdict
from pipeline.footage.segments import Segment
from pipeline.identity import content_id
from pipeline.scoring.anomaly import Anomaly, Place

NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""Twelve o'clock in Tokyo."""
MODEL = "0123456789abcdef0123456789abcdef"
FOOTAGE = content_id("footage", "line-1", "0" * 64)


def camera(**changes: object) -> Camera:
    """Return the camera line-1 in Tokyo."""
    fields: dict[str, object] = {
        "name": "line-1",
        "source": Path("footage/line-1"),
        "timezone": "Asia/Tokyo",
        "purpose": "find jams of the belt",
        "owner": "line engineering",
        "retention_days": 30,
        "budget_per_day": 1.0,
    }
    return Camera(**{**fields, **changes})  # type: ignore[arg-type]


def policy(**changes: float) -> EventPolicy:
    """Return a policy without smoothing: open 3, close 2, alert 4, gap 3 s, no minimum."""
    fields = {
        "open_score": 3.0,
        "close_score": 2.0,
        "alert_score": 4.0,
        "smoothing_seconds": 0.0,
        "minimum_seconds": 0.0,
        "merge_gap_seconds": 3.0,
    }
    return EventPolicy(policy_id="policy", **{**fields, **changes})


def anomaly(
    at_seconds: float,
    score: float,
    *,
    expert: str = "critic",
    place: Place | None = None,
    name: str = "line-1",
    length_seconds: float = 1.0,
) -> Anomaly:
    """Return a clip, of 1 s, that ends `at_seconds` after NOON with this score."""
    end_us = round(at_seconds * 1_000_000)
    end_utc = NOON + timedelta(microseconds=end_us)
    clip = Clip(
        clip_id=content_id("clip", name, end_us),
        segment_id="segment",
        camera=name,
        start_us=end_us - round(length_seconds * 1_000_000),
        end_us=end_us,
        start_utc=end_utc - timedelta(seconds=length_seconds),
        end_utc=end_utc,
    )
    return Anomaly(
        anomaly_id=content_id("anomaly", clip.clip_id, MODEL),
        clip=clip,
        model_id=MODEL,
        scores={expert: score},
        score=score,
        p_value=10.0**-score,
        expert=expert,
        place=place or Place(x=0.5, y=0.25, width=0.25, height=0.25),
    )


def clips(scores: Iterable[float], *, step_seconds: float = 1.0) -> list[Anomaly]:
    """Return clips that end 0, 1, 2, ... steps after NOON."""
    return [anomaly(index * step_seconds, score) for index, score in enumerate(scores)]


def clips_at_rate(
    scores: Iterable[float], frame_rate: float, *, first_seconds: float = 0.0
) -> list[Anomaly]:
    """Return clips of 8 frames, one every 2 frames; the first ends `first_seconds` after NOON."""
    return [
        anomaly(first_seconds + index * 2 / frame_rate, score, length_seconds=7 / frame_rate)
        for index, score in enumerate(scores)
    ]


def alert(number: int = 0, **changes: object) -> Alert:
    """Return an alert of 4 s that starts `number` minutes after NOON, peak after 2 s."""
    start_utc = NOON + timedelta(minutes=number)
    fields: dict[str, object] = {
        "alert_id": content_id("alert", number),
        "event_id": content_id("event", number),
        "camera": "line-1",
        "model_id": MODEL,
        "severity": Severity.WARNING,
        "start_utc": start_utc,
        "end_utc": start_utc + timedelta(seconds=4),
        "peak_utc": start_utc + timedelta(seconds=2),
        "score": 6.0,
        "p_value": 1e-6,
        "expected_per_day": 0.05,
        "expert": "critic",
        "place": Place(x=0.5, y=0.25, width=0.25, height=0.25),
    }
    return Alert(**{**fields, **changes})  # type: ignore[arg-type]


def footage(**changes: object) -> Footage:
    """Return an admitted footage of 12 s from NOON, 160 x 120, 10 frames a second."""
    fields: dict[str, object] = {
        "footage_id": FOOTAGE,
        "camera": "line-1",
        "sha256": "0" * 64,
        "path": "noon.mp4",
        "size_bytes": 1000,
        "verdict": Verdict.ADMITTED,
        "start_utc": NOON,
        "duration_us": 12_000_000,
        "frames": 120,
        "width_px": 160,
        "height_px": 120,
        "frame_rate": 10.0,
    }
    return Footage(**{**fields, **changes})  # type: ignore[arg-type]


def segment(start_us: int = 0, end_us: int = 12_000_000) -> Segment:
    """Return a segment of `footage()`."""
    return Segment(
        segment_id=content_id("segment", FOOTAGE, start_us, end_us),
        footage_id=FOOTAGE,
        camera="line-1",
        start_us=start_us,
        end_us=end_us,
        frames=(end_us - start_us) // 100_000,
        start_utc=NOON + timedelta(microseconds=start_us),
    )


def peak_picture() -> PeakPicture:
    """Return pictures of a 160 x 120 frame (to the model 64 x 48), hottest at its middle."""
    ramp = np.linspace(0, 255, 160).astype(np.uint8)
    heat = np.full((3, 4), 0.5, np.float32)
    heat[1, 2] = 8.0
    return PeakPicture(
        frame_HWC=np.stack([np.tile(ramp, (120, 1))] * 3, axis=2),
        heat_HW=heat,
        input_HW=np.full((48, 64), 200, np.uint8),
        usual_HW=np.full((48, 64), 90, np.uint8),
        difference_HW=np.full((48, 64), 110, np.uint8),
        place=Place(x=0.5, y=0.25, width=0.25, height=0.25),
    )
