"""Removing scores: what they came to is kept, hour by hour, in the transaction that removes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    func,
    not_,
    select,
    update,
)
from sqlalchemy.orm import Session

from pipeline.identity import content_id
from pipeline.retention.nouns import HOLD_MARGIN, Hold, Removal, ScoreHour
from pipeline.retention.policy import Kind, Why
from pipeline.store.parts import StorePart
from pipeline.store.retention import holds_of, lock_camera, trace
from pipeline.store.rows import plain_row
from pipeline.store.schema import (
    AlertRow,
    AnomalyRow,
    EventRow,
    EvidenceRow,
    FootageRow,
    ModelRow,
    RemovalRow,
    ScoredSegmentRow,
    ScoreHourRow,
    SegmentRow,
)
from pipeline.store.upsert import insert_new

__all__ = ["SummaryTable"]

_REMOVED = (
    AnomalyRow.model_id,
    AnomalyRow.segment_id,
    AnomalyRow.end_utc,
    AnomalyRow.score,
    AnomalyRow.p_value,
)
Due = tuple[int, datetime, datetime]


class SummaryTable(StorePart):
    """Removal of scores and of what they came to."""

    def scores_due(self, camera: str, until: datetime) -> Due | None:
        """See `RetentionStore`."""

        def work(session: Session) -> Due | None:
            due = _scores(camera, until, holds_of(session, camera))
            return _counted(session, AnomalyRow.end_utc, AnomalyRow.end_utc, due)

        return self._sessions.read(work)

    def remove_scores(self, camera: str, until: datetime, at_utc: datetime) -> Removal | None:
        """See `RetentionStore`."""

        def work(session: Session) -> Removal | None:
            lock_camera(session, camera)
            due = _scores(camera, until, holds_of(session, camera))
            first = _oldest(session, select(func.min(AnomalyRow.end_utc)).where(*due))
            if first is None:
                return None
            day = _day_of(first)
            statement = (
                delete(AnomalyRow)
                .where(*due, AnomalyRow.end_utc < day + timedelta(days=1))
                .returning(*_REMOVED)
                .execution_options(synchronize_session=False)
            )
            removed = session.execute(statement).tuples().all()
            ends = [row[2] for row in removed]
            _add_to_hours(session, camera, removed)
            _keep_marks(session, removed, at_utc)
            removal = _rows_removal(
                camera, Kind.SCORES, (len(removed), min(ends), max(ends)), at_utc
            )
            return _recorded(session, removal)

        return self._sessions.write(work)

    def summaries_due(self, camera: str, until: datetime) -> Due | None:
        """See `RetentionStore`."""

        def work(session: Session) -> Due | None:
            due = _hours(camera, until, holds_of(session, camera))
            return _counted(session, ScoreHourRow.first_utc, ScoreHourRow.last_utc, due)

        return self._sessions.read(work)

    def remove_summaries(self, camera: str, until: datetime, at_utc: datetime) -> Removal | None:
        """See `RetentionStore`."""

        def work(session: Session) -> Removal | None:
            lock_camera(session, camera)
            due = _hours(camera, until, holds_of(session, camera))
            counted = _counted(session, ScoreHourRow.first_utc, ScoreHourRow.last_utc, due)
            if counted is None:
                return None
            session.execute(
                delete(ScoreHourRow).where(*due), execution_options={"synchronize_session": False}
            )
            return _recorded(session, _rows_removal(camera, Kind.SUMMARIES, counted, at_utc))

        return self._sessions.write(work)

    def score_hours(self, camera: str, since: datetime, until: datetime) -> Sequence[ScoreHour]:
        """See `RetentionStore`."""
        query = (
            select(ScoreHourRow)
            .where(
                ScoreHourRow.camera == camera,
                ScoreHourRow.hour_utc >= since,
                ScoreHourRow.hour_utc < until,
            )
            .order_by(ScoreHourRow.hour_utc, ScoreHourRow.model_id)
        )
        return self._sessions.read(lambda session: [_hour_of(r) for r in session.scalars(query)])

    def removed_unscored(self, camera: str) -> set[str]:
        """See `RetentionStore`."""
        scored = select(ScoredSegmentRow.segment_id).where(
            ScoredSegmentRow.segment_id == SegmentRow.segment_id
        )
        query = (
            select(SegmentRow.segment_id)
            .join(FootageRow, FootageRow.footage_id == SegmentRow.footage_id)
            .where(
                FootageRow.camera == camera,
                FootageRow.removed_utc.is_not(None),
                ~scored.exists(),
            )
        )
        return self._sessions.read(lambda session: set(session.scalars(query)))

    def kept_since(self, camera: str) -> Mapping[Kind, datetime]:
        """See `RetentionStore`."""
        queries: dict[Kind, Select[Any]] = {
            Kind.FOOTAGE: select(func.min(FootageRow.start_utc)).where(
                FootageRow.camera == camera, FootageRow.removed_utc.is_(None)
            ),
            Kind.EVIDENCE: select(func.min(AlertRow.start_utc))
            .join(EvidenceRow, EvidenceRow.alert_id == AlertRow.alert_id)
            .where(AlertRow.camera == camera, EvidenceRow.removed_utc.is_(None)),
            Kind.MODELS: select(func.min(ModelRow.created_utc)).where(
                ModelRow.camera == camera, ModelRow.files_removed_utc.is_(None)
            ),
            Kind.SCORES: select(func.min(AnomalyRow.end_utc)).where(
                AnomalyRow.camera == camera, AnomalyRow.anomaly_id.not_in(_anchors(camera))
            ),
            Kind.SUMMARIES: select(func.min(ScoreHourRow.first_utc)).where(
                ScoreHourRow.camera == camera
            ),
        }

        def work(session: Session) -> dict[Kind, datetime]:
            oldest = {kind: _oldest(session, query) for kind, query in queries.items()}
            return {kind: moment for kind, moment in oldest.items() if moment is not None}

        return self._sessions.read(work)


def _oldest(session: Session, query: Select[Any]) -> datetime | None:
    found: datetime | None = session.scalars(query).one()
    return found


def _anchors(camera: str) -> Any:
    """Return the clips that events stand on: an alert is walked back to its frames by them."""
    first = select(EventRow.first_anomaly_id).where(EventRow.camera == camera)
    return first.union(select(EventRow.peak_anomaly_id).where(EventRow.camera == camera))


def _scores(camera: str, until: datetime, held: Iterable[Hold]) -> list[ColumnElement[bool]]:
    return [
        AnomalyRow.camera == camera,
        AnomalyRow.end_utc < until,
        AnomalyRow.anomaly_id.not_in(_anchors(camera)),
        *(_outside(hold, AnomalyRow.start_utc, AnomalyRow.end_utc) for hold in held),
    ]


def _hours(camera: str, until: datetime, held: Iterable[Hold]) -> list[ColumnElement[bool]]:
    return [
        ScoreHourRow.camera == camera,
        ScoreHourRow.last_utc < until,
        *(_outside(hold, ScoreHourRow.first_utc, ScoreHourRow.last_utc) for hold in held),
    ]


def _outside(hold: Hold, start: Any, end: Any) -> ColumnElement[bool]:
    """Return the condition that [start, end] does not touch what is held; see `Hold.covers`."""
    return not_(and_(end >= hold.since_utc - HOLD_MARGIN, start <= hold.until_utc + HOLD_MARGIN))


def _counted(
    session: Session, first: Any, last: Any, conditions: Sequence[ColumnElement[bool]]
) -> Due | None:
    query = select(func.count(), func.min(first), func.max(last)).where(*conditions)
    count, start, end = session.execute(query).tuples().one()
    return (count, start, end) if count else None


def _add_to_hours(session: Session, camera: str, removed: Sequence[Any]) -> None:
    """Add removed scores to the summaries; those of an hour may be removed at different times."""
    hours: dict[tuple[str, datetime], ScoreHour] = {}
    # In order of time: sums of doubles depend on it.
    for model_id, _, end_utc, score, p_value in sorted(removed, key=lambda row: row[2]):
        hour_utc = end_utc.replace(minute=0, second=0, microsecond=0)
        key = (model_id, hour_utc)
        if key not in hours:
            known = session.get(ScoreHourRow, (camera, model_id, hour_utc))
            hours[key] = _hour_of(known) if known else _empty_hour(camera, *key, end_utc)
        one = hours[key]
        hours[key] = replace(
            one,
            clips=one.clips + 1,
            score_sum=one.score_sum + score,
            score_max=max(one.score_max, score),
            p_value_min=min(one.p_value_min, p_value),
            first_utc=min(one.first_utc, end_utc),
            last_utc=max(one.last_utc, end_utc),
        )
    for one in hours.values():
        session.merge(ScoreHourRow(**plain_row(one)))


def _empty_hour(camera: str, model_id: str, hour_utc: datetime, at_utc: datetime) -> ScoreHour:
    return ScoreHour(
        camera=camera,
        model_id=model_id,
        hour_utc=hour_utc,
        clips=0,
        score_sum=0.0,
        score_max=0.0,
        p_value_min=1.0,
        first_utc=at_utc,
        last_utc=at_utc,
    )


def _keep_marks(session: Session, removed: Sequence[Any], at_utc: datetime) -> None:
    """Have segments say how far they were scored, and that they are: a segment whose scoring was
    killed half-way would be scored again otherwise, and its clips counted twice."""
    counts: dict[tuple[str, str], int] = {}
    lasts: dict[tuple[str, str], datetime] = {}
    for model_id, segment_id, end_utc, _, _ in removed:
        key = (segment_id, model_id)
        counts[key] = counts.get(key, 0) + 1
        lasts[key] = max(lasts.get(key, end_utc), end_utc)
    marks = [
        {
            "segment_id": segment_id,
            "model_id": model_id,
            "clips": count,
            "at_utc": at_utc,
            "last_clip_utc": None,
        }
        for (segment_id, model_id), count in counts.items()
    ]
    insert_new(session, ScoredSegmentRow, marks)
    # All of them at once: one after the other, a day of files of a minute took most of the time.
    table = cast(Table, ScoredSegmentRow.__table__)
    last_clip = table.c.last_clip_utc
    session.connection().execute(
        update(table)
        .where(
            table.c.segment_id == bindparam("of_segment"),
            table.c.model_id == bindparam("of_model"),
            last_clip.is_(None) | (last_clip < bindparam("last")),
        )
        .values(last_clip_utc=bindparam("last")),
        [
            {"of_segment": segment_id, "of_model": model_id, "last": last}
            for (segment_id, model_id), last in sorted(lasts.items())
        ],
    )


def _rows_removal(camera: str, kind: Kind, counted: Due, at_utc: datetime) -> Removal:
    items, first, last = counted
    parts = (kind.value, Why.POLICY.value, first.isoformat(), at_utc.isoformat(), items)
    return Removal(
        removal_id=content_id("removal", camera, *parts),
        camera=camera,
        kind=kind,
        why=Why.POLICY,
        since_utc=first,
        until_utc=last,
        items=items,
        size_bytes=0,
        planned_utc=at_utc,
        finished_utc=at_utc,
    )


def _recorded(session: Session, removal: Removal) -> Removal:
    insert_new(session, RemovalRow, [{**plain_row(removal), "files": []}])
    trace(session, removal)
    return removal


def _day_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _hour_of(row: ScoreHourRow) -> ScoreHour:
    return ScoreHour(
        camera=row.camera,
        model_id=row.model_id,
        hour_utc=row.hour_utc,
        clips=row.clips,
        score_sum=row.score_sum,
        score_max=row.score_max,
        p_value_min=row.p_value_min,
        first_utc=row.first_utc,
        last_utc=row.last_utc,
    )
