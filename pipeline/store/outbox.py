"""The outbox: what each sink has still to receive, in which order, and what it received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select, update
from sqlalchemy.orm import Session

from pipeline.alerts.alerts import Alert
from pipeline.errors import StoreError
from pipeline.notification.outbox import (
    Digest,
    DigestKind,
    PendingDelivery,
    PendingDigest,
    SinkState,
)
from pipeline.store.parts import StorePart
from pipeline.store.rows import alert_of, plain_row
from pipeline.store.schema import AlertRow, DeliveryRow, DigestRow
from pipeline.store.upsert import insert_new

__all__ = ["OutboxTable", "new_delivery"]

_NOT_TRIED: dict[str, Any] = {
    "attempts": 0,
    "last_attempt_utc": None,
    "retry_utc": None,
    "last_error": None,
    "delivered_utc": None,
}


def new_delivery(alert_id: str, sink: str) -> dict[str, Any]:
    """Return the row of a delivery that nobody has tried yet."""
    return {
        "alert_id": alert_id,
        "sink": sink,
        "held_utc": None,
        "digest_id": None,
        **_NOT_TRIED,
    }


class OutboxTable(StorePart):
    """Deliveries of alerts, and digests."""

    def waiting_cameras(self, sink: str) -> Sequence[str]:
        """See `Store`."""
        alerts = (
            select(AlertRow.camera)
            .join(DeliveryRow, DeliveryRow.alert_id == AlertRow.alert_id)
            .where(DeliveryRow.sink == sink, DeliveryRow.delivered_utc.is_(None))
        )
        digests = select(DigestRow.camera).where(
            DigestRow.sink == sink, DigestRow.delivered_utc.is_(None)
        )
        query = alerts.union(digests)
        return self._sessions.read(lambda session: sorted(session.scalars(query)))

    def fresh_deliveries(self, sink: str, camera: str, limit: int) -> Sequence[PendingDelivery]:
        """See `Store`."""
        query = _pending(sink, camera).where(DeliveryRow.held_utc.is_(None)).limit(limit)
        return self._sessions.read(lambda session: _deliveries(session, query))

    def held_deliveries(self, sink: str, camera: str) -> Sequence[PendingDelivery]:
        """See `Store`."""
        query = _pending(sink, camera).where(
            DeliveryRow.held_utc.is_not(None), DeliveryRow.digest_id.is_(None)
        )
        return self._sessions.read(lambda session: _deliveries(session, query))

    def hold_delivery(self, alert_id: str, sink: str, at_utc: datetime) -> None:
        """See `Store`. What is held already stays held since then."""
        held = (
            update(DeliveryRow)
            .where(
                DeliveryRow.alert_id == alert_id,
                DeliveryRow.sink == sink,
                DeliveryRow.held_utc.is_(None),
                DeliveryRow.delivered_utc.is_(None),
            )
            .values(held_utc=at_utc)
        )
        self._sessions.write(lambda session: session.execute(held))

    def record_delivery(
        self,
        alert_id: str,
        sink: str,
        at_utc: datetime,
        error: str | None,
        retry_utc: datetime | None = None,
    ) -> None:
        """See `Store`. A failure after the receipt counts as an attempt and takes nothing back."""

        def work(session: Session) -> None:
            row = session.get(DeliveryRow, (alert_id, sink), with_for_update=True)
            if row is None:
                raise StoreError(
                    f"no alert {alert_id!r} waits for delivery to {sink!r}; record the alert first"
                )
            _record_attempt(row, at_utc, error, retry_utc)

        self._sessions.write(work)

    def add_digest(self, digest: Digest, alert_ids: Sequence[str]) -> int:
        """See `Store`."""
        row = {**plain_row(digest), **_NOT_TRIED}

        def work(session: Session) -> int:
            new = insert_new(session, DigestRow, [row])
            for alert_id in alert_ids if new else ():
                delivery = session.get(DeliveryRow, (alert_id, digest.sink), with_for_update=True)
                if delivery is None or delivery.digest_id or delivery.delivered_utc:
                    raise StoreError(
                        f"alert {alert_id!r} does not wait for a digest to {digest.sink!r};"
                        " make digests of what held_deliveries returns"
                    )
                delivery.digest_id = digest.digest_id
            return new

        return self._sessions.write(work)

    def pending_digests(self, sink: str, camera: str, kind: DigestKind) -> Sequence[PendingDigest]:
        """See `Store`."""
        query = (
            select(DigestRow)
            .where(
                DigestRow.sink == sink,
                DigestRow.camera == camera,
                DigestRow.kind == kind,
                DigestRow.delivered_utc.is_(None),
            )
            .order_by(DigestRow.since_utc, DigestRow.digest_id)
        )
        return self._sessions.read(
            lambda session: [
                PendingDigest(
                    digest=_digest_of(row), attempts=row.attempts, retry_utc=row.retry_utc
                )
                for row in session.scalars(query)
            ]
        )

    def digest_alerts(self, digest_id: str) -> Sequence[Alert]:
        """See `Store`."""
        query = (
            select(AlertRow)
            .join(DeliveryRow, DeliveryRow.alert_id == AlertRow.alert_id)
            .where(DeliveryRow.digest_id == digest_id)
            .order_by(AlertRow.start_utc, AlertRow.alert_id)
        )
        return self._sessions.read(lambda session: [alert_of(r) for r in session.scalars(query)])

    def record_digest(
        self,
        digest_id: str,
        at_utc: datetime,
        error: str | None,
        retry_utc: datetime | None = None,
    ) -> None:
        """See `Store`."""

        def work(session: Session) -> None:
            row = session.get(DigestRow, digest_id, with_for_update=True)
            if row is None:
                raise StoreError(f"no digest {digest_id!r} waits; record it first")
            _record_attempt(row, at_utc, error, retry_utc)
            if error is None:
                received = (
                    update(DeliveryRow)
                    .where(DeliveryRow.digest_id == digest_id, DeliveryRow.delivered_utc.is_(None))
                    .values(delivered_utc=at_utc, last_error=None)
                )
                session.execute(received)

        self._sessions.write(work)

    def last_digest_until(self, sink: str, camera: str) -> datetime | None:
        """See `Store`."""
        query = (
            select(DigestRow.until_utc)
            .where(
                DigestRow.sink == sink,
                DigestRow.camera == camera,
                DigestRow.kind == DigestKind.DAILY,
            )
            .order_by(DigestRow.until_utc.desc())
            .limit(1)
        )
        return self._sessions.read(lambda session: session.scalars(query).first())

    def messages_since(self, sink: str, since: datetime) -> int:
        """See `Store`."""
        singly = select(func.count()).where(
            DeliveryRow.sink == sink,
            DeliveryRow.delivered_utc > since,
            DeliveryRow.digest_id.is_(None),
        )
        together = select(func.count()).where(
            DigestRow.sink == sink,
            DigestRow.delivered_utc > since,
            DigestRow.kind == DigestKind.HELD,
        )
        return self._sessions.read(
            lambda session: session.scalars(singly).one() + session.scalars(together).one()
        )

    def sink_states(self) -> Sequence[SinkState]:
        """See `Store`."""
        return self._sessions.read(_states)


def _pending(sink: str, camera: str) -> Select[tuple[AlertRow, DeliveryRow]]:
    return (
        select(AlertRow, DeliveryRow)
        .join(DeliveryRow, DeliveryRow.alert_id == AlertRow.alert_id)
        .where(
            DeliveryRow.sink == sink,
            DeliveryRow.delivered_utc.is_(None),
            AlertRow.camera == camera,
        )
        .order_by(AlertRow.start_utc, AlertRow.alert_id)
    )


def _deliveries(
    session: Session, query: Select[tuple[AlertRow, DeliveryRow]]
) -> list[PendingDelivery]:
    return [
        PendingDelivery(alert=alert_of(alert), attempts=row.attempts, retry_utc=row.retry_utc)
        for alert, row in session.execute(query)
    ]


def _record_attempt(
    row: DeliveryRow | DigestRow, at_utc: datetime, error: str | None, retry_utc: datetime | None
) -> None:
    row.last_attempt_utc, row.last_error, row.retry_utc = at_utc, error, retry_utc
    row.attempts += 1
    if error is None and row.delivered_utc is None:
        row.delivered_utc = at_utc


def _digest_of(row: DigestRow) -> Digest:
    return Digest(
        digest_id=row.digest_id,
        kind=DigestKind(row.kind),
        sink=row.sink,
        camera=row.camera,
        since_utc=row.since_utc,
        until_utc=row.until_utc,
    )


def _states(session: Session) -> list[SinkState]:
    names = set(session.scalars(select(DeliveryRow.sink).distinct()))
    names |= set(session.scalars(select(DigestRow.sink).distinct()))
    return [_state(session, name) for name in sorted(names)]


def _state(session: Session, sink: str) -> SinkState:
    def count(*conditions: ColumnElement[bool]) -> int:
        query = select(func.count()).where(
            DeliveryRow.sink == sink, DeliveryRow.delivered_utc.is_(None), *conditions
        )
        return session.scalars(query).one()

    oldest = (
        select(AlertRow.start_utc)
        .join(DeliveryRow, DeliveryRow.alert_id == AlertRow.alert_id)
        .where(DeliveryRow.sink == sink, DeliveryRow.delivered_utc.is_(None))
        .order_by(AlertRow.start_utc)
        .limit(1)
    )
    received: list[datetime] = []
    tried: list[tuple[datetime, str | None]] = []
    for kind in (DeliveryRow, DigestRow):
        at, error, got = kind.last_attempt_utc, kind.last_error, kind.delivered_utc
        latest = select(got).where(kind.sink == sink, got.is_not(None)).order_by(got.desc())
        received += [one for one in session.scalars(latest.limit(1)) if one is not None]
        attempt = select(at, error).where(kind.sink == sink, at.is_not(None)).order_by(at.desc())
        tried += [(when, said) for when, said in session.execute(attempt.limit(1)) if when]
    return SinkState(
        sink=sink,
        pending=count(),
        held=count(DeliveryRow.held_utc.is_not(None)),
        oldest_utc=session.scalars(oldest).first(),
        delivered_utc=max(received, default=None),
        last_error=max(tried, key=lambda one: one[0])[1] if tried else None,
    )
