"""Looks: how the strange places of an event looked to its model, so that events can be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["EventLooks", "Look"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """One strange place of one clip."""

    at_seconds: float
    """End of the clip, counted from the beginning of the event."""
    row: int
    column: int
    """Cell of the model's score grid."""
    score: float
    """What this place alone makes of a clip, -log10 p."""
    terms: Mapping[str, float]
    """What each term of the model's experts adds to that, -log10 p as the judge hears it, largest
    first; terms that add nothing are missing."""
    features: tuple[float, ...]
    """Of the critic, in the coordinates of the model's bank of normal looks."""
    tested: bool = True
    """Whether it must be known to a pattern for the event to be suppressed. The others, from the
    clips between the strongest, are what a pattern of this event knows besides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EventLooks:
    """The strange places of the strongest clips of an event."""

    model_id: str
    """Who saw them. The looks of two models cannot be compared."""
    rows: int
    columns: int
    """Of the score grid."""
    reach: float
    """How far apart looks of this camera's normal footage lie that are of one kind."""
    seconds: float
    """How long the event was."""
    score: float
    """Of its peak, -log10 p."""
    whole: bool
    """False when the event was too long for every part of it to be looked at."""
    looks: tuple[Look, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as values that JSON can hold."""
        return {**asdict(self), "looks": [asdict(look) for look in self.looks]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EventLooks:
        """Return the looks that `to_dict` wrote."""
        looks: Sequence[Mapping[str, Any]] = values["looks"]
        return cls(
            **{
                **values,
                "looks": tuple(
                    Look(**{**one, "features": tuple(one["features"])}) for one in looks
                ),
            }
        )
