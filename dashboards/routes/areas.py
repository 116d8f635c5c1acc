"""Drawing privacy masks and zones: what the settings of a camera send, changed by admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from dashboards.access import Admin, SiteHere, seen_camera
from dashboards.pages import error_for
from dashboards.routes.cameras import CameraName
from pipeline.errors import CameraChanged, CameraError, ShowsMore
from pipeline.zones.areas import MOST_MASKS, Areas, areas_of, set_areas
from pipeline.zones.learnt import has_learnt_masks
from pipeline.zones.polygon import MOST_CORNERS
from pipeline.zones.zone import MOST_ZONES, Zone, ZoneKind

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_Name = Annotated[str, Field(max_length=200)]
_Corners = Annotated[list[tuple[float, float]], Field(max_length=MOST_CORNERS + 1)]


class _Mask(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    name: _Name
    corners: _Corners


class _Zone(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    name: _Name
    kind: ZoneKind
    corners: _Corners
    budget_per_day: float | None = None
    hours: Annotated[str, Field(max_length=300)] = ""


class _Drawn(BaseModel):
    """What somebody has drawn."""

    model_config = ConfigDict(extra="forbid")
    seen: Annotated[str, Field(max_length=64)]
    """Digest of what was there when it was begun."""
    masks: Annotated[list[_Mask], Field(max_length=MOST_MASKS + 1)]
    zones: Annotated[list[_Zone], Field(max_length=MOST_ZONES + 1)]
    closed_hours: Annotated[str, Field(max_length=300)] = ""
    confirmed: bool = False

    def areas(self) -> Areas:
        """Return it as the pipeline knows it."""
        return Areas(
            masks=tuple((mask.name.strip(), tuple(mask.corners)) for mask in self.masks),
            zones=tuple(
                Zone(
                    name=zone.name.strip(),
                    kind=zone.kind,
                    corners=tuple(zone.corners),
                    budget_per_day=zone.budget_per_day,
                    hours=zone.hours,
                )
                for zone in self.zones
            ),
            closed_hours=self.closed_hours,
        )


@router.post("/cameras/{name}/areas")
def draw(
    request: Request, site: SiteHere, who: Admin, name: CameraName, drawn: _Drawn
) -> JSONResponse:
    """Change the masks, zones and closed hours of a camera, with a trace of who did.

    409 when somebody else has changed them meanwhile; 422 when something is no good, with
    `confirm` when it needs only to be said that masks may hide less.
    """
    seen_camera(site, who, name)
    try:
        change = set_areas(
            site,
            name,
            drawn.areas(),
            who=who.user.name,
            seen=drawn.seen,
            confirmed=drawn.confirmed,
        )
    except ShowsMore as error:
        said = error_for(request, error)
        return JSONResponse({"error": said, "confirm": True}, status_code=422)
    except CameraChanged:
        raise
    except CameraError as error:
        said = error_for(request, error)
        return JSONResponse({"error": said}, status_code=422)
    areas = areas_of(change.camera)
    model = site.store.active_model(name)
    return JSONResponse(
        {
            **areas.to_dict(),
            "seen": areas.digest,
            "hides_more": change.hides_more,
            "shows_more": change.shows_more,
            "unlearnt": model is not None and not has_learnt_masks(model, change.camera),
        }
    )
