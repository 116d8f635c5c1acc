"""Evidence files, by the id of their alert: no path ever comes from outside."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from dashboards.access import Asking, SiteHere
from dashboards.cases import alert_seen
from dashboards.routes.alerts import AlertId
from pipeline.alerts.evidence import EvidenceKind
from pipeline.files import inside
from pipeline.retention.gone import evidence_gone

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_TYPES = {".webm": "video/webm", ".png": "image/png", ".jpg": "image/jpeg"}


@router.get("/media/{alert_id}/{kind}")
def media(
    request: Request, site: SiteHere, who: Asking, alert_id: AlertId, kind: EvidenceKind
) -> Response:
    """Return an evidence file, or a part of it (HTTP Range), and record who looked."""
    alert = alert_seen(site, who, alert_id)
    found = [item for item in site.store.evidence(alert.alert_id) if item.kind is kind]
    path = inside(site.evidence_folder, site.folder / found[0].path) if found else None
    if gone := evidence_gone(site.store, alert, found):
        said = f"removed on {gone.at_utc:%Y-%m-%d} by {gone.why.value}"
        raise HTTPException(410, f"alert {alert.alert_id[:12]}: {kind.value} {said}")
    if path is None or not path.is_file() or path.suffix not in _TYPES:
        raise HTTPException(404, f"alert {alert.alert_id[:12]} has no {kind.value} any more")
    if not request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
        return FileResponse(path, media_type=_TYPES[path.suffix])
    site.store.audit(who.user.name, f"saw {kind.value}", alert.alert_id, {"camera": alert.camera})
    return FileResponse(path, media_type=_TYPES[path.suffix])
