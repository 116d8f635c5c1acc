"""What follows from what, inside a transaction of somebody else: a verdict makes or ends a pattern,
the end of a pattern opens the alerts that it had suppressed, an open alert is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.feedback.looks import EventLooks
from pipeline.feedback.patterns import EndReason, Suppression, pattern_id_of
from pipeline.store.feedback_rows import LooksRow, PatternRow, SuppressionRow
from pipeline.store.outbox import new_delivery
from pipeline.store.parts import database_now
from pipeline.store.schema import AlertRow, AuditRow, DeliveryRow, ReviewRow
from pipeline.store.upsert import insert_new, insert_or_update

__all__ = ["end_pattern_row", "follow_verdict", "make_pattern_row", "put_looks", "stays_suppressed"]

HARMLESS, ANOMALY = "known_harmless", "anomaly"
_PROGRAM = "kizashi"


def put_looks(session: Session, alert_id: str, looks: EventLooks) -> None:
    """Record how an alert looked, instead of what was recorded before."""
    row = {"alert_id": alert_id, "model_id": looks.model_id, "looks": looks.to_dict()}
    insert_or_update(session, LooksRow, [row], update=("model_id", "looks"))


def stays_suppressed(
    session: Session,
    alert_id: str,
    wanted: Suppression | None,
    sinks: Sequence[str],
    *,
    is_new: bool,
    at_utc: datetime,
) -> bool:
    """Record whether an alert is suppressed from now on, and return it.

    Only a new one can become so: what people were told of is not taken back. One that is, and is no
    longer wanted to be, opens; one that somebody opened stays open.
    """
    row = session.get(SuppressionRow, alert_id, with_for_update=True)
    if row is None and not is_new:
        return False
    if row is not None and row.ended_utc is not None:
        return False
    if wanted is not None and not _is_alive(session, wanted.pattern_id):
        wanted = None  # somebody removed the pattern while the alert was compared with it
    if row is None:
        if wanted is None:
            return False
        session.add(
            SuppressionRow(
                alert_id=alert_id,
                pattern_id=wanted.pattern_id,
                at_utc=wanted.at_utc,
                nearness=wanted.nearness,
                sinks=list(sinks),
            )
        )
        return True
    if wanted is None:
        _open(session, row, EndReason.CHANGED, _PROGRAM, at_utc)
        return False
    row.pattern_id, row.nearness, row.sinks = wanted.pattern_id, wanted.nearness, list(sinks)
    return True


def _is_alive(session: Session, pattern_id: str) -> bool:
    # Locked until the commit, as by whoever ends it: one of the two sees what the other did.
    row = session.get(PatternRow, pattern_id, with_for_update=True, populate_existing=True)
    return row is not None and row.ended_utc is None


def follow_verdict(
    session: Session, alert_id: str, counting: ReviewRow | None, who: str, at_utc: datetime
) -> None:
    """Let patterns follow from what is said of an alert now.

    `counting`: the verdict that counts, None when there is none. A pattern stands as long as the
    verdict that it was made of counts. An anomaly that was suppressed ends the pattern that did it.
    """
    mine = session.scalars(
        select(PatternRow).where(PatternRow.alert_id == alert_id, PatternRow.ended_utc.is_(None))
    ).all()
    for row in mine:
        if counting is None or row.review_id != counting.review_id:
            end_pattern_row(session, row, EndReason.VERDICT, who, at_utc)
    if counting is None:
        return
    if counting.verdict == ANOMALY:
        quiet = session.get(SuppressionRow, alert_id)
        if quiet is not None and quiet.ended_utc is None:
            cause = session.get_one(PatternRow, quiet.pattern_id)
            end_pattern_row(session, cause, EndReason.ANOMALY, who, at_utc)
    elif counting.verdict == HARMLESS:
        looks = session.get(LooksRow, alert_id)
        if looks is not None:
            seen = EventLooks.from_dict(looks.looks)
            make_pattern_row(session, alert_id, counting.review_id, seen, who, at_utc)


def make_pattern_row(
    session: Session, alert_id: str, review_id: str, looks: EventLooks, who: str, at_utc: datetime
) -> int:
    """Make the pattern of a verdict with the model of `looks`; 1 when it suppresses from now on and
    did not before. One that ended because its verdict did not count stands again; one that somebody
    removed, or that had suppressed an anomaly, does not."""
    pattern_id = pattern_id_of(review_id, looks.model_id)
    row = session.get(PatternRow, pattern_id, with_for_update=True)
    if row is not None:
        if row.ended_why != EndReason.VERDICT:
            return 0
        row.ended_utc = row.ended_by = row.ended_why = None
    else:
        session.add(
            PatternRow(
                pattern_id=pattern_id,
                review_id=review_id,
                alert_id=alert_id,
                camera=session.get_one(AlertRow, alert_id).camera,
                model_id=looks.model_id,
                made_utc=at_utc,
                looks=looks.to_dict(),
            )
        )
    session.flush()
    _audit(session, who, "pattern made", pattern_id, {"alert": alert_id, "review": review_id})
    return 1


def end_pattern_row(
    session: Session, row: PatternRow, why: EndReason, who: str, at_utc: datetime
) -> list[str]:
    """End a pattern, with those that other models made of the same verdict; return the alerts that
    are open again, for which deliveries wait now."""
    same = session.scalars(
        select(PatternRow)
        .where(PatternRow.review_id == row.review_id, PatternRow.ended_utc.is_(None))
        .order_by(PatternRow.pattern_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()
    opened: list[str] = []
    for pattern in same:
        pattern.ended_utc, pattern.ended_by, pattern.ended_why = at_utc, who, why
        quiet = session.scalars(
            select(SuppressionRow)
            .where(
                SuppressionRow.pattern_id == pattern.pattern_id, SuppressionRow.ended_utc.is_(None)
            )
            .order_by(SuppressionRow.alert_id)
            .with_for_update()
        ).all()
        for suppression in quiet:
            _open(session, suppression, why, who, at_utc)
        names = [suppression.alert_id for suppression in quiet]
        opened += names
        detail = {"why": str(why), "alerts_opened": names}
        _audit(session, who, "pattern ended", pattern.pattern_id, detail)
    session.flush()
    return opened


def _open(
    session: Session, row: SuppressionRow, why: EndReason, who: str, at_utc: datetime
) -> None:
    """End a suppression. Nobody was told of the alert, so they are now."""
    row.ended_utc, row.ended_by, row.ended_why = at_utc, who, why
    insert_new(session, DeliveryRow, [new_delivery(row.alert_id, sink) for sink in row.sinks])


def _audit(
    session: Session, who: str, what: str, subject: str, detail: Mapping[str, object]
) -> None:
    session.add(
        AuditRow(
            at_utc=database_now(session), who=who, what=what, subject=subject, detail=dict(detail)
        )
    )
