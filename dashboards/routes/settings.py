"""What is registered of a camera: purpose, owner, retention, alarm budget; changed by admins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from dashboards.access import Admin, Asking, SiteHere, seen_camera
from dashboards.pages import page, words_for
from dashboards.routes.cameras import CameraName
from pipeline.errors import CameraError
from pipeline.register import change_camera

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/cameras/{name}/settings")
def show(request: Request, site: SiteHere, who: Asking, name: CameraName) -> Response:
    """Show what is registered."""
    camera = seen_camera(site, who, name)
    words = words_for(request, camera.timezone)
    return page(request, "settings.html", who, words=words, camera=camera, problem="", saved=False)


@router.post("/cameras/{name}/settings")
def change(
    request: Request,
    site: SiteHere,
    who: Admin,
    name: CameraName,
    purpose: Annotated[str, Form(max_length=500)],
    owner: Annotated[str, Form(max_length=200)],
    retention_days: Annotated[int, Form(ge=1, le=36_500)],
    budget_per_day: Annotated[float, Form(gt=0, le=100_000)],
) -> Response:
    """Change it, with a trace of who did."""
    camera = seen_camera(site, who, name)
    wanted: dict[str, Any] = {
        "purpose": purpose.strip(),
        "owner": owner.strip(),
        "retention_days": retention_days,
        "budget_per_day": budget_per_day,
    }
    changes = {key: value for key, value in wanted.items() if getattr(camera, key) != value}
    problem = ""
    if changes:
        try:
            camera = change_camera(site, name, changes, who=who.user.name)
        except CameraError as error:
            problem = str(error)
    words = words_for(request, camera.timezone)
    return page(
        request,
        "settings.html",
        who,
        words=words,
        camera=camera,
        problem=problem,
        saved=not problem,
        status=422 if problem else 200,
    )
