"""Moments and ranges as people type them, in the time zone that they are meant in."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from pipeline.errors import SettingsError
from pipeline.timebase import moment_in

if TYPE_CHECKING:
    from pipeline.assembly import Site

__all__ = ["length_of", "parse_moment", "parse_range", "zone_of"]

_LENGTH = re.compile(r"(\d{1,6})([smhd])")
_UNIT = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}


def zone_of(site: Site, camera: str | None) -> str | None:
    """Return the time zone that moments are meant in: that of the camera, without one that of all
    cameras, and None where they differ. CameraError for an unknown camera."""
    if camera is not None:
        return site.store.camera(camera).timezone
    zones = {known.timezone for known in site.store.cameras()}
    if not zones:
        return "UTC"  # without a camera there is nothing that a moment could leave out
    return zones.pop() if len(zones) == 1 else None


def parse_moment(text: str, *, timezone: str | None, now_utc: datetime) -> datetime:
    """Return a moment in UTC from `2026-01-31`, `2026-01-31T08:00[:05][Z or +09:00]`, or `90m`,
    `24h`, `7d` (that long ago). Without an offset it is meant in `timezone`; None: then it needs
    one."""
    try:
        if (ago := length_of(text)) is not None:
            return now_utc - ago
        if timezone is None and datetime.fromisoformat(text).tzinfo is None:
            raise SettingsError(
                f"{text!r}: the cameras are in several time zones; say which one is meant, as in "
                f"{datetime.fromisoformat(text):%Y-%m-%dT%H:%M}Z or +09:00, or name one --camera"
            )
        return moment_in(timezone or "UTC", text)
    except (ValueError, OverflowError) as error:
        raise SettingsError(
            f"{text!r} is no moment; give 2026-01-31, 2026-01-31T08:00Z, 90m, 24h or 7d (ago)"
        ) from error


def parse_range(
    since: str | None, until: str | None, *, timezone: str | None, now_utc: datetime
) -> tuple[datetime | None, datetime | None]:
    """Return the range [since, until) that two options say; SettingsError when it is empty."""
    start, end = (
        parse_moment(text, timezone=timezone, now_utc=now_utc) if text else None
        for text in (since, until)
    )
    if start is not None and end is not None and not start < end:
        raise SettingsError(f"--since {since} is not before --until {until}; exchange them")
    return start, end


def length_of(text: str) -> timedelta | None:
    """Return the length that `30s`, `90m`, `24h` or `7d` says; None for anything else."""
    found = _LENGTH.fullmatch(text)
    return None if found is None else int(found[1]) * _UNIT[found[2]]
