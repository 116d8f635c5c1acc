"""Health events: what scoring found of a camera's own state."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.health.events import HealthEvent, Trouble
from pipeline.store.health_rows import HealthRow
from pipeline.store.parts import StorePart, overlapping
from pipeline.store.rows import plain_row
from pipeline.store.upsert import insert_new

__all__ = ["HealthTable"]


class HealthTable(StorePart):
    """Health events."""

    def put_health(self, segment_id: str, events: Sequence[HealthEvent]) -> int:
        """See `Store`."""
        rows = [plain_row(event) for event in events]
        names = [event.health_id for event in events]

        def work(session: Session) -> int:
            session.execute(
                delete(HealthRow).where(
                    HealthRow.segment_id == segment_id, HealthRow.health_id.not_in(names)
                )
            )
            return insert_new(session, HealthRow, rows)

        return self._sessions.write(work)

    def health(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[HealthEvent]:
        """See `Store`."""
        query = (
            select(HealthRow)
            .where(HealthRow.camera == camera, *overlapping(HealthRow, since, until))
            .order_by(HealthRow.start_utc, HealthRow.health_id)
        )
        return self._sessions.read(lambda session: [_event_of(r) for r in session.scalars(query)])


def _event_of(row: HealthRow) -> HealthEvent:
    return HealthEvent(
        health_id=row.health_id,
        segment_id=row.segment_id,
        footage_id=row.footage_id,
        camera=row.camera,
        trouble=Trouble(row.trouble),
        start_us=row.start_us,
        end_us=row.end_us,
        found_us=row.found_us,
        start_utc=row.start_utc,
        end_utc=row.end_utc,
        detail=row.detail,
    )
