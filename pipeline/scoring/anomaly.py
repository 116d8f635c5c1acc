"""Anomaly: a clip's calibrated scores and where in the picture they are largest."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.clips.windows import Clip

__all__ = ["REST", "Anomaly", "PartScore", "Place"]

REST = ""
"""Name of what is left of the picture beside its zones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A rectangle as shares of the picture: left, top, width, height, each in [0, 1]."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class PartScore:
    """What a model says of one part of the picture of a clip, as if there was nothing else."""

    score: float
    """-log10 p, >= 0; p is the chance in normal operation of the whole picture."""
    expert: str
    place: Place

    def to_list(self) -> list[Any]:
        """Return it as JSON can hold it: score, expert, left, top, width, height."""
        at = self.place
        return [self.score, self.expert, at.x, at.y, at.width, at.height]

    @classmethod
    def from_list(cls, values: Sequence[Any]) -> PartScore:
        """Return what `to_list` wrote."""
        score, expert, x, y, width, height = values
        place = Place(x=x, y=y, width=width, height=height)
        return cls(score=score, expert=expert, place=place)


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
    parts: Mapping[str, PartScore] = field(default_factory=dict)
    """Zone -> what is said of it, with the rest of the picture as REST; empty where the camera had
    no zones when the clip was scored."""

    def within(self, part: str) -> Anomaly:
        """Return what is said of one part of the picture: as of a clip that shows nothing else.

        Nothing is strange in a zone that the camera did not have then, and the rest was all of it.
        """
        said = self.parts.get(part)
        if said is None:
            return (
                self if part == REST and not self.parts else replace(self, score=0.0, p_value=1.0)
            )
        return replace(
            self,
            score=said.score,
            p_value=max(10.0**-said.score, sys.float_info.min),
            expert=said.expert,
            place=said.place,
        )
