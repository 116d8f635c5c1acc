"""Promotion: a person makes another model of a camera the active one."""

from __future__ import annotations

from pipeline.assembly import Site
from pipeline.errors import ModelError
from pipeline.learning.registry import ModelRecord

__all__ = ["find_model", "promote_model"]

_SHORTEST = 6


def find_model(site: Site, beginning: str) -> ModelRecord:
    """Return the one model whose id begins like this (>= 6 characters); ModelError otherwise."""
    found = [
        model
        for camera in site.store.cameras()
        for model in site.store.models(camera.name)
        if model.model_id.startswith(beginning)
    ]
    if len(beginning) < _SHORTEST or len(found) != 1:
        raise ModelError(
            f"{beginning!r} names {len(found)} models; give {_SHORTEST} or more characters of an "
            "id that kizashi model list shows"
        )
    return found[0]


def promote_model(site: Site, beginning: str, *, who: str) -> ModelRecord:
    """Make a model the active one of its camera, after its files were checked against its digest.

    The one before is retired and stays. ModelDamaged, and nothing changed, when a file differs.
    """
    # The dashboard lists models, and has no need of torch until somebody promotes one.
    from pipeline.distillation.stored_models import load_model

    model = find_model(site, beginning)
    load_model(site.folder / model.path, model.digest, device="cpu")
    site.store.promote(model.model_id, site.clock.now_utc(), who=who, by="hand")
    return model
