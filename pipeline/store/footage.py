"""Footage, and what is known of its time: segments and blind intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pipeline.errors import StoreError
from pipeline.footage.admission import Footage
from pipeline.footage.segments import Blind, Segment
from pipeline.store.parts import StorePart, overlapping
from pipeline.store.rows import (
    blind_of,
    footage_of,
    footage_row,
    plain_row,
    segment_of,
    segment_row,
)
from pipeline.store.schema import BlindRow, FootageRow, SegmentRow
from pipeline.store.upsert import insert_new

__all__ = ["FootageTable"]


class FootageTable(StorePart):
    """Footage, segments and blind intervals."""

    def add_footage(
        self, footage: Footage, segments: Sequence[Segment], blind: Sequence[Blind]
    ) -> int:
        """See `Store`."""
        rows = (
            (SegmentRow, [segment_row(segment) for segment in segments]),
            (BlindRow, [plain_row(interval) for interval in blind]),
        )

        def work(session: Session) -> int:
            new = insert_new(session, FootageRow, [footage_row(footage)])
            if new == 0:
                return 0
            return new + sum(insert_new(session, kind, some) for kind, some in rows)

        return self._sessions.write(work)

    def add_blind(self, blind: Sequence[Blind]) -> int:
        """See `Store`."""
        rows = [plain_row(interval) for interval in blind]
        return self._sessions.write(lambda session: insert_new(session, BlindRow, rows))

    def footage_ids(self, camera: str) -> set[str]:
        """See `Store`."""
        query = select(FootageRow.footage_id).where(FootageRow.camera == camera)
        return self._sessions.read(lambda session: set(session.scalars(query)))

    def footage(self, footage_id: str) -> Footage:
        """See `Store`."""

        def work(session: Session) -> Footage:
            row = session.get(FootageRow, footage_id)
            if row is None:
                raise StoreError(f"no footage {footage_id!r} is recorded; ingest it first")
            return footage_of(row)

        return self._sessions.read(work)

    def footage_of(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Footage]:
        """See `Store`. Refused footage, which has no time, comes last."""
        query = (
            select(FootageRow)
            .where(FootageRow.camera == camera, *overlapping(FootageRow, since, until))
            .order_by(FootageRow.start_utc.asc().nulls_last(), FootageRow.footage_id)
        )
        return self._sessions.read(lambda session: [footage_of(r) for r in session.scalars(query)])

    def segments(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Segment]:
        """See `Store`."""
        query = (
            select(SegmentRow)
            .where(SegmentRow.camera == camera, *overlapping(SegmentRow, since, until))
            .order_by(SegmentRow.start_utc, SegmentRow.segment_id)
        )
        return self._sessions.read(lambda session: [segment_of(r) for r in session.scalars(query)])

    def newest_segment(self, camera: str) -> Segment | None:
        """See `Store`."""
        newest = SegmentRow.end_utc.desc(), SegmentRow.segment_id
        query = select(SegmentRow).where(SegmentRow.camera == camera).order_by(*newest).limit(1)

        def work(session: Session) -> Segment | None:
            row = session.scalars(query).one_or_none()
            return None if row is None else segment_of(row)

        return self._sessions.read(work)

    def segment(self, segment_id: str) -> Segment:
        """See `Store`."""

        def work(session: Session) -> Segment:
            row = session.get(SegmentRow, segment_id)
            if row is None:
                raise StoreError(f"no segment {segment_id!r} is recorded; ingest its footage first")
            return segment_of(row)

        return self._sessions.read(work)

    def blind(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Blind]:
        """See `Store`."""
        query = (
            select(BlindRow)
            .where(BlindRow.camera == camera, *overlapping(BlindRow, since, until))
            .order_by(BlindRow.start_utc, BlindRow.blind_id)
        )
        return self._sessions.read(lambda session: [blind_of(r) for r in session.scalars(query)])

    def known_until(self, camera: str) -> datetime | None:
        """See `Store`."""
        # One query a table: each is the last entry of an index.
        queries = [
            select(func.max(kind.end_utc)).where(kind.camera == camera)
            for kind in (FootageRow, SegmentRow, BlindRow)
        ]

        def work(session: Session) -> datetime | None:
            ends = [session.scalar(query) for query in queries]
            return max((end for end in ends if end is not None), default=None)

        return self._sessions.read(work)
