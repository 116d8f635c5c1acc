"""A folder of pictures as ingest would have admitted it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from pipeline.clips.reader import Stretch
from pipeline.footage.examine import probe_footage

__all__ = ["MORNING", "admitted_folder"]

MORNING = datetime(2026, 1, 1, 6, tzinfo=UTC)


def admitted_folder(folder: Path, rate: float) -> Stretch:
    """Return all of the folder's pictures, none of them blind, `rate` a second from MORNING on."""
    footage, (segment,), blind = probe_footage(
        folder, camera="c", root=folder.parent, start_utc=MORNING, folder_frame_rate=rate
    )
    assert not blind
    return Stretch(source=folder, footage=footage, segment=segment)
