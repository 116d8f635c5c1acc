"""Questions in SQL over the public views, for people who may see every camera."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from dashboards.access import AllCameras, SiteHere
from dashboards.pages import error_for, page
from pipeline.errors import QueryRefused
from pipeline.store.views import PUBLIC_VIEWS

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_ROWS = 500
_SECONDS = 10.0


@router.get("/sql")
def sql(
    request: Request,
    site: SiteHere,
    who: AllCameras,
    query: Annotated[str, Query(max_length=20_000)] = "",
) -> Response:
    """Answer one reading statement."""
    columns: list[str] = []
    rows: list[tuple[object, ...]] = []
    problem = ""
    if query.strip():
        site.store.audit(who.user.name, "asked sql", "dashboard", {"query": query[:2000]})
        try:
            columns, rows = site.store.query(query, row_limit=_ROWS + 1, timeout_seconds=_SECONDS)
        except QueryRefused as error:
            problem = error_for(request, error)
    return page(
        request,
        "sql.html",
        who,
        query=query,
        columns=columns,
        rows=rows[:_ROWS],
        problem=problem,
        cut=len(rows) > _ROWS,
        most=_ROWS,
        views=list(PUBLIC_VIEWS),
    )
