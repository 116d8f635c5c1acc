"""What the pipeline asks of a store. One suite of tests holds every implementation to it.

**Doing a thing again.** Every `add_*` inserts what is not there yet, by the content-derived id,
and returns how many rows were new. Adding the same things again returns 0 and changes nothing.

**Transactions.** One call is one transaction: all of its rows are durable, or none is.

**Order.** Lists are in ascending order of time, then id.

**Errors.** Database errors never leave as such: StoreUnavailable, MigrationNeeded, StoreError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import Event
from pipeline.alerts.evidence import Evidence
from pipeline.camera import Camera
from pipeline.footage.admission import Footage
from pipeline.footage.segments import Blind, Segment
from pipeline.learning.registry import ModelRecord, ModelState
from pipeline.scoring.anomaly import Anomaly

__all__ = ["Lease", "Review", "Store"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """A person's verdict on an alert. The latest one counts."""

    review_id: str
    """content_id("review", alert_id, reviewer, verdict, at_utc)."""
    alert_id: str
    verdict: str
    """anomaly | known_harmless | false_alarm."""
    reviewer: str
    note: str
    at_utc: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Lease:
    """The right to do one piece of work, until it expires. `fence` grows with every grant."""

    name: str
    owner: str
    fence: int
    expires_utc: datetime


class Store(Protocol):
    """Where everything is kept. Thread safe; processes may share one database."""

    # cameras -----------------------------------------------------------------
    def put_camera(self, camera: Camera) -> None:
        """Register a camera, or change its register; the purpose is kept as history."""

    def camera(self, name: str) -> Camera:
        """Return one camera; CameraError naming the known ones when there is none."""

    def cameras(self) -> Sequence[Camera]:
        """Return all cameras by name."""

    # footage -----------------------------------------------------------------
    def add_footage(
        self, footage: Footage, segments: Sequence[Segment], blind: Sequence[Blind]
    ) -> int:
        """Record one footage with everything known of its time, in one transaction.

        Returns the new rows. A footage whose id is known adds nothing, whatever its path.
        """

    def footage_ids(self, camera: str) -> set[str]:
        """Return the ids of all footage that was ever recorded for a camera."""

    def footage(self, footage_id: str) -> Footage:
        """Return one footage; StoreError when unknown."""

    def footage_of(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Footage]:
        """Return footage, refused ones too, that overlaps [since, until); refused ones have
        no time and come only when neither bound is given."""

    def segments(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Segment]:
        """Return segments that overlap [since, until)."""

    def segment(self, segment_id: str) -> Segment:
        """Return one segment; StoreError when unknown."""

    def blind(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Blind]:
        """Return blind intervals that overlap [since, until)."""

    # models ------------------------------------------------------------------
    def add_model(self, model: ModelRecord, metrics: Sequence[Mapping[str, float]]) -> int:
        """Record a model, its calibration and its training run with the metrics of each logged
        step ({"step": 100.0, "critic_loss": ...}), in one transaction.

        The view `runs` shows "seed", "footage", "training_seconds" and "stage_seconds" of the
        manifest where they are given."""

    def promote(
        self, model_id: str, at_utc: datetime, *, who: str | None = None, by: str = "training"
    ) -> None:
        """Make a model the active one of its camera, retire the one before and, with `who`, say so
        in the audit log, in one transaction. Nothing happens when it is the active one already;
        StoreError when it is unknown."""

    def active_model(self, camera: str) -> ModelRecord | None:
        """Return the active model of a camera."""

    def models(self, camera: str, state: ModelState | None = None) -> Sequence[ModelRecord]:
        """Return the models of a camera, oldest first."""

    def training_metrics(self, model_id: str) -> Sequence[Mapping[str, float]]:
        """Return the logged steps of the run that made a model, in order."""

    # scores ------------------------------------------------------------------
    def add_anomalies(self, anomalies: Iterable[Anomaly]) -> int:
        """Record scored clips."""

    def mark_scored(self, segment_id: str, model_id: str, clips: int, at_utc: datetime) -> int:
        """Record that a segment is scored to its end by a model; 1 when new."""

    def unscored_segments(self, camera: str, model_id: str) -> Sequence[Segment]:
        """Return the segments of a camera that this model has not scored to their end."""

    def anomalies(
        self,
        camera: str,
        model_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterable[Anomaly]:
        """Stream anomalies whose clip ends in [since, until), in order of clip end; memory stays
        bounded by a batch of rows."""

    # alerts ------------------------------------------------------------------
    def put_events(self, events: Sequence[Event]) -> int:
        """Insert events; one whose id is known gets its end, peak, clips and closed state
        brought up to date. Returns the new rows."""

    def events(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Event]:
        """Return events that overlap [since, until)."""

    def add_alert(self, alert: Alert, evidence: Sequence[Evidence]) -> int:
        """Record an alert, its evidence and one pending delivery, in one transaction; return 1.
        A known alert gets its end, peak, score, severity and evidence brought up to date, and
        returns 0."""

    def alert(self, alert_id: str) -> Alert:
        """Return one alert by id, or by a unique beginning of at least 6 characters of it."""

    def alerts(
        self,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Alert]:
        """Return alerts that overlap [since, until)."""

    def evidence(self, alert_id: str) -> Sequence[Evidence]:
        """Return the evidence files of an alert by kind."""

    def add_review(self, review: Review) -> int:
        """Record a verdict."""

    def reviews(self, alert_id: str) -> Sequence[Review]:
        """Return the verdicts on an alert, oldest first."""

    def pending_deliveries(self, limit: int) -> Sequence[Alert]:
        """Return alerts that were not delivered yet, oldest first."""

    def record_delivery(
        self, alert_id: str, sink: str, at_utc: datetime, error: str | None
    ) -> None:
        """Record an attempt; error None is the receipt, after which it is no longer pending."""

    # working together ----------------------------------------------------------
    def acquire_lease(self, name: str, owner: str, seconds: float) -> Lease:
        """Take the lease `name`; LeaseHeld when another owner has it and it has not expired.
        The same owner may take it again. Times are the database's."""

    def renew_lease(self, lease: Lease, seconds: float) -> Lease:
        """Prolong a lease; LeaseHeld when it was lost meanwhile: its fence is not the last one."""

    def release_lease(self, lease: Lease) -> None:
        """Give a lease back; one that was lost meanwhile is left alone."""

    def leases(self) -> Sequence[Lease]:
        """Return the leases that were not given back, by name; expired ones too."""

    def audit(self, who: str, what: str, subject: str, detail: Mapping[str, Any]) -> None:
        """Record that somebody did something to something; rows are never changed."""

    # reading -------------------------------------------------------------------
    def query(
        self, sql: str, *, row_limit: int = 10_000, timeout_seconds: float = 30.0
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one reading statement over the public views only; return column names and at most
        `row_limit` rows: a longer answer is cut there. QueryRefused for anything else."""

    def row_counts(self) -> Mapping[str, int]:
        """Return the number of rows of every table, for tests of "again changes nothing"."""

    def close(self) -> None:
        """Give every connection back."""
