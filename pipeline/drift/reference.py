"""The drift reference: what samples of normal footage gave, learnt with a model; and samples.

Samples are short pieces of footage by their numbers. This module knows no pictures and no networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipeline.cycles.cycle import Cycle, cycles_from

__all__ = ["FUSED", "PICTURES", "DriftReference", "Sample", "drift_from_manifest"]

FUSED = "fused"
"""The statistic of the score that alerts are raised by; the others of scores are called as their
experts."""
PICTURES = ("brightness", "contrast", "sharpness", "agreement", "shift", "scene")
"""Statistics of pictures."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """A piece of footage by its numbers."""

    start_utc: datetime
    values: Mapping[str, float]
    """By statistic; one that could not be taken is missing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftReference:
    """What recent samples are compared with."""

    sample_seconds: float
    """Length of a sample."""
    values: Mapping[str, tuple[float, ...]]
    """Statistic -> its value in every sample of normal footage. Those of scores are of held-out
    footage alone: what networks have learnt they find less surprising."""
    cycles: tuple[Cycle, ...] = ()
    """What repeats itself in the view; the time of each is a statistic by its name."""
    cycle_sample_seconds: float = 0.0
    """Length of a sample of cycles: several of them must fit into it. 0 where nobody looked for
    any."""

    def to_dict(self) -> dict[str, Any]:
        """Return values that JSON can hold."""
        known: dict[str, Any] = {
            "sample_seconds": self.sample_seconds,
            "values": {name: list(values) for name, values in self.values.items()},
        }
        if self.cycle_sample_seconds:
            known["cycles"] = [cycle.to_dict() for cycle in self.cycles]
            known["cycle_sample_seconds"] = self.cycle_sample_seconds
        return known


def drift_from_manifest(manifest: Mapping[str, Any]) -> DriftReference | None:
    """Return the reference that a model's manifest holds; None in models made without one."""
    known = manifest.get("drift")
    if not known:
        return None
    return DriftReference(
        sample_seconds=float(known["sample_seconds"]),
        values={name: tuple(map(float, values)) for name, values in known["values"].items()},
        cycles=cycles_from(known.get("cycles", ())),
        cycle_sample_seconds=float(known.get("cycle_sample_seconds", 0.0)),
    )
