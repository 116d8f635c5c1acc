"""What the pipeline asks of a store. One suite of tests holds every implementation to it.

**Doing a thing again.** Every `add_*` inserts what is not there yet, by the content-derived id,
and returns how many rows were new. Adding the same things again returns 0 and changes nothing.

**Transactions.** One call is one transaction: all of its rows are durable, or none is.

**Order.** Lists are in ascending order of time, then id.

**Errors.** Database errors never leave as such: StoreUnavailable, MigrationNeeded, StoreError.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from pipeline.accounts.accounts import User, UserSession
from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import Event
from pipeline.alerts.evidence import Evidence
from pipeline.camera import Camera
from pipeline.drift.check import DriftCheck
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import Suppression
from pipeline.footage.admission import Footage
from pipeline.footage.segments import Blind, Segment
from pipeline.health.events import HealthEvent
from pipeline.learning.registry import ComparisonRecord, ModelRecord, ModelState
from pipeline.lighting.events import LightingEvent
from pipeline.notification.outbox import (
    DEFAULT_SINK,
    Digest,
    DigestKind,
    PendingDelivery,
    PendingDigest,
    SinkState,
)
from pipeline.scoring.anomaly import Anomaly
from pipeline.store.feedback_contract import FeedbackStore
from pipeline.store.nouns import (
    AlertFilter,
    Lease,
    Review,
    ReviewedAlert,
    ScorePeak,
    ViewColumn,
)
from pipeline.store.retention_contract import RetentionStore
from pipeline.store.together_contract import TogetherStore

__all__ = [
    "AlertFilter",
    "Lease",
    "Review",
    "ReviewedAlert",
    "ScorePeak",
    "Store",
    "ViewColumn",
]


class Store(FeedbackStore, RetentionStore, TogetherStore, Protocol):
    """Where everything is kept. Thread safe; processes may share one database."""

    # cameras -----------------------------------------------------------------
    def put_camera(
        self,
        camera: Camera,
        *,
        instead_of: Camera | None = None,
        noted: tuple[str, str, dict[str, Any]] | None = None,
    ) -> None:
        """Register a camera, or change its register; the purpose is kept as history.

        CameraChanged unless `instead_of` is what is registered still. `noted`: who did what, with
        which detail, for the audit log, in the same transaction."""

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

    def add_blind(self, blind: Sequence[Blind]) -> int:
        """Record blind time that no footage tells of; return how much of it was new."""

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

    def newest_segment(self, camera: str) -> Segment | None:
        """Return the segment of a camera that ends last."""

    def segment(self, segment_id: str) -> Segment:
        """Return one segment; StoreError when unknown."""

    def blind(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Blind]:
        """Return blind intervals that overlap [since, until)."""

    def known_until(self, camera: str) -> datetime | None:
        """Return up to when the time of a camera is known, seen or blind; None: of none is it."""

    def put_health(self, segment_id: str, events: Sequence[HealthEvent]) -> int:
        """Record what was found of a camera's health in a segment, instead of what was found
        before, in one transaction; return how many are new."""

    def health(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[HealthEvent]:
        """Return health events that overlap [since, until)."""

    def put_lighting(self, segment_id: str, events: Sequence[LightingEvent]) -> int:
        """Record in which light the scene of a segment was, instead of what was found before, in
        one transaction; return how many are new."""

    def lighting(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[LightingEvent]:
        """Return lighting events that overlap [since, until)."""

    def light_found_by(self, model_id: str, segment_id: str) -> Sequence[LightingEvent]:
        """Return the light of a segment as a model found it: nothing unless it is the last one that
        has scored the segment to its end, for states are those of the model that names them."""

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

    def put_drift(self, check: DriftCheck) -> None:
        """Record the drift check of a model, instead of the one before, in one transaction."""

    def drift(self, camera: str, model_id: str) -> DriftCheck | None:
        """Return the last drift check of a model."""

    def add_comparison(self, comparison: ComparisonRecord) -> int:
        """Record how a candidate did beside the active model; 1 when new."""

    def comparisons(
        self, camera: str, candidate_id: str | None = None
    ) -> Sequence[ComparisonRecord]:
        """Return the comparisons of a camera, or of one candidate of it, oldest first."""

    # scores ------------------------------------------------------------------
    def add_anomalies(self, anomalies: Iterable[Anomaly]) -> int:
        """Record scored clips."""

    def mark_scored(self, segment_id: str, model_id: str, clips: int, at_utc: datetime) -> int:
        """Record that a segment is scored to its end by a model; 1 when new."""

    def unscored_segments(self, camera: str, model_id: str | None) -> Sequence[Segment]:
        """Return the segments of a camera that this model has not scored to their end, but for
        those whose footage was removed; None: that no model has scored."""

    def segments_to_score(self, camera: str, model_id: str) -> Sequence[Segment]:
        """Return those of them that no model has scored either which is, or was, the active one of
        the camera: one incident is alerted once, by the model that was to watch it."""

    def seen_by_another(self, camera: str, model_id: str, since: datetime, until: datetime) -> bool:
        """Return whether another model has scored all of the footage of a camera from `since` to
        `until`; False where there is none."""

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

    def add_alert(
        self,
        alert: Alert,
        evidence: Sequence[Evidence],
        sinks: Sequence[str] = (DEFAULT_SINK,),
        *,
        looks: EventLooks | None = None,
        suppression: Suppression | None = None,
    ) -> int:
        """Record an alert, its evidence and a pending delivery to each of `sinks`, in one
        transaction; return 1. A known alert gets its end, peak, score, severity, evidence and looks
        brought up to date, a delivery to each sink that had none, and returns 0.

        With `suppression` a new alert is suppressed: nothing of it is delivered. When it comes
        again without, it opens and is delivered. What was open once is not suppressed any more."""

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

    def add_review(self, review: Review, *, after: str | None = None) -> int:
        """Record a verdict. With `after`, only when that review is the one that counts now, and
        with "" only when none does; ReviewConflict that names the other one otherwise."""

    def withdraw_review(self, review_id: str, who: str, at_utc: datetime) -> int:
        """Take a verdict back: it is kept, and no longer counts; 1 when it counted until now.
        StoreError when it is unknown."""

    def reviews(self, alert_id: str) -> Sequence[Review]:
        """Return the verdicts on an alert, oldest first, without those taken back."""

    # outbox --------------------------------------------------------------------
    def waiting_cameras(self, sink: str) -> Sequence[str]:
        """Return the cameras of which a sink has not received everything, by name."""

    def fresh_deliveries(self, sink: str, camera: str, limit: int) -> Sequence[PendingDelivery]:
        """Return what a sink has not received of a camera and was not held back, oldest first."""

    def held_deliveries(self, sink: str, camera: str) -> Sequence[PendingDelivery]:
        """Return what is held back and in no digest yet, oldest first."""

    def hold_delivery(self, alert_id: str, sink: str, at_utc: datetime) -> None:
        """Hold a pending delivery back, until a digest tells of it."""

    def record_delivery(
        self,
        alert_id: str,
        sink: str,
        at_utc: datetime,
        error: str | None,
        retry_utc: datetime | None = None,
    ) -> None:
        """Record an attempt; error None is the receipt, after which it is no longer pending.
        `retry_utc`: not to be tried again before then."""

    def add_digest(self, digest: Digest, alert_ids: Sequence[str]) -> int:
        """Record a digest to be sent and which held-back alerts it tells of, in one transaction;
        1 when new. What a digest tells of never changes, so its key stays that of its content."""

    def pending_digests(self, sink: str, camera: str, kind: DigestKind) -> Sequence[PendingDigest]:
        """Return digests that were not delivered yet, oldest first."""

    def digest_alerts(self, digest_id: str) -> Sequence[Alert]:
        """Return the alerts that a digest of held-back ones tells of, oldest first."""

    def record_digest(
        self,
        digest_id: str,
        at_utc: datetime,
        error: str | None,
        retry_utc: datetime | None = None,
    ) -> None:
        """Record an attempt; error None is the receipt, also for the alerts that it tells of."""

    def last_digest_until(self, sink: str, camera: str) -> datetime | None:
        """Return until when the daily digests of a camera to a sink reach."""

    def messages_since(self, sink: str, since: datetime) -> int:
        """Return how many messages a sink has received since then: single alerts, and digests of
        what was held back; daily ones are not counted."""

    def sink_states(self) -> Sequence[SinkState]:
        """Return what is known of every sink that ever had something to receive, by name."""

    # browsing ------------------------------------------------------------------
    def browse_alerts(
        self, wanted: AlertFilter, *, limit: int = 100, offset: int = 0
    ) -> Sequence[ReviewedAlert]:
        """Return alerts with the verdicts that count, the newest first."""

    def activations(self, camera: str) -> Mapping[str, datetime]:
        """Return by model since when it is, or was, the active one of a camera."""

    def score_peaks(
        self, camera: str, since: datetime, until: datetime, step_seconds: int
    ) -> Sequence[ScorePeak]:
        """Return the largest score of each model in each step of [since, until) that has clips, by
        time. Steps begin at whole multiples since 1970."""

    def last_clips(
        self, camera: str, since: datetime, until: datetime, model_id: str | None = None
    ) -> Mapping[str, datetime]:
        """Return by segment the end of its last scored clip, of any model, that ends in
        [since, until). `model_id`: only of that model, and of segments whose scores in that time
        are all there: when scores are removed, those of first and strongest clips of events stay.
        """

    # accounts ------------------------------------------------------------------
    def put_user(self, user: User) -> None:
        """Register a user, or change one."""

    def user(self, name: str) -> User | None:
        """Return one user."""

    def users(self) -> Sequence[User]:
        """Return all users by name."""

    def remove_user(self, name: str) -> int:
        """Remove a user with all sessions; 1 when there was one."""

    def add_session(self, session: UserSession) -> None:
        """Record a login; sessions that are over go."""

    def session(self, token_sha256: str) -> tuple[UserSession, User] | None:
        """Return a session with its user, whether it is over or not."""

    def remove_session(self, token_sha256: str) -> None:
        """End a session; nothing happens when there is none."""

    def end_sessions(self, user: str) -> None:
        """End all sessions of a user."""

    # reading -------------------------------------------------------------------
    def query(
        self, sql: str, *, row_limit: int = 10_000, timeout_seconds: float = 30.0
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run one reading statement over the public views only; return column names and at most
        `row_limit` rows: a longer answer is cut there. QueryRefused for anything else."""

    def view_columns(self, view: str) -> Sequence[ViewColumn]:
        """Return the columns of a public view in order; StoreError for another name."""

    def view_rows(
        self,
        view: str,
        *,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Sequence[tuple[Any, ...]]]:
        """Stream a public view in batches of rows, by time where it has one; memory stays bounded
        by a batch. Times are aware datetimes, text is as it is stored.

        [since, until) is of the begin of an alert or a trouble, of the hour, of the making of a
        model, of the end of a run; StoreError for another view, or for a range of camera_health,
        which is of now."""

    def row_counts(self) -> Mapping[str, int]:
        """Return the number of rows of every table, for tests of "again changes nothing"."""

    def close(self) -> None:
        """Give every connection back."""
