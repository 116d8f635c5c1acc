"""What is registered of a camera: purpose, owner, retention, alarm budget; changed by admins."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import Response

from dashboards.access import Admin, Asking, SiteHere, Who, seen_camera
from dashboards.areas import area_facts
from dashboards.pages import error_for, page, words_for
from dashboards.routes.cameras import CameraName
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import CameraChanged, CameraError
from pipeline.identity import digest_of
from pipeline.register import change_camera
from pipeline.reports.budget_rows import budgets_lately

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


_FIELDS = ("purpose", "owner", "retention_days", "budget_per_day")


def _seen(camera: Camera) -> str:
    """What tells these settings from others: a form says which ones it shows."""
    return digest_of([getattr(camera, field) for field in _FIELDS])


def _shown(
    request: Request,
    site: Site,
    who: Who,
    camera: Camera,
    *,
    problem: str = "",
    saved: bool = False,
    typed: dict[str, Any] | None = None,
    status: int = 200,
) -> Response:
    """`typed`: what a form that is refused has held; nobody types it again."""
    words = words_for(request, camera.timezone)
    stands = {field: getattr(camera, field) for field in _FIELDS}
    return page(
        request,
        "settings.html",
        who,
        words=words,
        camera=camera,
        seen=_seen(camera),
        areas=area_facts(site, camera),
        budgets=budgets_lately(site, camera, words),
        problem=problem,
        saved=saved,
        typed=typed or stands,
        stands=stands,
        status=status,
    )


@router.get("/cameras/{name}/settings")
def show(request: Request, site: SiteHere, who: Asking, name: CameraName) -> Response:
    """Show what is registered."""
    return _shown(request, site, who, seen_camera(site, who, name))


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
    seen: Annotated[str, Form(max_length=64)] = "",
) -> Response:
    """Change it, with a trace of who did; 409 when others are there than the form has shown."""
    camera = seen_camera(site, who, name)
    wanted: dict[str, Any] = {
        "purpose": purpose.strip(),
        "owner": owner.strip(),
        "retention_days": retention_days,
        "budget_per_day": budget_per_day,
    }
    if seen and seen != _seen(camera):
        words = words_for(request)
        problem = words("settings.conflict")
        return _shown(request, site, who, camera, problem=problem, typed=wanted, status=409)
    changes = {key: value for key, value in wanted.items() if getattr(camera, key) != value}
    try:
        if changes:
            camera = change_camera(site, name, changes, who=who.user.name)
    except CameraChanged:
        raise
    except CameraError as error:
        problem = error_for(request, error)
        return _shown(request, site, who, camera, problem=problem, typed=wanted, status=422)
    return _shown(request, site, who, camera, saved=True)
