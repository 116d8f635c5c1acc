"""Alerts: the list, one alert with its evidence, and the queue of those that wait for a verdict."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from dashboards.access import Asking, SiteHere, seen_camera
from dashboards.cases import LONGEST_QUEUE, case_of, queue_of
from dashboards.pages import page, words_for
from pipeline.alerts.reviews import VERDICTS
from pipeline.store.contract import AlertFilter

__all__ = ["AlertId", "router"]

router = APIRouter(include_in_schema=False)

AlertId = Annotated[str, Path(max_length=64)]
_PAGE = 50


@router.get("/alerts")
def alerts(
    request: Request,
    site: SiteHere,
    who: Asking,
    camera: Annotated[str, Query(max_length=63)] = "",
    severity: Literal["", "notice", "warning", "critical"] = "",
    verdict: Literal["", "none", "anomaly", "known_harmless", "false_alarm", "suppressed"] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """List alerts, the newest first."""
    if camera:
        seen_camera(site, who, camera)
    wanted = AlertFilter(
        cameras=[camera] if camera else who.cameras(),
        severity=severity or None,
        verdict=verdict or None,
    )
    found = site.store.browse_alerts(wanted, limit=_PAGE + 1, offset=offset)
    words = {known.name: words_for(request, known.timezone) for known in site.store.cameras()}
    return page(
        request,
        "alerts.html",
        who,
        items=found[:_PAGE],
        more=len(found) > _PAGE,
        offset=offset,
        step=_PAGE,
        words=words_for(request),
        by_camera=words,
        cameras=[name for name in words if who.user.may_see(name)],
        chosen={"camera": camera, "severity": severity, "verdict": verdict},
        verdicts=("none", *VERDICTS, "suppressed"),
    )


@router.get("/alerts/{alert_id}")
def alert(
    request: Request,
    site: SiteHere,
    who: Asking,
    alert_id: AlertId,
    queue: Annotated[str, Query(max_length=63)] = "",
    part: bool = False,
) -> Response:
    """Show one alert; `queue`: as one of the queue of that camera, or of `all`."""
    case = case_of(site, who, alert_id, lambda zone: words_for(request, zone))
    template = "case.html" if part else "alert.html"
    waiting = queue_of(site, who, queue) if queue and not part else []
    return page(
        request,
        template,
        who,
        words=case.words,
        case=case,
        queue=queue,
        waiting=waiting,
        cut=len(waiting) == LONGEST_QUEUE,
    )


@router.get("/review")
def review(
    request: Request,
    site: SiteHere,
    who: Asking,
    camera: Annotated[str, Query(max_length=63)] = "",
) -> Response:
    """Show the most severe alert that waits for a verdict, with the others behind it."""
    if camera:
        seen_camera(site, who, camera)
    waiting = queue_of(site, who, camera or "all")
    if not waiting:
        return page(request, "nothing_to_review.html", who)
    case = case_of(site, who, waiting[0], lambda zone: words_for(request, zone))
    return page(
        request,
        "alert.html",
        who,
        words=case.words,
        case=case,
        queue=camera or "all",
        waiting=waiting,
        cut=len(waiting) == LONGEST_QUEUE,
    )
