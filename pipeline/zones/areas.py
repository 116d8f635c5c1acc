"""Areas: the privacy masks, zones and closed hours of a camera, looked at and changed together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import CameraChanged, CameraError, ShowsMore
from pipeline.identity import digest_of
from pipeline.register import put_changed
from pipeline.zones.hours import parse_hours
from pipeline.zones.polygon import Polygon, check_polygon
from pipeline.zones.zone import Zone, check_name

__all__ = ["MOST_MASKS", "AreaChange", "Areas", "areas_of", "set_areas"]

MOST_MASKS = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Areas:
    """What is drawn on the picture of a camera, and when it is closed."""

    masks: tuple[tuple[str, Polygon], ...]
    """Name and corners of each privacy mask."""
    zones: tuple[Zone, ...]
    closed_hours: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as values that JSON can hold."""
        return {
            "masks": [
                {"name": name, "corners": [list(corner) for corner in polygon]}
                for name, polygon in self.masks
            ],
            "zones": [zone.to_dict() for zone in self.zones],
            "closed_hours": self.closed_hours,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Areas:
        """Return what `to_dict` wrote."""
        return cls(
            masks=tuple(
                (mask["name"], tuple((float(x), float(y)) for x, y in mask["corners"]))
                for mask in values["masks"]
            ),
            zones=tuple(Zone.from_dict(zone) for zone in values["zones"]),
            closed_hours=values["closed_hours"],
        )

    @property
    def digest(self) -> str:
        """What tells these areas from others: whoever changes them says which ones were seen."""
        return digest_of(self.to_dict())


@dataclass(frozen=True, kw_only=True, slots=True)
class AreaChange:
    """What a change came to."""

    camera: Camera
    hides_more: bool
    """Something is masked that was not before. What is stored already still shows it."""
    shows_more: bool
    """Something is no longer masked. Nothing that is stored already changes."""


def areas_of(camera: Camera) -> Areas:
    """Return what is drawn on the picture of a camera."""
    return Areas(masks=camera.named_masks, zones=camera.zones, closed_hours=camera.closed_hours)


def set_areas(
    site: Site,
    name: str,
    areas: Areas,
    *,
    who: str,
    seen: str | None = None,
    confirmed: bool = False,
) -> AreaChange:
    """Change what is drawn on the picture of a camera, with a row of the audit log.

    `seen`: digest of the areas that were changed; None: those that there are now. `confirmed`:
    masks may hide less than before. Raises CameraChanged when others are there meanwhile, ShowsMore
    when that was not confirmed, CameraError naming the mask or zone that is no good.
    """
    known = site.store.camera(name)
    before = areas_of(known)
    if seen is not None and seen != before.digest:
        raise CameraChanged(
            f"camera {name}: somebody else has changed its masks or zones meanwhile; look again,"
            " and draw what you wanted once more"
        )
    tidy = replace(
        areas,
        zones=tuple(_tidy(zone) for zone in areas.zones),
        closed_hours=parse_hours(areas.closed_hours, "closed hours").text,
    )
    camera = replace(
        known,
        privacy_masks=tuple(polygon for _, polygon in tidy.masks),
        mask_names=tuple(mask for mask, _ in tidy.masks),
        zones=tidy.zones,
        closed_hours=tidy.closed_hours,
    )
    _check_drawn(before, tidy, name)
    change = AreaChange(
        camera=camera,
        hides_more=_uncovers(camera, known),
        shows_more=_uncovers(known, camera),
    )
    if change.shows_more and not confirmed:
        raise ShowsMore(
            f"camera {name}: footage from now on will show what was masked; nothing stored before"
            " is changed. Confirm that it may"
        )
    masks_changed = before.masks != tidy.masks
    put_changed(
        site, known, camera, who=who, what="camera mask" if masks_changed else "camera zone"
    )
    return change


def _tidy(zone: Zone) -> Zone:
    return replace(zone, hours=parse_hours(zone.hours, f"zone {zone.name!r}").text)


def _check_drawn(before: Areas, after: Areas, camera: str) -> None:
    """Check what is new: what was drawn by an earlier version stays as it is."""
    if len(after.masks) > MOST_MASKS:
        raise CameraError(f"camera {camera}: {len(after.masks)} masks; at most {MOST_MASKS}")
    drawn = {polygon for _, polygon in before.masks}
    for name, polygon in after.masks:
        check_name(name, f"camera {camera}, mask {name!r}")
        if polygon not in drawn:
            check_polygon(polygon, f"camera {camera}, mask {name!r}")
    for zone in after.zones:
        if zone not in before.zones:
            check_polygon(zone.corners, f"camera {camera}, zone {zone.name!r}")


def _uncovers(before: Camera, after: Camera) -> bool:
    if before.privacy_masks == after.privacy_masks or not before.privacy_masks:
        return False
    from pipeline.clips.masks import uncovers  # OpenCV is not needed where no mask changes

    return uncovers(before.privacy_masks, after.privacy_masks)
