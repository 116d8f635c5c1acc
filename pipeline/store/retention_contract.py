"""What retention asks of a store; a part of `pipeline.store.contract.Store`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from pipeline.retention.nouns import (
    Hold,
    KeptEvidence,
    ModelUse,
    Removal,
    ScoreHour,
    StoredFile,
)
from pipeline.retention.policy import Kind, RetentionPolicy

__all__ = ["RetentionStore"]


class RetentionStore(Protocol):
    """How long things are kept, what is held, and what was removed.

    **Holds are looked at in the transaction that removes.** Adding one and beginning a removal
    wait for each other, so nothing that was held before goes.
    """

    def put_retention_policy(self, policy: RetentionPolicy, who: str, at_utc: datetime) -> None:
        """Register what is said of a camera, with a trace in the audit log. The schedule announces
        anew what it will remove."""

    def retention_policy(self, camera: str) -> RetentionPolicy:
        """Return what is said of a camera; all defaults when nothing is."""

    def retention_announced(self, camera: str) -> datetime | None:
        """Return when the schedule announced what it will remove of a camera."""

    def announce_retention(self, camera: str, at_utc: datetime) -> None:
        """Record that it was announced; an earlier announcement stays."""

    def add_hold(self, hold: Hold) -> int:
        """Record a hold, with a trace in the audit log; 1 when new."""

    def release_hold(self, hold_id: str, who: str, at_utc: datetime) -> Hold:
        """Take a hold back, by its id or a unique beginning of at least 6 characters, with a trace
        in the audit log; StoreError when none or several begin so. One that was taken back before
        stays as it is."""

    def holds(self, camera: str | None = None, *, released: bool = False) -> Sequence[Hold]:
        """Return the holds in force, with `released` those of before too. One of an alert reaches
        as far as the alert does now."""

    def evidence_kept(self, camera: str, until: datetime | None = None) -> Sequence[KeptEvidence]:
        """Return by end the alerts that ended before `until` and whose evidence is kept."""

    def model_uses(self, camera: str) -> Sequence[ModelUse]:
        """Return the lives of a camera's models, oldest first."""

    def waiting_messages(self, camera: str) -> set[str]:
        """Return the keys of a camera's messages that some sink has still to receive."""

    def begin_removal(self, removal: Removal, files: Sequence[StoredFile]) -> Removal | None:
        """Have every row say that these files are gone, but for those that are held or needed:
        models that are in use again by now, messages that still wait. Record which are to go; None
        when none is. The caller removes the files after that."""

    def finish_removal(self, removal_id: str, at_utc: datetime) -> None:
        """Record that the files are gone, with a trace in the audit log; nothing happens when it
        is recorded already."""

    def open_removals(self, camera: str | None = None) -> Sequence[Removal]:
        """Return removals whose files may be there still."""

    def removals(
        self, camera: str, *, kind: Kind | None = None, limit: int = 100
    ) -> Sequence[Removal]:
        """Return what was removed of a camera, the newest first."""

    def scores_due(self, camera: str, until: datetime) -> tuple[int, datetime, datetime] | None:
        """Return how many scores end before `until` and are neither held nor the first or the peak
        of an event, and the ends of the first and the last; None when there is none."""

    def remove_scores(self, camera: str, until: datetime, at_utc: datetime) -> Removal | None:
        """Remove such scores of one day, the oldest there is, add what they came to to the
        summaries, and record both, all in one transaction; None when there is none."""

    def summaries_due(self, camera: str, until: datetime) -> tuple[int, datetime, datetime] | None:
        """Return how many summaries are of hours before `until` and not held, and their first and
        last moments; None when there is none."""

    def remove_summaries(self, camera: str, until: datetime, at_utc: datetime) -> Removal | None:
        """Remove such summaries and record it, in one transaction; None when there is none."""

    def score_hours(self, camera: str, since: datetime, until: datetime) -> Sequence[ScoreHour]:
        """Return what removed scores of hours that begin in [since, until) came to."""

    def removed_unscored(self, camera: str) -> set[str]:
        """Return the ids of segments whose footage was removed before any model had scored it."""

    def kept_since(self, camera: str) -> Mapping[Kind, datetime]:
        """Return the oldest moment that is kept of footage, evidence, models, scores and summaries;
        a kind of which nothing is kept is left out."""
