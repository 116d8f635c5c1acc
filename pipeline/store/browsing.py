"""Browsing: what pages of people ask for again and again, answered from indices in milliseconds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Select, cast, extract, func, select
from sqlalchemy.orm import Session

from pipeline.store.contract import AlertFilter, ReviewedAlert, ScorePeak
from pipeline.store.feedback import suppression_of
from pipeline.store.parts import StorePart, overlapping
from pipeline.store.rows import alert_of, review_of
from pipeline.store.schema import (
    AlertRow,
    AnomalyRow,
    ModelRow,
    ReviewRow,
    ScoredSegmentRow,
    SegmentRow,
    SuppressionRow,
    WithdrawnReviewRow,
)
from pipeline.store.types import PlainText

__all__ = ["BrowsingTable"]


class BrowsingTable(StorePart):
    """Alerts with their verdicts, and scores over time."""

    def browse_alerts(
        self, wanted: AlertFilter, *, limit: int = 100, offset: int = 0
    ) -> Sequence[ReviewedAlert]:
        """See `Store`."""
        newest = AlertRow.start_utc.desc(), AlertRow.alert_id
        query = _alerts(wanted).order_by(*newest).limit(limit).offset(offset)

        def work(session: Session) -> list[ReviewedAlert]:
            return [
                ReviewedAlert(
                    alert=alert_of(alert),
                    review=None if review is None else review_of(review),
                    suppression=None if quiet is None else suppression_of(quiet),
                )
                for alert, review, quiet in session.execute(query)
            ]

        return self._sessions.read(work)

    def activations(self, camera: str) -> Mapping[str, datetime]:
        """See `Store`."""
        query = select(ModelRow.model_id, ModelRow.activated_utc).where(
            ModelRow.camera == camera, ModelRow.activated_utc.is_not(None)
        )
        return self._sessions.read(
            lambda session: {model: at for model, at in session.execute(query).tuples() if at}
        )

    def score_peaks(
        self, camera: str, since: datetime, until: datetime, step_seconds: int
    ) -> Sequence[ScorePeak]:
        """See `Store`."""
        if step_seconds < 1:
            raise ValueError(f"a step of {step_seconds} s")

        def work(session: Session) -> list[ScorePeak]:
            step = _unix_seconds(session, AnomalyRow.end_utc) // step_seconds
            query = (
                select(step, AnomalyRow.model_id, func.max(AnomalyRow.score))
                .where(
                    AnomalyRow.camera == camera,
                    AnomalyRow.end_utc >= since,
                    AnomalyRow.end_utc < until,
                )
                .group_by(step, AnomalyRow.model_id)
                .order_by(step, AnomalyRow.model_id)
            )
            return [
                ScorePeak(
                    from_utc=datetime.fromtimestamp(number * step_seconds, UTC),
                    model_id=model_id,
                    score=score,
                )
                for number, model_id, score in session.execute(query)
            ]

        return self._sessions.read(work)

    def last_clips(
        self, camera: str, since: datetime, until: datetime, model_id: str | None = None
    ) -> Mapping[str, datetime]:
        """See `Store`."""
        query = (
            select(AnomalyRow.segment_id, func.max(AnomalyRow.end_utc))
            .where(
                AnomalyRow.camera == camera,
                AnomalyRow.end_utc >= since,
                AnomalyRow.end_utc < until,
            )
            .group_by(AnomalyRow.segment_id)
        )
        removed = (
            select(ScoredSegmentRow.segment_id, func.max(ScoredSegmentRow.last_clip_utc))
            .join(SegmentRow, SegmentRow.segment_id == ScoredSegmentRow.segment_id)
            .where(
                SegmentRow.camera == camera,
                SegmentRow.end_utc >= since,
                SegmentRow.start_utc < until,
                ScoredSegmentRow.last_clip_utc >= since,
            )
            .group_by(ScoredSegmentRow.segment_id)
        )

        if model_id is not None:
            of_model = query.where(AnomalyRow.model_id == model_id)
            cut = removed.where(ScoredSegmentRow.model_id == model_id)
            return self._sessions.read(
                lambda session: _without(
                    dict(session.execute(of_model).tuples().all()), session.scalars(cut)
                )
            )

        def work(session: Session) -> dict[str, datetime]:
            last = {
                segment: min(at, until)
                for segment, at in session.execute(removed).tuples()
                if at is not None
            }
            for segment, at in session.execute(query).tuples():
                last[segment] = max(at, last.get(segment, at))
            return last

        return self._sessions.read(work)


def _without(last: dict[str, datetime], cut: Iterable[str]) -> Mapping[str, datetime]:
    """Return what is said of segments but those that are cut."""
    gone = set(cut)
    return {segment: at for segment, at in last.items() if segment not in gone}


def _alerts(wanted: AlertFilter) -> Select[Any]:
    """Return alerts beside the verdict that counts and the suppression that holds, NULL where there
    is none."""
    withdrawn = select(WithdrawnReviewRow.review_id).where(
        WithdrawnReviewRow.review_id == ReviewRow.review_id
    )
    last = (
        select(ReviewRow.review_id)
        .where(ReviewRow.alert_id == AlertRow.alert_id, ~withdrawn.exists())
        .order_by(ReviewRow.at_utc.desc(), ReviewRow.review_id.desc())
        .limit(1)
        .correlate(AlertRow)
        .scalar_subquery()
    )
    query = (
        select(AlertRow, ReviewRow, SuppressionRow)
        .select_from(AlertRow)
        .outerjoin(ReviewRow, ReviewRow.review_id == last)
        .outerjoin(
            SuppressionRow,
            (SuppressionRow.alert_id == AlertRow.alert_id) & SuppressionRow.ended_utc.is_(None),
        )
    )
    return query.where(*_conditions(wanted))


def _conditions(wanted: AlertFilter) -> list[ColumnElement[bool]]:
    conditions = list(overlapping(AlertRow, wanted.since, wanted.until))
    if wanted.cameras is not None:
        conditions.append(AlertRow.camera.in_(sorted(set(wanted.cameras))))
    if wanted.severity is not None:
        conditions.append(AlertRow.severity == wanted.severity)
    if wanted.verdict == "none":
        conditions += [ReviewRow.review_id.is_(None), SuppressionRow.alert_id.is_(None)]
    elif wanted.verdict == "suppressed":
        conditions.append(SuppressionRow.alert_id.is_not(None))
    elif wanted.verdict is not None:
        conditions.append(ReviewRow.verdict == wanted.verdict)
    return conditions


def _unix_seconds(session: Session, moment: Any) -> ColumnElement[int]:
    if session.get_bind().dialect.name == "sqlite":
        return cast(func.strftime("%s", moment, type_=PlainText()), BigInteger)
    return cast(func.floor(extract("epoch", moment)), BigInteger)
