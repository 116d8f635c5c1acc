"""Gaps: blind time that no footage tells of, noted by the recorder, until ingest has taken it
in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from pipeline.files import write_json
from pipeline.footage.admission import Reason
from pipeline.footage.segments import Blind
from pipeline.identity import content_id

__all__ = ["blind_without_footage", "forget_gaps", "note_gap", "noted_gaps", "recording_folder"]

_PATTERN = "blind-*.json"


def recording_folder(site_folder: Path, camera: str) -> Path:
    """Return where the recorder of a camera keeps what is not footage."""
    return site_folder / "recording" / camera


def blind_without_footage(
    camera: str, start_utc: datetime, end_utc: datetime, reason: Reason, detail: str
) -> Blind:
    """Return a stretch of time that no footage covers."""
    parts = ("", start_utc.isoformat(), end_utc.isoformat(), reason.value)
    return Blind(
        blind_id=content_id("blind", camera, *parts),
        camera=camera,
        footage_id=None,
        start_utc=start_utc,
        end_utc=end_utc,
        reason=reason,
        detail=detail,
    )


def note_gap(folder: Path, blind: Blind) -> Path:
    """Write a gap into `folder`, durably and under a name of its own; return the file."""
    path = folder / f"blind-{blind.blind_id}.json"
    value = {
        "start_utc": blind.start_utc.isoformat(),
        "end_utc": blind.end_utc.isoformat(),
        "reason": blind.reason.value,
        "detail": blind.detail,
    }
    write_json(path, value)
    return path


def noted_gaps(folder: Path, camera: str) -> tuple[list[tuple[Path, Blind]], list[Path]]:
    """Return the gaps that lie in `folder`, in order of time, and the files that hold none though
    they are named so."""
    gaps, broken = [], []
    for path in sorted(folder.glob(_PATTERN)):
        try:
            gaps.append((path, _read(path, camera)))
        except (OSError, ValueError, TypeError, KeyError):
            broken.append(path)
    return sorted(gaps, key=lambda gap: (gap[1].start_utc, gap[1].blind_id)), broken


def forget_gaps(paths: Sequence[Path]) -> None:
    """Remove gaps that are in the store now."""
    for path in paths:
        path.unlink(missing_ok=True)


def _read(path: Path, camera: str) -> Blind:
    value = json.loads(path.read_text(encoding="utf-8"))
    start_utc, end_utc = (datetime.fromisoformat(value[k]) for k in ("start_utc", "end_utc"))
    if start_utc.tzinfo is None or end_utc <= start_utc:
        raise ValueError("no stretch of time")
    reason, detail = Reason(value["reason"]), str(value["detail"])
    return blind_without_footage(camera, start_utc, end_utc, reason, detail)
