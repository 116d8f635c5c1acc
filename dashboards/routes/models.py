"""Models and the runs that made them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, Response
from starlette.exceptions import HTTPException

from dashboards.access import Admin, Asking, SiteHere, Who, seen_camera
from dashboards.candidates import candidate_views
from dashboards.pages import page, words_for
from dashboards.routes.cameras import CameraName
from pipeline.assembly import Site
from pipeline.errors import ModelError
from pipeline.learning.promotion import (
    find_model,
    promote_compared,
    promote_model,
    roll_back,
)
from pipeline.learning.registry import ModelRecord
from pipeline.reports.cycles import cycles_words
from pipeline.reports.lighting import model_states
from pipeline.synthesis.shelf import SampleKind, stored_samples

__all__ = ["ModelId", "model_seen", "router"]

router = APIRouter(include_in_schema=False)

ModelId = Annotated[str, Path(max_length=64)]
_MOST_RUNS = 500


@router.get("/models")
def models(request: Request, site: SiteHere, who: Asking) -> Response:
    """List the models of every camera that may be seen, the newest of each first."""
    cameras = [camera for camera in site.store.cameras() if who.user.may_see(camera.name)]
    listed = []
    for camera in cameras:
        words = words_for(request, camera.timezone)
        records = list(reversed(site.store.models(camera.name)))
        candidates = candidate_views(site, records, words)
        activations = site.store.activations(camera.name)
        listed.append((camera, words, records, activations, candidates))
    return page(request, "models.html", who, listed=listed)


def model_seen(site: Site, who: Who, model_id: str) -> ModelRecord:
    """Return a model of a camera that `who` may see; ModelError when there is none."""
    record = find_model(site, model_id)
    if not who.user.may_see(record.camera):
        raise ModelError(f"no model {model_id[:16]!r} of a camera that you may see")
    return record


@router.get("/models/{model_id}")
def model(request: Request, site: SiteHere, who: Asking, model_id: ModelId) -> Response:
    """Show one model: what it learnt from, how the training went, what it may alert."""
    record = model_seen(site, who, model_id)
    camera = seen_camera(site, who, record.camera)
    words = words_for(request, camera.timezone)
    metrics = site.store.training_metrics(model_id)
    origin = record.origin
    if origin is not None and not who.user.may_see(origin[0]):
        origin = ("", "")
    figures = sorted({name for step in metrics for name in step if name not in ("step", "seconds")})
    return page(
        request,
        "model.html",
        who,
        words=words,
        camera=camera,
        record=record,
        origin=origin,
        figures=figures,
        light_states=model_states(record, words),
        cycles=cycles_words(record, words),
        samples=stored_samples(site, record, camera.privacy_masks),
    )


@router.get("/models/{model_id}/samples/{kind}")
def sample(
    request: Request, site: SiteHere, who: Asking, model_id: ModelId, kind: SampleKind
) -> Response:
    """Return a film of what a model has learnt, or a part of it, and record who looked: footage is
    in it."""
    record = model_seen(site, who, model_id)
    camera = seen_camera(site, who, record.camera)
    stored = stored_samples(site, record, camera.privacy_masks)
    path = stored.files.get(kind) if stored else None
    if path is None:
        raise HTTPException(404, f"model {record.model_id[:12]} has no samples of that kind")
    if request.headers.get("range", "bytes=0-").startswith("bytes=0-"):
        said = {"camera": camera.name, "kind": kind.value}
        site.store.audit(who.user.name, "saw samples", record.model_id, said)
    return FileResponse(path, media_type="video/webm")


@router.post("/models/{model_id}/promote")
def promote(site: SiteHere, who: Admin, model_id: ModelId) -> Response:
    """Make a model the active one of its camera, after its files were checked."""
    record = promote_model(site, model_seen(site, who, model_id).model_id, who=who.user.name)
    return Response(status_code=204, headers={"HX-Redirect": f"/models/{record.model_id}"})


@router.post("/models/{model_id}/promote-compared")
def promote_not_worse(site: SiteHere, who: Admin, model_id: ModelId) -> Response:
    """Make a candidate the active model, if the comparison with that one found it not worse."""
    record = promote_compared(site, model_seen(site, who, model_id).model_id, who=who.user.name)
    return Response(status_code=204, headers={"HX-Redirect": f"/models/{record.model_id}"})


@router.post("/cameras/{name}/rollback")
def rollback(site: SiteHere, who: Admin, name: CameraName) -> Response:
    """Make the model that was active before the active one of a camera again."""
    record = roll_back(site, seen_camera(site, who, name).name, who=who.user.name)
    return Response(status_code=204, headers={"HX-Redirect": f"/models/{record.model_id}"})


@router.get("/runs")
def runs(request: Request, site: SiteHere, who: Asking) -> Response:
    """List the trainings, the newest first."""
    names = [column.name for column in site.store.view_columns("runs")]
    found = [
        dict(zip(names, row, strict=True))
        for batch in site.store.view_rows("runs")
        for row in batch
    ]
    seen = [run for run in reversed(found) if who.user.may_see(str(run["camera"]))]
    zones = {camera.name: words_for(request, camera.timezone) for camera in site.store.cameras()}
    return page(request, "runs.html", who, runs=seen[:_MOST_RUNS], by_camera=zones)
