"""Wall time of the first frame: from a side-car, the file name, the modification time, or none."""

from __future__ import annotations

import json
import os
import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from pipeline.camera import Camera, ClockSource
from pipeline.errors import FootageError
from pipeline.footage.admission import Reason
from pipeline.footage.names import shown_name

__all__ = ["SIDECAR_SUFFIX", "known_start_utc", "local_to_utc", "sidecar_of", "time_in_name"]

SIDECAR_SUFFIX = ".start.json"
_SIDECAR_BYTES = 65_536

_TIME = re.compile(
    r"(?<![0-9])"
    r"(?P<year>[12][0-9]{3})-?(?P<month>[0-9]{2})-?(?P<day>[0-9]{2})"
    r"[T_ -]?"
    r"(?P<hour>[0-9]{2})[-:.h]?(?P<minute>[0-9]{2})[-:.m]?(?P<second>[0-9]{2})"
    r"(?:[.,](?P<fraction>[0-9]{1,6}))?"
    # Only Z and east of Greenwich without a colon: a minus is more often a serial number.
    r"(?P<zone>Z(?![A-Za-z])|[+][0-9]{2}:?[0-9]{2}(?![0-9])|-[0-9]{2}:[0-9]{2}(?![0-9]))?"
    r"(?![0-9])"
)


def known_start_utc(camera: Camera, path: Path) -> datetime | None:
    """Return the start that the side-car or the name of `path` tells; None when neither is asked
    for, or, with ClockSource.AUTO, neither tells.

    Raises FootageError (AMBIGUOUS_TIME) when what must tell does not, or tells no one instant.
    """
    if camera.clock in (ClockSource.MTIME, ClockSource.SEQUENCE):
        return None
    if camera.clock in (ClockSource.AUTO, ClockSource.SIDECAR):
        told = _sidecar_utc(path)
        if told is not None or camera.clock is ClockSource.AUTO:
            return told if told is not None else time_in_name(path.name, camera.timezone)
        raise _ambiguous(path.name, f"no side-car {shown_name(sidecar_of(path).name)}; add it")
    told = time_in_name(path.name, camera.timezone)
    if told is None:
        raise _ambiguous(
            path.name, "no time in its name; name it like 2026-01-31T08-00-00Z.mp4 or set --clock"
        )
    return told


def sidecar_of(path: Path) -> Path:
    """Return where the side-car of a file or folder lies: beside it, with `.start.json` added."""
    return path.with_name(path.name + SIDECAR_SUFFIX)


def time_in_name(name: str, timezone: str) -> datetime | None:
    """Return the first possible time in a name, as UTC; None when there is none.

    A time without a zone is local time of `timezone`. Raises FootageError (AMBIGUOUS_TIME) for a
    local time that the change of clocks makes occur twice, or never.
    """
    for found in _TIME.finditer(name):
        parts = [int(found[part]) for part in ("year", "month", "day", "hour", "minute", "second")]
        try:
            year, month, day, hour, minute, second = parts
            micro = int((found["fraction"] or "0").ljust(6, "0"))
            local = datetime(year, month, day, hour, minute, second, micro)
        except ValueError:
            continue  # digits, but no time: month 13
        zone = found["zone"]
        if zone == "Z":
            return local.replace(tzinfo=UTC)
        if zone:
            sign = -1 if zone[0] == "-" else 1
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
            return (local - sign * offset).replace(tzinfo=UTC)
        return local_to_utc(local, timezone, name)
    return None


def local_to_utc(local: datetime, timezone: str, name: str) -> datetime:
    """Return local time (naive) of a zone as UTC; FootageError (AMBIGUOUS_TIME) where it occurs
    twice or never."""
    zone = ZoneInfo(timezone)
    first = local.replace(tzinfo=zone, fold=0)
    second = local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        # Both cases: the two readings differ when clocks were set back, and when set forward.
        raise _ambiguous(
            name,
            f"{local.isoformat(sep=' ')} occurs twice or never in {timezone}, as clocks change; "
            "name it in UTC with a Z, or add a side-car",
        )
    return first.astimezone(UTC)


def _sidecar_utc(path: Path) -> datetime | None:
    sidecar = sidecar_of(path)
    try:
        descriptor = os.open(sidecar, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        if len(os.fsencode(sidecar.name)) > 255:
            return None  # too long a name to exist
        raise _ambiguous(path.name, f"its side-car cannot be read ({error.strerror})") from error
    with open(descriptor, "rb") as opened:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _SIDECAR_BYTES:
            raise _ambiguous(path.name, "its side-car is not a small file; correct it")
        content = opened.read(_SIDECAR_BYTES)
    try:
        told = datetime.fromisoformat(json.loads(content)["start_utc"])
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise _ambiguous(
            path.name,
            'its side-car is not like {"start_utc": "2026-01-31T08:00:00Z"}; correct it',
        ) from error
    if told.tzinfo is None:
        raise _ambiguous(path.name, "the time in its side-car has no zone; add a Z for UTC")
    return told.astimezone(UTC)


def _ambiguous(name: str, what: str) -> FootageError:
    return FootageError(f"{shown_name(name)}: {what}", reason=Reason.AMBIGUOUS_TIME)
