"""The JSON API: what the pages show, for programs, with the same rights. OpenAPI describes it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboards.access import Asking, Reviewer, SiteHere, refuse_unseen, seen_camera
from dashboards.cases import alert_seen, queue_of
from dashboards.facts import score_series
from dashboards.moments import Moment
from dashboards.pages import words_for
from dashboards.routes.alerts import AlertId
from dashboards.routes.cameras import CameraName
from dashboards.routes.models import ModelId, model_seen
from pipeline.alerts.reviews import review_alert, take_back_review
from pipeline.errors import SettingsError
from pipeline.feedback.undo import remove_pattern
from pipeline.retention.gone import still_there
from pipeline.store.contract import AlertFilter, ReviewedAlert
from pipeline.watching import camera_states

__all__ = ["router"]

router = APIRouter(prefix="/api/v1")

PatternId = Annotated[str, Path(max_length=64)]


class Said(BaseModel):
    """A verdict to be given."""

    model_config = ConfigDict(extra="forbid")

    verdict: Literal["anomaly", "known_harmless", "false_alarm"]
    note: str = Field(default="", max_length=2000)
    after: str | None = Field(default=None, max_length=64)
    """The verdict that was seen as the latest, empty for none; null: whatever was said."""


@router.get("/openapi.json", include_in_schema=False)
def openapi(request: Request, who: Asking) -> Response:
    """Return the description of this API."""
    return JSONResponse(request.app.openapi())


@router.get("/cameras")
def cameras(site: SiteHere, who: Asking) -> list[dict[str, Any]]:
    """Return the cameras that may be seen, with their present."""
    return [_plain(state) for state in camera_states(site) if who.user.may_see(state.camera)]


@router.get("/cameras/{name}/scores")
def scores(
    request: Request,
    site: SiteHere,
    who: Asking,
    name: CameraName,
    since: Moment,
    until: Moment,
) -> dict[str, Any]:
    """Return the largest score of each step of time, threshold, alerts, and time not watched."""
    camera = seen_camera(site, who, name)
    _check_range(since, until)
    return score_series(site, camera, words_for(request, camera.timezone), since, until)


@router.get("/alerts")
def alerts(
    site: SiteHere,
    who: Asking,
    camera: Annotated[str | None, Query(max_length=63)] = None,
    severity: Literal["notice", "warning", "critical"] | None = None,
    verdict: Literal["none", "anomaly", "known_harmless", "false_alarm", "suppressed"]
    | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[dict[str, Any]]:
    """Return alerts with the verdicts that count, the newest first."""
    seen = who.cameras() if camera is None else [seen_camera(site, who, camera).name]
    wanted = AlertFilter(cameras=seen, since=since, until=until, severity=severity, verdict=verdict)
    return [_item(item) for item in site.store.browse_alerts(wanted, limit=limit, offset=offset)]


@router.get("/queue")
def queue(
    site: SiteHere, who: Asking, camera: Annotated[str, Query(max_length=63)] = "all"
) -> list[str]:
    """Return the ids of alerts that wait for a verdict, the most severe first."""
    return queue_of(site, who, camera)


@router.get("/alerts/{alert_id}")
def alert(site: SiteHere, who: Asking, alert_id: AlertId) -> dict[str, Any]:
    """Return one alert with its evidence and everything that was said of it, and record who
    looked."""
    found = alert_seen(site, who, alert_id)
    site.store.audit(who.user.name, "saw alert", found.alert_id, {"camera": found.camera})
    files = site.store.evidence(found.alert_id)
    quiet = site.store.suppression(found.alert_id)
    return {
        **_plain(found),
        "evidence": {
            f.kind.value: f"/media/{found.alert_id}/{f.kind.value}" for f in still_there(files)
        },
        "evidence_removed_utc": min(
            (f.removed_utc for f in files if f.removed_utc is not None), default=None
        ),
        "reviews": [_plain(review) for review in site.store.reviews(found.alert_id)],
        "suppression": None if quiet is None else _plain(quiet),
    }


@router.post("/alerts/{alert_id}/reviews", status_code=201)
def give_verdict(site: SiteHere, who: Reviewer, alert_id: AlertId, said: Said) -> dict[str, Any]:
    """Give a verdict; 409 when somebody else has given one meanwhile."""
    found = alert_seen(site, who, alert_id)
    return _plain(
        review_alert(site, found.alert_id, said.verdict, who.user.name, said.note, after=said.after)
    )


@router.delete("/alerts/{alert_id}/reviews/latest")
def undo_verdict(site: SiteHere, who: Reviewer, alert_id: AlertId) -> dict[str, Any]:
    """Take the latest verdict back, when it is one's own."""
    found = alert_seen(site, who, alert_id)
    return _plain(take_back_review(site, found.alert_id, who.user.name))


@router.delete("/patterns/{pattern_id}")
def end_pattern(site: SiteHere, who: Reviewer, pattern_id: PatternId) -> dict[str, Any]:
    """Remove a harmless pattern; what it had suppressed is open again."""
    pattern = site.store.pattern(pattern_id)
    refuse_unseen(who, pattern.camera, "this pattern")
    _, opened = remove_pattern(site, pattern.pattern_id, who.user.name)
    return {"pattern_id": pattern.pattern_id, "alerts_opened": list(opened)}


@router.get("/models/{model_id}/metrics")
def metrics(site: SiteHere, who: Asking, model_id: ModelId) -> list[dict[str, float]]:
    """Return the logged steps of the training of a model."""
    record = model_seen(site, who, model_id)
    return [dict(step) for step in site.store.training_metrics(record.model_id)]


def _check_range(since: Moment, until: Moment) -> None:
    if not since < until or (until - since).days > 366:
        raise SettingsError("give since before until, a year apart at most")


def _item(item: ReviewedAlert) -> dict[str, Any]:
    review, quiet = item.review, item.suppression
    return {
        **_plain(item.alert),
        "review": None if review is None else _plain(review),
        "suppression": None if quiet is None else _plain(quiet),
    }


def _plain(noun: Any) -> dict[str, Any]:
    """Return the fields of one of our nouns; FastAPI makes JSON of what they hold."""
    return asdict(noun)
