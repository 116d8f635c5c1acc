"""Events, alerts with their evidence and pending deliveries, verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pipeline.alerts.alerts import Alert
from pipeline.alerts.events import Event
from pipeline.alerts.evidence import Evidence
from pipeline.errors import ReviewConflict, StoreError
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import Suppression
from pipeline.identity import SHORTEST_BEGINNING, too_short
from pipeline.notification.outbox import DEFAULT_SINK
from pipeline.store.contract import Review
from pipeline.store.feedback_following import follow_verdict, put_looks, stays_suppressed
from pipeline.store.outbox import new_delivery
from pipeline.store.parts import StorePart, database_now, overlapping
from pipeline.store.rows import (
    alert_of,
    alert_row,
    event_of,
    event_row,
    evidence_of,
    plain_row,
    review_of,
)
from pipeline.store.schema import (
    REVIEW_VERDICTS,
    AlertRow,
    DeliveryRow,
    EventRow,
    EvidenceRow,
    ReviewRow,
    WithdrawnReviewRow,
)
from pipeline.store.types import PlainText
from pipeline.store.upsert import insert_new, insert_or_update

__all__ = ["AlertTable"]

_PLACE = ("expert", "place_x", "place_y", "place_width", "place_height")
_EVENT_GROWS = ("end_utc", "peak_utc", "peak_score", "peak_anomaly_id", "clips", "closed", *_PLACE)
_ALERT_GROWS = (
    "end_utc",
    "peak_utc",
    "score",
    "p_value",
    "expected_per_day",
    "severity",
    *_PLACE,
)


class AlertTable(StorePart):
    """Events, alerts, evidence and reviews."""

    def put_events(self, events: Sequence[Event]) -> int:
        """See `Store`."""
        rows = [event_row(event) for event in events]
        return self._sessions.write(
            lambda session: insert_or_update(
                session, EventRow, rows, update=_EVENT_GROWS, newer_by="clips"
            )
        )

    def events(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Event]:
        """See `Store`."""
        query = (
            select(EventRow)
            .where(EventRow.camera == camera, *overlapping(EventRow, since, until))
            .order_by(EventRow.start_utc, EventRow.event_id)
        )
        return self._sessions.read(lambda session: [event_of(r) for r in session.scalars(query)])

    def add_alert(
        self,
        alert: Alert,
        evidence: Sequence[Evidence],
        sinks: Sequence[str] = (DEFAULT_SINK,),
        *,
        looks: EventLooks | None = None,
        suppression: Suppression | None = None,
    ) -> int:
        """See `Store`."""
        files = [plain_row(file) for file in evidence]
        pending = [new_delivery(alert.alert_id, sink) for sink in sinks]

        def work(session: Session) -> int:
            new = insert_or_update(
                session, AlertRow, [alert_row(alert)], update=_ALERT_GROWS, newer_by="end_utc"
            )
            insert_or_update(session, EvidenceRow, files, update=("path", "sha256", "size_bytes"))
            if looks is not None:
                put_looks(session, alert.alert_id, looks)
            now = database_now(session)
            if not stays_suppressed(
                session, alert.alert_id, suppression, sinks, is_new=new == 1, at_utc=now
            ):
                insert_new(session, DeliveryRow, pending)
            return new

        return self._sessions.write(work)

    def alert(self, alert_id: str) -> Alert:
        """See `Store`. StoreError when none or several begin so."""
        # substr and not LIKE, whose wildcards and letter case would find others.
        beginning = func.substr(AlertRow.alert_id, 1, len(alert_id), type_=PlainText()) == alert_id
        query = select(AlertRow).where(beginning).order_by(AlertRow.alert_id).limit(2)

        def work(session: Session) -> Alert:
            exact = session.get(AlertRow, alert_id)
            if exact is not None:
                return alert_of(exact)
            if len(alert_id) < SHORTEST_BEGINNING:
                raise StoreError(too_short("an alert", alert_id, "kizashi alerts"))
            found = session.scalars(query).all()
            if len(found) != 1:
                problem = "several alerts begin with" if found else "no alert is or begins with"
                raise StoreError(f"{problem} {alert_id!r}; list them with: kizashi alerts")
            return alert_of(found[0])

        return self._sessions.read(work)

    def alerts(
        self,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Sequence[Alert]:
        """See `Store`."""
        query = (
            select(AlertRow)
            .where(*overlapping(AlertRow, since, until))
            .order_by(AlertRow.start_utc, AlertRow.alert_id)
        )
        if camera is not None:
            query = query.where(AlertRow.camera == camera)
        return self._sessions.read(lambda session: [alert_of(r) for r in session.scalars(query)])

    def evidence(self, alert_id: str) -> Sequence[Evidence]:
        """See `Store`."""
        query = (
            select(EvidenceRow).where(EvidenceRow.alert_id == alert_id).order_by(EvidenceRow.kind)
        )
        return self._sessions.read(
            lambda session: [evidence_of(row) for row in session.scalars(query)]
        )

    def add_review(self, review: Review, *, after: str | None = None) -> int:
        """See `Store`. StoreError when the alert or the verdict is unknown."""
        if review.verdict not in REVIEW_VERDICTS:
            raise StoreError(
                f"verdict {review.verdict!r}: give one of {', '.join(REVIEW_VERDICTS)}"
            )
        row = plain_row(review)

        def work(session: Session) -> int:
            # Locked until the commit: of two who look at the same moment one waits.
            if session.get(AlertRow, review.alert_id, with_for_update=True) is None:
                raise StoreError(f"no alert {review.alert_id!r}; list them with: kizashi alerts")
            if after is not None:
                _check_nothing_between(session, review.alert_id, after)
            new = insert_new(session, ReviewRow, [row])
            _follow(session, review.alert_id, review.reviewer, review.at_utc)
            return new

        return self._sessions.write(work)

    def withdraw_review(self, review_id: str, who: str, at_utc: datetime) -> int:
        """See `Store`."""
        row = {"review_id": review_id, "who": who, "at_utc": at_utc}

        def work(session: Session) -> int:
            review = session.get(ReviewRow, review_id)
            if review is None:
                raise StoreError(f"no verdict {review_id!r}; it cannot be taken back")
            session.get(AlertRow, review.alert_id, with_for_update=True)
            new = insert_new(session, WithdrawnReviewRow, [row])
            _follow(session, review.alert_id, who, at_utc)
            return new

        return self._sessions.write(work)

    def reviews(self, alert_id: str) -> Sequence[Review]:
        """See `Store`."""
        return self._sessions.read(
            lambda session: [review_of(row) for row in session.scalars(_counting(alert_id))]
        )


def _counting(alert_id: str) -> Select[tuple[ReviewRow]]:
    """Return the reviews of an alert that nobody took back, oldest first."""
    withdrawn = select(WithdrawnReviewRow.review_id).where(
        WithdrawnReviewRow.review_id == ReviewRow.review_id
    )
    return (
        select(ReviewRow)
        .where(ReviewRow.alert_id == alert_id, ~withdrawn.exists())
        .order_by(ReviewRow.at_utc, ReviewRow.review_id)
    )


def _follow(session: Session, alert_id: str, who: str, at_utc: datetime) -> None:
    said = session.scalars(_counting(alert_id)).all()
    follow_verdict(session, alert_id, said[-1] if said else None, who, at_utc)


def _check_nothing_between(session: Session, alert_id: str, after: str) -> None:
    known = session.scalars(_counting(alert_id)).all()
    if (known[-1].review_id if known else "") == after:
        return
    if not known:
        raise ReviewConflict("the verdict that was there has been taken back meanwhile; look again")
    raise ReviewConflict(
        f"{known[-1].reviewer} has said {known[-1].verdict!r} meanwhile; look again"
    )
