"""Segments that no model has to score any more say so, so that nobody has to read through all of
them to find those that wait.

The word only spares looking: it is never wrong, and may come late. Where a mark of a model and the
promotion of that model pass each other, a segment goes on saying nothing, and who asks looks at its
marks as ever.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from pipeline.store.schema import ModelRow, ScoredSegmentRow, SegmentRow

__all__ = ["scored_by", "settle", "unsettled", "was_active"]


def unsettled() -> ColumnElement[bool]:
    """Return the condition that a segment may have to be scored."""
    return SegmentRow.settled_utc.is_(None)


def was_active(model_id: str) -> ColumnElement[bool]:
    """Return the condition that a model is the active one of its camera, or was."""
    return (
        select(ModelRow.model_id)
        .where(ModelRow.model_id == model_id, ModelRow.activated_utc.is_not(None))
        .exists()
    )


def scored_by(model_id: str) -> ColumnElement[bool]:
    """Return the condition that a segment was scored to its end by a model."""
    return SegmentRow.segment_id.in_(
        select(ScoredSegmentRow.segment_id).where(ScoredSegmentRow.model_id == model_id)
    )


def settle(session: Session, at_utc: datetime, *which: ColumnElement[bool]) -> None:
    """Have the segments of which all of `which` holds say that nobody has to score them."""
    session.execute(
        update(SegmentRow).where(unsettled(), *which).values(settled_utc=at_utc),
        execution_options={"synchronize_session": False},
    )
