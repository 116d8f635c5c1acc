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
from pipeline.learning.registry import ModelRecord, ModelState, no_active_model
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

    A serious drift makes one candidate, and not one in every round until somebody promotes it. One
    whose trial was cut short is tried by the next round. Where there is no newer footage the model
    that learning gives is one that there is: nothing is tried, or promoted, a second time.
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
    if is_old or (found == Severity.SERIOUS and is_fresh):
        known = {model.model_id for model in site.store.models(camera)}
        record = retrain_camera(
            site, camera, days=site.settings.retrain_days, effort=effort, progress=progress
        )
        if record.model_id in known and not _is_untried(site, record):
            return RetrainingRound(drift=found, outcome="not due: no newer footage to learn from")
    elif _is_untried(site, newest):
        record = newest
    else:
        return RetrainingRound(drift=found)
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
    """Return the model that was learnt last; a student learns of a model, and not of footage, so it
    makes none younger, and is the newest only where there is no other."""
    models = site.store.models(camera)
    learnt = [model for model in models if "teacher" not in model.manifest] or models
    return max(learnt, key=lambda model: model.created_utc) if learnt else None


def _is_untried(site: Site, record: ModelRecord) -> bool:
    """Return whether a candidate that was made to be tried never was."""
    made_to_be = record.state is ModelState.CANDIDATE and "trial_since_utc" in record.manifest
    return made_to_be and not site.store.comparisons(record.camera, record.model_id)


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
