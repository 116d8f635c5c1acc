"""Feedback: patterns follow verdicts, suppressions follow patterns, each in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from pipeline.errors import StoreError
from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import EndReason, Pattern, Suppression
from pipeline.identity import SHORTEST_BEGINNING, too_short
from pipeline.learning.registry import ModelState
from pipeline.scoring.anomaly import Place
from pipeline.store.feedback_following import end_pattern_row, make_pattern_row
from pipeline.store.feedback_rows import LooksRow, PatternRow, SuppressionRow
from pipeline.store.parts import StorePart, overlapping
from pipeline.store.schema import AlertRow, ModelRow, ReviewRow
from pipeline.store.types import PlainText

__all__ = ["FeedbackTable"]


class FeedbackTable(StorePart):
    """Looks, patterns and suppressions."""

    def looks(self, alert_id: str) -> EventLooks | None:
        """See `FeedbackStore`."""

        def work(session: Session) -> EventLooks | None:
            row = session.get(LooksRow, alert_id)
            return None if row is None else EventLooks.from_dict(row.looks)

        return self._sessions.read(work)

    def patterns(self, camera: str | None = None, *, ended: bool = False) -> Sequence[Pattern]:
        """See `FeedbackStore`."""
        query = _patterns()
        if camera is not None:
            query = query.where(PatternRow.camera == camera)
        if not ended:
            query = query.where(PatternRow.ended_utc.is_(None))
        return self._sessions.read(
            lambda session: [_pattern_of(*row) for row in session.execute(query)]
        )

    def pattern(self, pattern_id: str) -> Pattern:
        """See `FeedbackStore`."""
        length = len(pattern_id)
        beginning = func.substr(PatternRow.pattern_id, 1, length, type_=PlainText()) == pattern_id
        query = _patterns().where(beginning).limit(2)

        def work(session: Session) -> Pattern:
            if length < SHORTEST_BEGINNING:
                raise StoreError(too_short("a pattern", pattern_id, "kizashi feedback list"))
            found = session.execute(query).all()
            if len(found) != 1:
                problem = "several patterns begin with" if found else "no pattern is or begins with"
                raise StoreError(f"{problem} {pattern_id!r}; list them with: kizashi feedback list")
            return _pattern_of(*found[0])

        return self._sessions.read(work)

    def add_pattern(
        self, review_id: str, looks: EventLooks, at_utc: datetime, *, who: str = "kizashi"
    ) -> int:
        """See `FeedbackStore`."""

        def work(session: Session) -> int:
            known = session.scalars(
                select(PatternRow).where(
                    PatternRow.review_id == review_id, PatternRow.ended_utc.is_(None)
                )
            ).first()
            if known is None:
                return 0
            return make_pattern_row(session, known.alert_id, review_id, looks, who, at_utc)

        return self._sessions.write(work)

    def end_pattern(self, pattern_id: str, who: str, at_utc: datetime) -> Sequence[str]:
        """See `FeedbackStore`."""

        def work(session: Session) -> list[str]:
            row = session.get(PatternRow, pattern_id)
            if row is None:
                raise StoreError(
                    f"no pattern {pattern_id!r}; list them with: kizashi feedback list"
                )
            return end_pattern_row(session, row, EndReason.REMOVED, who, at_utc)

        return self._sessions.write(work)

    def suppression(self, alert_id: str) -> Suppression | None:
        """See `FeedbackStore`."""

        def work(session: Session) -> Suppression | None:
            row = session.get(SuppressionRow, alert_id)
            return None if row is None else suppression_of(row)

        return self._sessions.read(work)

    def suppressions(
        self, camera: str, since: datetime | None = None, until: datetime | None = None
    ) -> Sequence[Suppression]:
        """See `FeedbackStore`."""
        query = (
            select(SuppressionRow)
            .join(AlertRow, AlertRow.alert_id == SuppressionRow.alert_id)
            .where(
                AlertRow.camera == camera,
                SuppressionRow.ended_utc.is_(None),
                *overlapping(AlertRow, since, until),
            )
            .order_by(AlertRow.start_utc, AlertRow.alert_id)
        )
        return self._sessions.read(
            lambda session: [suppression_of(row) for row in session.scalars(query)]
        )


def _patterns() -> Select[Any]:
    """Return patterns beside their verdict, alert, model, and how many alerts each suppresses."""
    suppresses = (
        select(func.count())
        .select_from(SuppressionRow)
        .where(
            SuppressionRow.pattern_id == PatternRow.pattern_id, SuppressionRow.ended_utc.is_(None)
        )
        .correlate(PatternRow)
        .scalar_subquery()
    )
    return (
        select(PatternRow, ReviewRow, AlertRow, ModelRow.state, suppresses)
        .join(ReviewRow, ReviewRow.review_id == PatternRow.review_id)
        .join(AlertRow, AlertRow.alert_id == PatternRow.alert_id)
        .join(ModelRow, ModelRow.model_id == PatternRow.model_id)
        .order_by(PatternRow.made_utc, PatternRow.pattern_id)
    )


def _pattern_of(
    row: PatternRow, review: ReviewRow, alert: AlertRow, model_state: str, suppresses: int
) -> Pattern:
    return Pattern(
        pattern_id=row.pattern_id,
        review_id=row.review_id,
        alert_id=row.alert_id,
        camera=row.camera,
        model_id=row.model_id,
        made_utc=row.made_utc,
        looks=EventLooks.from_dict(row.looks),
        reviewer=review.reviewer,
        note=review.note,
        place=Place(
            x=alert.place_x, y=alert.place_y, width=alert.place_width, height=alert.place_height
        ),
        alert_start_utc=alert.start_utc,
        active_model=model_state == ModelState.ACTIVE,
        suppresses=suppresses,
        ended_utc=row.ended_utc,
        ended_by=row.ended_by,
        ended_why=None if row.ended_why is None else EndReason(row.ended_why),
    )


def suppression_of(row: SuppressionRow) -> Suppression:
    """Return the suppression that a row holds."""
    return Suppression(
        alert_id=row.alert_id,
        pattern_id=row.pattern_id,
        at_utc=row.at_utc,
        nearness=row.nearness,
        ended_utc=row.ended_utc,
        ended_by=row.ended_by,
        ended_why=None if row.ended_why is None else EndReason(row.ended_why),
    )
