"""A camera: its scores over time, its alerts, what was not watched, and a frame at any moment."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from dashboards.access import Asking, SiteHere, seen_camera
from dashboards.facts import camera_facts
from dashboards.moments import Moment
from dashboards.pages import page, words_for
from dashboards.stills import still_of

__all__ = ["CameraName", "router"]

router = APIRouter(include_in_schema=False)

CameraName = Annotated[str, Path(max_length=63)]


@router.get("/cameras/{name}")
def camera(
    request: Request,
    site: SiteHere,
    who: Asking,
    name: CameraName,
    hours: Annotated[float, Query(gt=0, le=24 * 92)] = 24.0,
    until: Moment | None = None,
) -> Response:
    """Show one camera over some hours."""
    seen = seen_camera(site, who, name)
    words = words_for(request, seen.timezone)
    return page(
        request, "camera.html", who, words=words, **camera_facts(site, seen, words, hours, until)
    )


@router.get("/cameras/{name}/still")
def still(site: SiteHere, who: Asking, name: CameraName, at: Moment | None = None) -> Response:
    """Return the frame at a moment, the newest unless told, masks burnt in."""
    seen = seen_camera(site, who, name)
    jpeg = still_of(site, seen, at)
    if at is not None:
        site.store.audit(who.user.name, "saw frame", name, {"at_utc": at.isoformat()})
    return Response(jpeg, media_type="image/jpeg")
