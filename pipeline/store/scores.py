"""Anomalies: one row for each clip and model, and the mark that a segment is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, or_, select, tuple_
from sqlalchemy.orm import Session

from pipeline.footage.segments import Segment
from pipeline.scoring.anomaly import Anomaly
from pipeline.store.parts import StorePart
from pipeline.store.rows import anomaly_of, anomaly_row, segment_of
from pipeline.store.schema import (
    AnomalyRow,
    FootageRow,
    ModelRow,
    ScoredSegmentRow,
    SegmentRow,
)
from pipeline.store.settled import settle, unsettled, was_active
from pipeline.store.upsert import insert_new

__all__ = ["ScoreTable"]

_PAGE_ROWS = 2_000


class ScoreTable(StorePart):
    """Anomalies and scored segments."""

    def add_anomalies(self, anomalies: Iterable[Anomaly]) -> int:
        """See `Store`. The iterable is exhausted before the transaction begins: it may be the
        network that scores, and nothing waits for a network with the database locked."""
        rows = [anomaly_row(anomaly) for anomaly in anomalies]
        return self._sessions.write(lambda session: insert_new(session, AnomalyRow, rows))

    def mark_scored(self, segment_id: str, model_id: str, clips: int, at_utc: datetime) -> int:
        """See `Store`."""
        row = {
            "segment_id": segment_id,
            "model_id": model_id,
            "clips": clips,
            "at_utc": at_utc,
            "last_clip_utc": None,
        }

        def work(session: Session) -> int:
            settle(session, at_utc, SegmentRow.segment_id == segment_id, was_active(model_id))
            return insert_new(session, ScoredSegmentRow, [row])

        return self._sessions.write(work)

    def unscored_segments(self, camera: str, model_id: str | None) -> Sequence[Segment]:
        """See `Store`."""
        if model_id is None:
            return self._without_mark(camera, unsettled())
        return self._without_mark(camera, mark=ScoredSegmentRow.model_id == model_id)

    def segments_to_score(self, camera: str, model_id: str) -> Sequence[Segment]:
        """See `Store`."""
        watched = select(ModelRow.model_id).where(
            ModelRow.camera == camera, ModelRow.activated_utc.is_not(None)
        )
        by = ScoredSegmentRow.model_id
        mark = or_(by == model_id, by.in_(watched))
        return self._without_mark(camera, unsettled(), mark=mark)

    def _without_mark(
        self, camera: str, *of_which: ColumnElement[bool], mark: ColumnElement[bool] | None = None
    ) -> Sequence[Segment]:
        """Return the segments of a camera that have no done mark, or none like `mark`, by time;
        those whose footage was removed are not among them."""
        scored = select(ScoredSegmentRow.segment_id).where(
            ScoredSegmentRow.segment_id == SegmentRow.segment_id,
            *(() if mark is None else (mark,)),
        )
        query = (
            select(SegmentRow)
            .join(FootageRow, FootageRow.footage_id == SegmentRow.footage_id)
            .where(
                SegmentRow.camera == camera,
                FootageRow.removed_utc.is_(None),
                ~scored.exists(),
                *of_which,
            )
            .order_by(SegmentRow.start_utc, SegmentRow.segment_id)
        )
        return self._sessions.read(lambda session: [segment_of(r) for r in session.scalars(query)])

    def seen_by_another(self, camera: str, model_id: str, since: datetime, until: datetime) -> bool:
        """See `Store`."""
        other = (
            select(ScoredSegmentRow.segment_id)
            .where(
                ScoredSegmentRow.segment_id == SegmentRow.segment_id,
                ScoredSegmentRow.model_id != model_id,
            )
            .exists()
        )
        # A clip may end where its segment does.
        query = select(other).where(
            SegmentRow.camera == camera,
            SegmentRow.start_utc <= until,
            SegmentRow.end_utc >= since,
        )

        def work(session: Session) -> bool:
            seen = session.scalars(query).all()
            return bool(seen) and all(seen)

        return self._sessions.read(work)

    def anomalies(
        self,
        camera: str,
        model_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Anomaly]:
        """See `Store`. Each page is a short transaction of its own, so a reader that takes its
        time holds nothing, and may write in between."""
        query = (
            select(AnomalyRow)
            .where(AnomalyRow.camera == camera)
            .order_by(AnomalyRow.end_utc, AnomalyRow.anomaly_id)
            .limit(_PAGE_ROWS)
        )
        if model_id is not None:
            query = query.where(AnomalyRow.model_id == model_id)
        if since is not None:
            query = query.where(AnomalyRow.end_utc >= since)
        if until is not None:
            query = query.where(AnomalyRow.end_utc < until)
        return self._pages(query)

    def _pages(self, query: Select[Any]) -> Iterator[Anomaly]:
        position = tuple_(AnomalyRow.end_utc, AnomalyRow.anomaly_id)
        page_query = query
        while True:
            page = self._page(page_query)
            yield from page
            if len(page) < _PAGE_ROWS:
                return
            last = page[-1]
            page_query = query.where(position > (last.clip.end_utc, last.anomaly_id))

    def _page(self, query: Select[Any]) -> list[Anomaly]:
        def work(session: Session) -> list[Anomaly]:
            return [anomaly_of(row) for row in session.scalars(query)]

        return self._sessions.read(work)
