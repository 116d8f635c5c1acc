"""Promotion: a person makes another model of a camera the active one."""

from __future__ import annotations

from pipeline.assembly import Site
from pipeline.errors import ModelError, NotPromoted
from pipeline.evaluation.refusals import reasons_of
from pipeline.files import inside
from pipeline.identity import SHORTEST_BEGINNING, too_short
from pipeline.learning.registry import ComparisonRecord, ModelRecord, last_active

__all__ = [
    "find_model",
    "last_comparison",
    "promote_compared",
    "promote_model",
    "roll_back",
]


def find_model(site: Site, beginning: str) -> ModelRecord:
    """Return the one model whose id begins like this (>= 6 characters); ModelError otherwise."""
    if len(beginning) < SHORTEST_BEGINNING:
        raise ModelError(too_short("a model", beginning, "kizashi model list"))
    found = [
        model
        for camera in site.store.cameras()
        for model in site.store.models(camera.name)
        if model.model_id.startswith(beginning)
    ]
    if len(found) != 1:
        problem = "several models begin with" if found else "no model is or begins with"
        raise ModelError(f"{problem} {beginning!r}; list them with: kizashi model list")
    return found[0]


def promote_model(site: Site, beginning: str, *, who: str, by: str = "hand") -> ModelRecord:
    """Make a model the active one of its camera, after its files were checked against its digest.

    The one before is retired and stays; `by` is kept in the audit log. ModelDamaged, and nothing
    changed, when a file differs.
    """
    return _promote(site, find_model(site, beginning), who=who, by=by)


def last_comparison(site: Site, record: ModelRecord) -> ComparisonRecord | None:
    """Return how a model did beside the one that is active now, the last time that was tried."""
    active = site.store.active_model(record.camera)
    made = [
        one
        for one in site.store.comparisons(record.camera, record.model_id)
        if active is not None and one.active_id == active.model_id
    ]
    return made[-1] if made else None


def promote_compared(site: Site, beginning: str, *, who: str) -> ModelRecord:
    """Make a candidate the active model when the last comparison says that it is not worse.

    NotPromoted with the reasons, which the audit log keeps too, when it is, or is not known not to
    be; and when it was not compared with the model that is active now.
    """
    record = find_model(site, beginning)
    short = record.model_id[:12]
    compared = last_comparison(site, record)
    if compared is None:
        raise NotPromoted(
            f"model {short} was not compared with the active model of {record.camera}; do it with: "
            f"kizashi model compare {short}"
        )
    if not compared.not_worse:
        reasons = reasons_of(compared.figures)
        said = {"camera": record.camera, "comparison": compared.comparison_id, "why": reasons}
        site.store.audit(who, "refuse promotion", record.model_id, said)
        raise NotPromoted(
            f"model {short} is not promoted: {'; '.join(reasons)}. To promote it all the same: "
            f"kizashi model promote {short}"
        )
    by = f"comparison {compared.comparison_id[:12]}"
    return promote_model(site, record.model_id, who=who, by=by)


def roll_back(site: Site, camera: str, *, who: str) -> ModelRecord:
    """Make the model that was active before the active one again, after its files were checked.

    Called twice it ends where it began. ModelError when no other model of the camera ever was
    active; ModelDamaged, and nothing changed, when a file differs.
    """
    active = site.store.active_model(camera)
    since = site.store.activations(camera)
    others = {
        model.model_id: model
        for model in site.store.models(camera)
        if model.model_id in since
        and model.files_removed_utc is None
        and (active is None or model.model_id != active.model_id)
    }
    before = last_active({model_id: since[model_id] for model_id in others})
    if before is None:
        raise ModelError(
            f"{camera}: no other model was ever active; kizashi model list {camera} shows them all"
        )
    return _promote(site, others[before], who=who, by="rollback")


def _promote(site: Site, model: ModelRecord, *, who: str, by: str) -> ModelRecord:
    # The dashboard lists models, and has no need of torch until somebody promotes one.
    from pipeline.distillation.stored_models import load_model

    load_model(inside(site.models_folder, model.place(site.folder)), model.digest, device="cpu")
    site.store.promote(model.model_id, site.clock.now_utc(), who=who, by=by)
    return model
