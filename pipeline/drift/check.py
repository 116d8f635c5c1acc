"""A drift check: what was found of one camera and model, and of how much recent footage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipeline.drift.judge import Severity, Statistic

__all__ = ["DriftCheck"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftCheck:
    """The outcome of one check; the last one of a model is what counts."""

    camera: str
    model_id: str
    checked_utc: datetime
    since_utc: datetime
    """First of the recent samples."""
    until_utc: datetime
    """Last of them."""
    statistics: tuple[Statistic, ...]
    """All of them, by name."""

    @property
    def findings(self) -> list[Statistic]:
        """Return those that drift, the serious and clearest first."""
        found = [one for one in self.statistics if one.severity is not None]
        return sorted(found, key=lambda one: (one.severity is Severity.SLIGHT, -one.evidence))

    @property
    def severity(self) -> Severity | None:
        """The worst of the findings; None when there is none."""
        return self.findings[0].severity if self.findings else None
