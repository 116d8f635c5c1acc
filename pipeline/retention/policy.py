"""Policy: how long each kind of stored thing of a camera is kept, and how much disk it may take."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import timedelta
from enum import StrEnum

from pipeline.camera import LONGEST_DAYS, Camera
from pipeline.errors import SettingsError

__all__ = ["LONGEST_DAYS", "Kind", "RetentionPolicy", "Why", "check_policy"]

_SUMMARY_DAYS = 3_650
"""Summaries show nobody and are small: ten years, unless the camera keeps everything longer."""
_MODEL_DAYS = 180
"""Half a year after nobody uses a model any more, nobody wants it back."""


class Kind(StrEnum):
    """What is stored, by how long it is kept."""

    FOOTAGE = "footage"
    """Files of footage in the camera's folder."""
    EVIDENCE = "evidence"
    """Clips, stills and heat maps beside alerts."""
    REPORTS = "reports"
    """Pages of reports: the evidence is inside them."""
    DELIVERIES = "deliveries"
    """Messages that were written to files; kept as evidence is, for they tell of it."""
    MODELS = "models"
    """Files of models that nobody uses any more."""
    SCORES = "scores"
    """One row for each clip and model."""
    SUMMARIES = "summaries"
    """What scores came to, hour by hour; see `pipeline.retention.summaries`."""


class Why(StrEnum):
    """Why something was removed."""

    POLICY = "policy"
    """Its time was over."""
    BUDGET = "budget"
    """The camera's disk budget was exceeded."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RetentionPolicy:
    """What is said of one camera; None means the default, which follows its `retention_days`."""

    camera: str
    footage_days: int | None = None
    evidence_days: int | None = None
    """Of evidence, of the pages of reports that hold it, and of messages that tell of it."""
    score_days: int | None = None
    summary_days: int | None = None
    model_days: int | None = None
    """Of models, from when they were retired or refused."""
    budget_bytes: int | None = None
    """Most that removable footage and evidence may take on disk; None: no limit."""
    remove_source: bool = False
    """Footage that the recorder did not write may be removed too."""

    def days(self, kind: Kind, camera: Camera) -> int:
        """Return how many days a kind is kept."""
        said = {
            Kind.FOOTAGE: self.footage_days,
            Kind.EVIDENCE: self.evidence_days,
            Kind.REPORTS: self.evidence_days,
            Kind.DELIVERIES: self.evidence_days,
            Kind.MODELS: self.model_days,
            Kind.SCORES: self.score_days,
            Kind.SUMMARIES: self.summary_days,
        }[kind]
        if kind is Kind.MODELS:
            # With what a model scored still there, kizashi what-if may ask for the model too.
            return max(_MODEL_DAYS if said is None else said, self.days(Kind.SCORES, camera))
        if said is not None:
            return said
        if kind is Kind.SUMMARIES:
            return max(_SUMMARY_DAYS, self.days(Kind.SCORES, camera))
        return camera.retention_days

    def length(self, kind: Kind, camera: Camera) -> timedelta:
        """Return how long a kind is kept."""
        return timedelta(days=self.days(kind, camera))


def check_policy(policy: RetentionPolicy, camera: Camera) -> RetentionPolicy:
    """Return `policy`, or raise SettingsError naming what cannot be."""
    for field in fields(policy):
        value = getattr(policy, field.name)
        if field.name.endswith("_days") and value is not None and not 1 <= value <= LONGEST_DAYS:
            option = "--" + field.name.replace("_", "-")
            raise SettingsError(f"camera {camera.name}: {option} {value}? give 1 to {LONGEST_DAYS}")
    if policy.budget_bytes is not None and policy.budget_bytes < 1:
        raise SettingsError(f"camera {camera.name}: a disk budget of {policy.budget_bytes} bytes?")
    scores, summaries = policy.days(Kind.SCORES, camera), policy.days(Kind.SUMMARIES, camera)
    if summaries < scores:
        raise SettingsError(
            f"camera {camera.name}: summaries for {summaries} days and scores for {scores}? what"
            " scores came to is kept at least as long as they are; give --summary-days"
            f" {scores} or more"
        )
    if policy.model_days is not None and policy.model_days < scores:
        raise SettingsError(
            f"camera {camera.name}: models for {policy.model_days} days and scores for {scores}? a"
            f" model is kept as long as its scores; give --model-days {scores} or more"
        )
    return policy
