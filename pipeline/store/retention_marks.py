"""Marks: rows that say that their files are gone, and what must not get one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import PurePosixPath

from sqlalchemy import func, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session

from pipeline.learning.registry import ModelRecord, ModelState
from pipeline.retention.aside import put_aside
from pipeline.retention.nouns import ModelUse, Removal, StoredFile
from pipeline.retention.policy import Kind
from pipeline.store.schema import (
    AlertRow,
    ComparisonRow,
    DeliveryRow,
    DigestRow,
    EvidenceRow,
    FootageRow,
    ModelRow,
    RemovalRow,
    ScoredSegmentRow,
    SegmentRow,
)
from pipeline.store.settled import settle

__all__ = ["files_are_back", "mark", "mark_footage", "model_uses", "unneeded", "waiting_messages"]

_AT_ONCE = 500
"""Names in one statement; SQLite takes 32,766 parameters."""


def model_uses(session: Session, camera: str, *, locked: bool = False) -> list[ModelUse]:
    """Return the lives of a camera's models, oldest first; `locked`: none is promoted until the
    transaction ends."""
    trials: dict[str, list[tuple[datetime, bool]]] = defaultdict(list)
    tried = (
        select(ComparisonRow.candidate_id, ComparisonRow.at_utc, ComparisonRow.not_worse)
        .where(ComparisonRow.camera == camera)
        .order_by(ComparisonRow.at_utc, ComparisonRow.comparison_id)
    )
    for candidate, at_utc, not_worse in session.execute(tried).tuples():
        trials[candidate].append((at_utc, not_worse))
    alerts = (
        select(AlertRow.model_id, func.min(AlertRow.start_utc))
        .where(AlertRow.camera == camera)
        .group_by(AlertRow.model_id)
    )
    first = dict(session.execute(alerts).tuples().all())
    # In the order in which promotions lock them.
    rows = select(ModelRow).where(ModelRow.camera == camera).order_by(ModelRow.model_id)
    if locked:
        rows = rows.with_for_update().execution_options(populate_existing=True)
    found = [_use_of(row, trials[row.model_id], first) for row in session.scalars(rows)]
    return sorted(found, key=lambda use: (use.created_utc, use.model_id))


def _use_of(
    row: ModelRow, trials: list[tuple[datetime, bool]], first: dict[str, datetime]
) -> ModelUse:
    teacher = row.manifest.get("teacher")
    return ModelUse(
        model_id=row.model_id,
        path=row.path,
        state=ModelState(row.state),
        created_utc=row.created_utc,
        activated_utc=row.activated_utc,
        retired_utc=row.retired_utc,
        files_removed_utc=row.files_removed_utc,
        teacher=teacher if isinstance(teacher, str) else None,
        for_trial="trial_since_utc" in row.manifest,
        trials=trials,
        first_alert_utc=first.get(row.model_id),
    )


def waiting_messages(session: Session, camera: str) -> set[str]:
    """Return the keys of a camera's messages that some sink has still to receive."""
    alerts = (
        select(DeliveryRow.alert_id)
        .join(AlertRow, AlertRow.alert_id == DeliveryRow.alert_id)
        .where(AlertRow.camera == camera, DeliveryRow.delivered_utc.is_(None))
    )
    digests = select(DigestRow.digest_id).where(
        DigestRow.camera == camera, DigestRow.delivered_utc.is_(None)
    )
    return {*session.scalars(alerts), *session.scalars(digests)}


def unneeded(session: Session, removal: Removal, files: Sequence[StoredFile]) -> list[StoredFile]:
    """Return the files that nobody needs: no model that is in use again since the removal was
    planned, no message that waits."""
    if removal.kind is Kind.MODELS:
        aside = put_aside(model_uses(session, removal.camera, locked=True))
        return [file for file in files if aside.get(file.model_id or "") == file.end_utc]
    if removal.kind is Kind.DELIVERIES:
        waiting = waiting_messages(session, removal.camera)
        return [file for file in files if PurePosixPath(file.name).stem not in waiting]
    return list(files)


def mark(session: Session, removal: Removal, files: Sequence[StoredFile]) -> int:
    """Have the rows of files say that they are gone; return how many segments nobody scored."""
    if removal.kind is Kind.FOOTAGE:
        return mark_footage(session, removal, [file.name for file in files])
    evidence = [file.evidence_id for file in files if file.evidence_id is not None]
    _say_gone(session, EvidenceRow.evidence_id, evidence, EvidenceRow.removed_utc, removal)
    models = [file.model_id for file in files if file.model_id is not None]
    _say_gone(session, ModelRow.model_id, models, ModelRow.files_removed_utc, removal)
    return 0


def _say_gone(
    session: Session,
    key: InstrumentedAttribute[str],
    keys: Sequence[str],
    since: InstrumentedAttribute[datetime | None],
    removal: Removal,
) -> None:
    """Write into the rows of these keys since when their files are gone, unless they say so."""
    for start in range(0, len(keys), _AT_ONCE):
        rows = (key.in_(keys[start : start + _AT_ONCE]), since.is_(None))
        session.execute(update(key.class_).where(*rows).values({since: removal.planned_utc}))


def mark_footage(session: Session, removal: Removal, names: Sequence[str]) -> int:
    """Have the rows of footage say that it is gone; return how many segments nobody scored."""
    scored = select(ScoredSegmentRow.segment_id).where(
        ScoredSegmentRow.segment_id == SegmentRow.segment_id
    )
    unscored = 0
    for start in range(0, len(names), _AT_ONCE):
        of_these = (
            FootageRow.camera == removal.camera,
            FootageRow.path.in_(names[start : start + _AT_ONCE]),
            FootageRow.removed_utc.is_(None),
        )
        count = (
            select(func.count())
            .select_from(SegmentRow)
            .join(FootageRow, FootageRow.footage_id == SegmentRow.footage_id)
            .where(*of_these, ~scored.exists())
        )
        unscored += session.scalars(count).one()
        gone = select(FootageRow.footage_id).where(*of_these)
        settle(session, removal.planned_utc, SegmentRow.footage_id.in_(gone))
        session.execute(update(FootageRow).where(*of_these).values(removed_utc=removal.planned_utc))
    return unscored


def files_are_back(session: Session, model: ModelRecord) -> None:
    """Have the row of a model that was made once more say so; a removal that was begun and not
    finished leaves its new files alone."""
    row = session.get(ModelRow, model.model_id, with_for_update=True)
    if row is None or row.files_removed_utc is None:
        return
    row.files_removed_utc = None
    begun = select(RemovalRow).where(
        RemovalRow.camera == row.camera,
        RemovalRow.kind == Kind.MODELS,
        RemovalRow.finished_utc.is_(None),
    )
    for removal in session.scalars(begun.with_for_update()):
        removal.files = [
            name for name in removal.files if PurePosixPath(str(name)).stem != row.model_id
        ]
