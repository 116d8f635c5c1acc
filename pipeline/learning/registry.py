"""The registry of models: which camera uses which, since when, and whether the file is intact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from pipeline.errors import ModelError

__all__ = ["ComparisonRecord", "ModelRecord", "ModelState", "last_active", "no_active_model"]


class ModelState(StrEnum):
    """Life of a model. A camera has at most one that is active."""

    CANDIDATE = "candidate"
    ACTIVE = "active"
    RETIRED = "retired"


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelRecord:
    """What the store knows of one stored model."""

    model_id: str
    """First 32 characters of the digest."""
    camera: str
    state: ModelState
    preset: str
    path: str
    """Folder of the model, relative to the site folder."""
    digest: str
    """sha256 over the digests of the model's files; recomputed at every load."""
    created_utc: datetime
    calibration_id: str
    """content_id("calibration", digest of the calibration)."""
    calibration: Mapping[str, Any]
    """Summary for people: held-out seconds, threshold, budget, stated and expected rates."""
    manifest: Mapping[str, Any]
    """Configuration, seed, footage ids it learnt from, figures of training."""
    files_removed_utc: datetime | None = None
    """Since when retention has removed its files; None while they are kept."""

    def place(self, folder: Path) -> Path:
        """Return where its files lie in the site of `folder`; ModelError when retention has removed
        them."""
        if self.files_removed_utc is not None:
            raise ModelError(
                f"the files of model {self.model_id[:12]} of camera {self.camera} were removed by"
                f" retention on {self.files_removed_utc:%Y-%m-%d}, only its scores and alerts stay;"
                f" choose another: kizashi model list {self.camera}"
            )
        return folder / self.path

    @property
    def origin(self) -> tuple[str, str] | None:
        """Camera and model whose networks its training began with; None when it began anew."""
        said = self.manifest.get("origin")
        return (str(said["camera"]), str(said["model"])) if isinstance(said, Mapping) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparisonRecord:
    """A candidate that was tried beside the active model, and what came out."""

    comparison_id: str
    """content_id("comparison", candidate_id, active_id, digest of the figures)."""
    camera: str
    candidate_id: str
    active_id: str
    at_utc: datetime
    who: str
    not_worse: bool
    """Whether the rule lets it be promoted."""
    figures: Mapping[str, Any]
    """`Comparison.to_dict()`, and under `footage` what it was tried on."""


def last_active(activated: Mapping[str, datetime]) -> str | None:
    """Return which of a camera's models that may be gone back to was active last, from since when
    each was: a roll-back takes it, and retention keeps it. None when there is none."""
    return max(activated, key=lambda model_id: (activated[model_id], model_id), default=None)


def no_active_model(camera: str) -> ModelError:
    """Return the error of a camera that needs an active model and has none, saying how to get
    one."""
    return ModelError(f"camera {camera} has no active model yet; run: kizashi train {camera}")
