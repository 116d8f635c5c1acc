"""The first page: every camera, whether it is watched, and what waits for a verdict."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from dashboards.access import Asking, SiteHere
from dashboards.facts import overview_cards
from dashboards.pages import page, words_for

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


@router.get("/")
def overview(request: Request, site: SiteHere, who: Asking) -> Response:
    """Show all cameras that may be seen."""
    cards = overview_cards(site, who, lambda zone: words_for(request, zone))
    return page(request, "overview.html", who, cards=cards)
