"""What the pipeline asks of a store about feedback; a part of `pipeline.store.contract.Store`.

**Never silently.** What is suppressed names a pattern, and a pattern the verdict that it was made
of: the database refuses anything else. Patterns follow from verdicts in the transaction that
records these. A row stays when what it says is over, with who ended it and why.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import Pattern, Suppression

__all__ = ["FeedbackStore"]


class FeedbackStore(Protocol):
    """How alerts looked, harmless patterns, and what they suppress."""

    def looks(self, alert_id: str) -> EventLooks | None:
        """Return how an alert looked; None when its model could not tell."""

    def patterns(self, camera: str | None = None, *, ended: bool = False) -> Sequence[Pattern]:
        """Return patterns in the order in which they were made; those that ended only when asked
        for."""

    def pattern(self, pattern_id: str) -> Pattern:
        """Return one pattern by id, or by a unique beginning of at least 6 characters of it."""

    def add_pattern(
        self, review_id: str, looks: EventLooks, at_utc: datetime, *, who: str = "kizashi"
    ) -> int:
        """Record how the pattern of a verdict looks to another model; 0 when no pattern stands on
        that verdict any more, or the model has one already."""

    def end_pattern(self, pattern_id: str, who: str, at_utc: datetime) -> Sequence[str]:
        """Remove a pattern, in the eyes of every model; return the alerts that it had suppressed.
        They are open again, and wait to be delivered. Nothing happens when it ended already."""

    def suppression(self, alert_id: str) -> Suppression | None:
        """Return the suppression of an alert, also one that ended; None when it never was."""

    def suppressions(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Suppression]:
        """Return what is suppressed now of the alerts that overlap [since, until)."""
