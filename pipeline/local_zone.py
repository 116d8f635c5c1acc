"""The time zone of this machine, as an IANA name, for a default that a person may change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo

__all__ = ["machine_zone"]

_ZONEINFO = "zoneinfo/"


def machine_zone(root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> str:
    """Return the zone that TZ, else /etc/localtime, else /etc/timezone names; UTC when none does.

    `root`: where `etc/` lies.
    """
    given = os.environ if environment is None else environment
    for name in (given.get("TZ", "").lstrip(":"), _linked(root), _written(root)):
        if _is_zone(name):
            return name
    return "UTC"


def _linked(root: Path) -> str:
    try:
        target = (root / "etc/localtime").readlink().as_posix()
    except OSError:
        return ""
    return target.partition(_ZONEINFO)[2]


def _written(root: Path) -> str:
    try:
        return (root / "etc/timezone").read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _is_zone(name: str) -> bool:
    # "Factory" is what tzdata calls a machine that was never told where it stands.
    if not name or name == "Factory":
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True
