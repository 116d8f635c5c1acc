"""Camera: a fixed viewpoint with a source, a time zone, a written purpose, masks, an alarm
budget."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.errors import CameraError
from pipeline.zones.hours import parse_hours
from pipeline.zones.polygon import Polygon
from pipeline.zones.zone import Zone, check_name, check_zones

__all__ = ["LONGEST_DAYS", "Camera", "ClockSource", "Polygon", "check_camera"]

LONGEST_DAYS = 36_500
"""A hundred years: what anything can be kept for."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")


class ClockSource(StrEnum):
    """Where the wall time of the first frame of a footage comes from."""

    AUTO = "auto"
    """Side-car if there is one, else the name, else the modification time."""
    SIDECAR = "sidecar"
    """`NAME.start.json` beside the file: {"start_utc": "2026-01-31T08:00:00Z"}."""
    NAME = "name"
    """A time in the file name: 2026-01-31T08-00-00Z, or without Z in the camera's time zone."""
    MTIME = "mtime"
    """Modification time of the file, less its duration."""
    SEQUENCE = "sequence"
    """No clock: laid one after the other in the order of names, one minute apart (archives)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """One fixed viewpoint, as registered."""

    name: str
    """Lower-case letters, digits, - and _; at most 63. It names folders and rows."""
    source: Path
    """Folder that footage arrives in: video files, or folders of frames."""
    timezone: str = "UTC"
    """IANA zone of the plant, for reports and for local times in file names."""
    purpose: str
    """Why this camera watches, in words: required before it may be ingested."""
    owner: str
    """Who answers for it."""
    retention_days: int
    """How long recorded footage, evidence and raw scores are kept, where its retention policy says
    nothing else."""
    budget_per_day: float = 1.0
    """Alarm budget: the largest acceptable mean number of false alerts in 24 hours of footage."""
    clock: ClockSource = ClockSource.AUTO
    sequence_start_utc: datetime | None = None
    """For ClockSource.SEQUENCE: where the first footage is laid; None means 2000-01-01."""
    privacy_masks: tuple[Polygon, ...] = ()
    """Painted over before anything is learnt, stored or shown."""
    mask_names: tuple[str, ...] = ()
    """What people call the masks, in their order; a mask beyond them has a number for a name."""
    zones: tuple[Zone, ...] = ()
    """Parts of the picture with rules of their own for alerts. They may overlap: a place belongs to
    the zone that covers most of it."""
    closed_hours: str = ""
    """When nothing that the camera sees is an alert, by the clock of its time zone, such as
    `mon-fri 22:00-06:00`; empty: never. Closed zones are not silenced."""

    @property
    def named_masks(self) -> tuple[tuple[str, Polygon], ...]:
        """The privacy masks with what each is called."""
        given = self.mask_names
        return tuple(
            (given[at] if at < len(given) else f"mask {at + 1}", polygon)
            for at, polygon in enumerate(self.privacy_masks)
        )


def check_camera(camera: Camera) -> Camera:
    """Return `camera`, or raise CameraError naming what is missing and how to give it."""
    if not _NAME.fullmatch(camera.name):
        raise CameraError(
            f"camera name {camera.name!r}: use 1 to 63 of a-z 0-9 - _, a letter or digit first"
        )
    for field in ("purpose", "owner"):
        if not getattr(camera, field).strip():
            raise CameraError(f"camera {camera.name}: no {field}; give --{field} 'in your words'")
    if camera.retention_days < 1:
        raise CameraError(f"camera {camera.name}: keep for {camera.retention_days} days? give >= 1")
    if camera.retention_days > LONGEST_DAYS:
        raise CameraError(
            f"camera {camera.name}: keep for {camera.retention_days} days? give {LONGEST_DAYS} or "
            "fewer"
        )
    if not 0 < camera.budget_per_day < math.inf:
        raise CameraError(
            f"camera {camera.name}: budget {camera.budget_per_day}; give a number above 0"
        )
    try:
        ZoneInfo(camera.timezone)
    except (KeyError, ValueError, OSError) as error:
        raise CameraError(
            f"camera {camera.name}: unknown time zone {camera.timezone!r}; give one like Asia/Tokyo"
        ) from error
    for polygon in camera.privacy_masks:
        if len(polygon) < 3 or any(not 0.0 <= v <= 1.0 for corner in polygon for v in corner):
            raise CameraError(
                f"camera {camera.name}: a mask needs >= 3 corners with shares between 0 and 1"
            )
    for name in camera.mask_names:
        check_name(name, f"camera {camera.name}, mask {name!r}")
    if len({name for name, _ in camera.named_masks}) < len(camera.privacy_masks):
        raise CameraError(f"camera {camera.name}: two masks have one name; give each its own")
    check_zones(camera.zones, camera.name)
    parse_hours(camera.closed_hours, f"camera {camera.name}, closed hours")
    return camera
