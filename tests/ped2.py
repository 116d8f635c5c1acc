"""UCSD Ped2 as a camera of a site: the drop folder, the register, what is abnormal when.

The footage is not in the repository; `data_folder` of conftest says where it is.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from pipeline.alerts.alerts import Alert
from pipeline.alerts.evidence import Evidence, EvidenceKind
from pipeline.assembly import Site
from pipeline.camera import Camera, ClockSource
from pipeline.files import sha256_of_file
from pipeline.timebase import shift_utc

__all__ = [
    "CAMERA",
    "Interval",
    "abnormal_times",
    "drop",
    "end_of_footage",
    "peaks_inside",
    "register",
    "wrong_evidence",
]

CAMERA = "ped2"

Interval = tuple[datetime, datetime]


def register(site: Site, **changes: object) -> Camera:
    """Register the camera; its drop folder is `footage` of the site."""
    fields: dict[str, object] = {
        "name": CAMERA,
        "source": Path("footage"),
        "purpose": "benchmark: see what is no pedestrian",
        "owner": "tests",
        "retention_days": 30,
        "clock": ClockSource.SEQUENCE,
    }
    camera = Camera(**{**fields, **changes})  # type: ignore[arg-type]
    site.source_of(camera).mkdir()
    site.store.put_camera(camera)
    return camera


def drop(folder: Path, videos: Iterable[Path]) -> None:
    """Copy videos into the drop folder. Train and test have the same names: folder-name.mp4."""
    for video in videos:
        shutil.copy2(video, folder / f"{video.parent.name}-{video.name}")


def end_of_footage(site: Site) -> datetime:
    """Return when the last footage ends."""
    return max(
        shift_utc(item.start_utc, item.duration_us)
        for item in site.store.footage_of(CAMERA)
        if item.start_utc is not None
    )


def abnormal_times(site: Site, labels: Path) -> dict[str, list[Interval]]:
    """Return the abnormal intervals of each test video by path, in the wall time it was laid in."""
    starts = {item.path: item.start_utc for item in site.store.footage_of(CAMERA)}
    found: dict[str, list[Interval]] = {}
    with labels.open(encoding="utf-8", newline="") as opened:
        for row in csv.DictReader(opened):
            path = f"test-{row['video']}"
            begins = starts.get(path)
            if begins is not None:
                first, last = (
                    begins + timedelta(seconds=float(row[name]))
                    for name in ("start_seconds", "end_seconds")
                )
                found.setdefault(path, []).append((first, last))
    return found


def peaks_inside(alerts: Sequence[Alert], times: Mapping[str, Sequence[Interval]]) -> list[Alert]:
    """Return the alerts whose peak lies in abnormal time."""
    intervals = [interval for video in times.values() for interval in video]
    return [a for a in alerts if any(start <= a.peak_utc < end for start, end in intervals)]


def wrong_evidence(site: Site, alert: Alert) -> list[str]:
    """Return what is wrong with the evidence of an alert; nothing when all four are intact."""
    evidence: Sequence[Evidence] = site.store.evidence(alert.alert_id)
    wrong = [f"no {kind}" for kind in EvidenceKind if kind not in {e.kind for e in evidence}]
    for item in evidence:
        path = site.folder / item.path
        if not path.is_file():
            wrong.append(f"{item.path} is not there")
        elif (path.stat().st_size, sha256_of_file(path)) != (item.size_bytes, item.sha256):
            wrong.append(f"{item.path} is not what was recorded")
    return wrong
