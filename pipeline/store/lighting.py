"""Lighting: what scoring found of the light that a camera's scene was in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.lighting.events import LightingEvent
from pipeline.store.lighting_rows import LightingRow
from pipeline.store.parts import StorePart, overlapping
from pipeline.store.rows import plain_row
from pipeline.store.schema import ScoredSegmentRow
from pipeline.store.upsert import insert_new

__all__ = ["LightingTable"]


class LightingTable(StorePart):
    """Lighting events."""

    def put_lighting(self, segment_id: str, events: Sequence[LightingEvent]) -> int:
        """See `Store`."""
        rows = [plain_row(event) for event in events]
        names = [event.lighting_id for event in events]

        def work(session: Session) -> int:
            session.execute(
                delete(LightingRow).where(
                    LightingRow.segment_id == segment_id, LightingRow.lighting_id.not_in(names)
                )
            )
            return insert_new(session, LightingRow, rows)

        return self._sessions.write(work)

    def lighting(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[LightingEvent]:
        """See `Store`."""
        query = (
            select(LightingRow)
            .where(LightingRow.camera == camera, *overlapping(LightingRow, since, until))
            .order_by(LightingRow.start_utc, LightingRow.lighting_id)
        )
        return self._sessions.read(lambda session: [_event_of(r) for r in session.scalars(query)])

    def light_found_by(self, model_id: str, segment_id: str) -> Sequence[LightingEvent]:
        """See `Store`."""
        last = (
            select(ScoredSegmentRow.model_id)
            .where(ScoredSegmentRow.segment_id == segment_id)
            .order_by(ScoredSegmentRow.at_utc.desc())
            .limit(1)
        )
        query = (
            select(LightingRow)
            .where(LightingRow.segment_id == segment_id)
            .order_by(LightingRow.start_utc, LightingRow.lighting_id)
        )

        def work(session: Session) -> list[LightingEvent]:
            if session.scalars(last).first() != model_id:
                return []
            return [_event_of(row) for row in session.scalars(query)]

        return self._sessions.read(work)


def _event_of(row: LightingRow) -> LightingEvent:
    return LightingEvent(
        lighting_id=row.lighting_id,
        segment_id=row.segment_id,
        camera=row.camera,
        state=row.state,
        start_us=row.start_us,
        end_us=row.end_us,
        start_utc=row.start_utc,
        end_utc=row.end_utc,
    )
