"""Anomaly: a clip's calibrated scores and where in the picture they are largest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.clips.windows import Clip

__all__ = ["Anomaly", "Place"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A rectangle as shares of the picture: left, top, width, height, each in [0, 1]."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Anomaly:
    """What one model says of one clip. Every scored clip has one, most of them unremarkable."""

    anomaly_id: str
    """content_id("anomaly", clip_id, model_id)."""
    clip: Clip
    model_id: str
    scores: Mapping[str, float]
    """Expert name -> -log10 of its p-value; larger is stranger; >= 0."""
    score: float
    """Fused score on the same scale: -log10(p_value)."""
    p_value: float
    """Chance of a clip this strange in normal operation, in (0, 1]."""
    expert: str
    """The expert that found it strangest."""
    place: Place
    """Where it found it."""
