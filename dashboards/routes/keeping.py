"""How long a camera's things are kept; holds, which reviewers give and take back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Request
from fastapi.responses import Response

from dashboards.access import Asking, Reviewer, SiteHere, Who, seen_camera
from dashboards.cases import alert_seen
from dashboards.keeping import kept_facts, release_seen
from dashboards.pages import page, words_for
from dashboards.routes.alerts import AlertId
from dashboards.routes.cameras import CameraName
from pipeline.alerts.alerts import Alert
from pipeline.assembly import Site
from pipeline.retention.holds import hold_alert, holds_on

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

HoldId = Annotated[str, Path(min_length=32, max_length=32)]


@router.get("/cameras/{name}/kept")
def kept(request: Request, site: SiteHere, who: Asking, name: CameraName) -> Response:
    """Show what a camera keeps, what is held, and what was removed."""
    camera = seen_camera(site, who, name)
    words = words_for(request, camera.timezone)
    return page(request, "kept.html", who, words=words, **kept_facts(site, who, camera, words))


@router.post("/cameras/{name}/holds/{hold_id}/release")
def release(
    request: Request, site: SiteHere, who: Reviewer, name: CameraName, hold_id: HoldId
) -> Response:
    """Take a hold back, and show the page again."""
    release_seen(site, who, hold_id, name)
    return kept(request, site, who, name)


@router.post("/alerts/{alert_id}/holds")
def hold(
    request: Request,
    site: SiteHere,
    who: Reviewer,
    alert_id: AlertId,
    reason: Annotated[str, Form(min_length=1, max_length=2_000)],
) -> Response:
    """Hold an alert, and show what holds it."""
    alert = alert_seen(site, who, alert_id)
    hold_alert(site, alert.alert_id, reason=reason, who=who.user.name)
    return _holds(request, site, who, alert)


@router.post("/alerts/{alert_id}/holds/{hold_id}/release")
def release_here(
    request: Request, site: SiteHere, who: Reviewer, alert_id: AlertId, hold_id: HoldId
) -> Response:
    """Take a hold back, and show what holds the alert still."""
    alert = alert_seen(site, who, alert_id)
    release_seen(site, who, hold_id, alert.camera)
    return _holds(request, site, who, alert)


def _holds(request: Request, site: Site, who: Who, alert: Alert) -> Response:
    words = words_for(request, site.store.camera(alert.camera).timezone)
    return page(request, "holds.html", who, words=words, alert=alert, holds=holds_on(site, alert))
