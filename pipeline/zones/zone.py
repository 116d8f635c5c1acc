"""Zone: a named part of a camera's picture in which alerts follow rules of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pipeline.errors import CameraError
from pipeline.zones.hours import ALWAYS, Hours, parse_hours
from pipeline.zones.polygon import Polygon

__all__ = ["LONGEST_NAME", "MOST_ZONES", "Zone", "ZoneKind", "check_name", "check_zones"]

LONGEST_NAME = 60
MOST_ZONES = 20


class ZoneKind(StrEnum):
    """What is done about what happens in a zone."""

    IGNORE = "ignore"
    """Nothing there is an alert. It is learnt and scored all the same, and its events are kept."""
    WATCH = "watch"
    """It has an alarm budget of its own, and so a threshold of its own."""
    CLOSED = "closed"
    """Within its hours every event there is an alert; outside of them the camera's rules hold."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Zone:
    """A part of the picture of one camera."""

    name: str
    kind: ZoneKind
    corners: Polygon
    budget_per_day: float | None = None
    """Of a watched zone: the largest acceptable mean number of false alerts there in 24 hours of
    footage."""
    hours: str = ""
    """When its rule holds, by the clock of the camera's time zone; empty: always. Outside of them
    the zone is as the rest of the picture."""

    @property
    def times(self) -> Hours:
        """When its rule holds."""
        return parse_hours(self.hours, f"zone {self.name!r}") if self.hours else ALWAYS

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        return {
            "name": self.name,
            "kind": self.kind.value,
            "corners": [list(corner) for corner in self.corners],
            "budget_per_day": self.budget_per_day,
            "hours": self.hours,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Zone:
        """Return the zone that `to_dict` wrote; CameraError for anything else."""
        try:
            return cls(
                name=values["name"],
                kind=ZoneKind(values["kind"]),
                corners=tuple((float(x), float(y)) for x, y in values["corners"]),
                budget_per_day=values["budget_per_day"],
                hours=values["hours"],
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CameraError(
                f"a zone is stored as no zone is ({type(error).__name__}); correct the column zones"
                " of its camera"
            ) from error


def check_name(name: str, what: str) -> None:
    """Raise CameraError unless a name is one printable line of 1 to 60 characters."""
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME:
        raise CameraError(f"{what}: a name has 1 to {LONGEST_NAME} characters, blanks not outside")
    if not name.isprintable():
        raise CameraError(f"{what}: the name {name!r} cannot be printed; give letters and digits")


def check_zones(zones: Iterable[Zone], camera: str) -> None:
    """Raise CameraError naming the first zone that is not complete, and what it needs."""
    seen: set[str] = set()
    for zone in zones:
        what = f"camera {camera}, zone {zone.name!r}"
        check_name(zone.name, what)
        if zone.name in seen:
            raise CameraError(f"{what}: there are two of this name; give each its own")
        seen.add(zone.name)
        if len(zone.corners) < 3 or any(not 0.0 <= v <= 1.0 for c in zone.corners for v in c):
            raise CameraError(f"{what}: give >= 3 corners with shares between 0 and 1")
        if zone.kind is ZoneKind.WATCH:
            if zone.budget_per_day is None or not 0.0 < zone.budget_per_day <= 100_000.0:
                raise CameraError(f"{what}: a watched zone needs a budget of more than 0 a day")
        elif zone.budget_per_day is not None:
            raise CameraError(f"{what}: only a watched zone has a budget; leave it away")
        hours = parse_hours(zone.hours, what)
        if zone.kind is ZoneKind.CLOSED and not hours.minutes:
            raise CameraError(f"{what}: say when it is closed, like 'mon-fri 22:00-06:00'")
    if len(seen) > MOST_ZONES:
        raise CameraError(f"camera {camera}: {len(seen)} zones; at most {MOST_ZONES} are possible")
