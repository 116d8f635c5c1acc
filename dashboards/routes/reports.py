"""Reports that were written: those of cameras and of trials, as they lie in the site's folder."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from dashboards.access import Asking, SiteHere, Who, seen_camera
from dashboards.pages import page, words_for
from dashboards.routes.cameras import CameraName
from pipeline.assembly import Site
from pipeline.files import inside

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}\.(en|ja)\.html")
_NEWEST = 200
# A report carries its style and pictures inside and has no script; nothing else is allowed to it.
_ITS_OWN_RULES = (
    "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class WrittenReport:
    """One file."""

    camera: str
    name: str
    written_utc: datetime
    is_trial: bool


@router.get("/reports")
def reports(request: Request, site: SiteHere, who: Asking) -> Response:
    """List the reports of cameras that may be seen, the newest first."""
    words = {camera.name: words_for(request, camera.timezone) for camera in site.store.cameras()}
    return page(request, "reports.html", who, reports=_written(site, who), by_camera=words)


def _written(site: Site, who: Who) -> list[WrittenReport]:
    found = [
        WrittenReport(
            camera=camera.name,
            name=path.name,
            written_utc=datetime.fromtimestamp(path.stat().st_mtime, UTC),
            is_trial=path.name.startswith("trial-"),
        )
        for camera in site.store.cameras()
        if who.user.may_see(camera.name)
        for path in (site.reports_folder / camera.name).glob("*.html")
        if _NAME.fullmatch(path.name)
    ]
    return sorted(found, key=lambda report: report.written_utc, reverse=True)[:_NEWEST]


@router.get("/reports/{name}/{file}")
def report(
    site: SiteHere, who: Asking, name: CameraName, file: Annotated[str, Path(max_length=208)]
) -> Response:
    """Show one report, and record who read it."""
    camera = seen_camera(site, who, name)
    known = _NAME.fullmatch(file)
    path = inside(site.reports_folder, f"{camera.name}/{file}") if known else None
    if path is None or not path.is_file():
        raise HTTPException(404, f"camera {camera.name} has no report {file!r}")
    site.store.audit(who.user.name, "saw report", camera.name, {"file": file})
    return FileResponse(
        path, media_type="text/html", headers={"Content-Security-Policy": _ITS_OWN_RULES}
    )
