"""Retraining when it is due: the round that the flow makes for a camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from pipeline.assembly import Site
from pipeline.drift.check_camera import check_drift
from pipeline.drift.judge import Severity
from pipeline.errors import FootageError, ModelError
from pipeline.evaluation.refusals import reasons_of
from pipeline.learning.candidate import (
    compare_candidate,
    retrain_camera,
)
from pipeline.learning.promotion import promote_compared
from pipeline.learning.registry import ModelRecord, no_active_model
from pipeline.store.leases import lease_kept

__all__ = ["RetrainingRound", "check_and_retrain"]


@dataclass(frozen=True, kw_only=True, slots=True)
class RetrainingRound:
    """What one round did for a camera."""

    drift: str
    """slight | serious | none | unknown."""
    candidate: str | None = None
    """The model that was learnt."""
    outcome: str = "not due"
    """not due | not worse | promoted | refused, with the reasons | not compared, with the
    reason."""

    def to_row(self) -> dict[str, Any]:
        """Return the row of a table."""
        return asdict(self)


def check_and_retrain(
    site: Site,
    camera: str,
    *,
    effort: float = 1.0,
    progress: Callable[[str], None] = lambda line: None,
) -> RetrainingRound:
    """Check a camera for drift; learn a candidate when it drifts seriously or its newest model is
    older than the setting `retrain_after_days`; try it beside the active one, and promote it when
    it is not worse and the setting `retrain_promotes` is on.

    A serious drift makes one candidate, and not one in every round until somebody promotes it.
    ModelError when the camera has no active model.
    """
    if site.store.active_model(camera) is None:
        raise no_active_model(camera)
    found = _drift(site, camera, progress)
    newest = _newest(site, camera)
    if newest is None:
        return RetrainingRound(drift=found, outcome="not due: no model yet")
    age = site.clock.now_utc() - newest.created_utc
    is_old = age >= timedelta(days=site.settings.retrain_after_days)
    active = site.store.active_model(camera)
    is_fresh = active is None or newest.model_id == active.model_id
    if not is_old and not (found == Severity.SERIOUS and is_fresh):
        return RetrainingRound(drift=found)
    record = retrain_camera(
        site, camera, days=site.settings.retrain_days, effort=effort, progress=progress
    )
    # Compared and promoted under one lease: who comes too late promotes over nobody's newer choice.
    with lease_kept(site.store, f"train/{camera}", site.settings.lease_seconds):
        outcome = _outcome(site, record, progress)
    return RetrainingRound(drift=found, candidate=record.model_id, outcome=outcome)


def _drift(site: Site, camera: str, progress: Callable[[str], None]) -> str:
    try:
        severity = check_drift(site, camera, progress=progress).severity
    except (FootageError, ModelError) as error:
        progress(f"drift is unknown: {error}")
        return "unknown"
    return severity.value if severity else "none"


def _newest(site: Site, camera: str) -> ModelRecord | None:
    models = site.store.models(camera)
    return max(models, key=lambda model: model.created_utc) if models else None


def _outcome(site: Site, record: ModelRecord, progress: Callable[[str], None]) -> str:
    try:
        compared = compare_candidate(site, record.model_id, who="kizashi", progress=progress)
    except (FootageError, ModelError) as error:
        return f"not compared: {error}"
    if not compared.not_worse:
        return f"refused: {'; '.join(reasons_of(compared.figures))}"
    if not site.settings.retrain_promotes:
        return "not worse"
    promote_compared(site, record.model_id, who="kizashi")
    return "promoted"
