"""Retention: policies, holds, and removals of files, each with its trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from pipeline.errors import CameraError, StoreError
from pipeline.identity import SHORTEST_BEGINNING, too_short
from pipeline.retention.nouns import Hold, KeptEvidence, ModelUse, Removal, StoredFile
from pipeline.retention.policy import Kind, RetentionPolicy, Why
from pipeline.store.parts import StorePart
from pipeline.store.retention_marks import (
    mark,
    mark_footage,
    model_uses,
    unneeded,
    waiting_messages,
)
from pipeline.store.rows import evidence_of, plain_row
from pipeline.store.schema import (
    AlertRow,
    AuditRow,
    CameraRow,
    EvidenceRow,
    HoldRow,
    PolicyRow,
    RemovalRow,
)
from pipeline.store.types import PlainText
from pipeline.store.upsert import insert_new, insert_or_update

__all__ = ["RetentionTable", "holds_of", "lock_camera", "removal_of", "trace"]

WHO = "retention"
"""Who removes, in the audit log."""


class RetentionTable(StorePart):
    """Policies, holds, and removals of files."""

    def put_retention_policy(self, policy: RetentionPolicy, who: str, at_utc: datetime) -> None:
        """See `RetentionStore`."""
        row = {**plain_row(policy), "announced_utc": None}
        detail = {key: value for key, value in asdict(policy).items() if key != "camera"}

        def work(session: Session) -> None:
            lock_camera(session, policy.camera)
            insert_or_update(session, PolicyRow, [row], update=[k for k in row if k != "camera"])
            session.add(_audit(at_utc, who, "retention set", policy.camera, detail))

        self._sessions.write(work)

    def retention_policy(self, camera: str) -> RetentionPolicy:
        """See `RetentionStore`."""

        def work(session: Session) -> RetentionPolicy:
            row = session.get(PolicyRow, camera)
            if row is None:
                return RetentionPolicy(camera=camera)
            return RetentionPolicy(
                camera=camera,
                footage_days=row.footage_days,
                evidence_days=row.evidence_days,
                score_days=row.score_days,
                summary_days=row.summary_days,
                model_days=row.model_days,
                budget_bytes=row.budget_bytes,
                remove_source=row.remove_source,
            )

        return self._sessions.read(work)

    def retention_announced(self, camera: str) -> datetime | None:
        """See `RetentionStore`."""
        query = select(PolicyRow.announced_utc).where(PolicyRow.camera == camera)
        return self._sessions.read(lambda session: session.scalars(query).first())

    def announce_retention(self, camera: str, at_utc: datetime) -> None:
        """See `RetentionStore`."""
        row = {**plain_row(RetentionPolicy(camera=camera)), "announced_utc": None}
        announced = (
            update(PolicyRow)
            .where(PolicyRow.camera == camera, PolicyRow.announced_utc.is_(None))
            .values(announced_utc=at_utc)
        )

        def work(session: Session) -> None:
            insert_new(session, PolicyRow, [row])
            session.execute(announced)

        self._sessions.write(work)

    def add_hold(self, hold: Hold) -> int:
        """See `RetentionStore`."""
        detail = {
            "hold": hold.hold_id,
            "alert": hold.alert_id,
            "since_utc": hold.since_utc.isoformat(),
            "until_utc": hold.until_utc.isoformat(),
            "reason": hold.reason,
        }

        def work(session: Session) -> int:
            lock_camera(session, hold.camera)
            new = insert_new(session, HoldRow, [plain_row(hold)])
            if new:
                session.add(_audit(hold.at_utc, hold.who, "hold", hold.camera, detail))
            return new

        return self._sessions.write(work)

    def release_hold(self, hold_id: str, who: str, at_utc: datetime) -> Hold:
        """See `RetentionStore`."""

        def work(session: Session) -> Hold:
            row = _one_hold(session, hold_id)
            if row.released_utc is None:
                row.released_utc, row.released_by = at_utc, who
                detail = {"hold": row.hold_id, "alert": row.alert_id, "reason": row.reason}
                session.add(_audit(at_utc, who, "release hold", row.camera, detail))
            return _hold_of(row, None)

        return self._sessions.write(work)

    def holds(self, camera: str | None = None, *, released: bool = False) -> Sequence[Hold]:
        """See `RetentionStore`."""
        return self._sessions.read(lambda session: holds_of(session, camera, released=released))

    def evidence_kept(self, camera: str, until: datetime | None = None) -> Sequence[KeptEvidence]:
        """See `RetentionStore`."""
        query = (
            select(AlertRow.alert_id, AlertRow.start_utc, AlertRow.end_utc, EvidenceRow)
            .join(EvidenceRow, EvidenceRow.alert_id == AlertRow.alert_id)
            .where(AlertRow.camera == camera, EvidenceRow.removed_utc.is_(None))
            .order_by(AlertRow.end_utc, AlertRow.alert_id, EvidenceRow.kind)
        )
        if until is not None:
            query = query.where(AlertRow.end_utc < until)

        def work(session: Session) -> list[KeptEvidence]:
            kept: dict[str, KeptEvidence] = {}
            for alert_id, start, end, row in session.execute(query).tuples():
                one = kept.get(alert_id) or KeptEvidence(
                    alert_id=alert_id, start_utc=start, end_utc=end, files=()
                )
                kept[alert_id] = replace(one, files=(*one.files, evidence_of(row)))
            return list(kept.values())

        return self._sessions.read(work)

    def model_uses(self, camera: str) -> Sequence[ModelUse]:
        """See `RetentionStore`."""
        return self._sessions.read(lambda session: model_uses(session, camera))

    def waiting_messages(self, camera: str) -> set[str]:
        """See `RetentionStore`."""
        return self._sessions.read(lambda session: waiting_messages(session, camera))

    def begin_removal(self, removal: Removal, files: Sequence[StoredFile]) -> Removal | None:
        """See `RetentionStore`."""

        def work(session: Session) -> Removal | None:
            lock_camera(session, removal.camera)
            held = holds_of(session, removal.camera)
            free = [
                file
                for file in unneeded(session, removal, files)
                if not any(hold.covers(file.start_utc, file.end_utc) for hold in held)
            ]
            if not free:
                return None
            begun = replace(
                removal,
                since_utc=min(file.start_utc for file in free),
                until_utc=max(file.end_utc for file in free),
                items=len(free),
                size_bytes=sum(file.size_bytes for file in free),
                unscored_segments=mark(session, removal, free),
                files=[file.name for file in free],
            )
            insert_new(session, RemovalRow, [{**plain_row(begun), "files": list(begun.files)}])
            return begun

        return self._sessions.write(work)

    def finish_removal(self, removal_id: str, at_utc: datetime) -> None:
        """See `RetentionStore`."""

        def work(session: Session) -> None:
            row = session.get(RemovalRow, removal_id, with_for_update=True)
            if row is None:
                raise StoreError(f"no removal {removal_id!r} was begun")
            if row.finished_utc is not None:
                return
            removal = removal_of(row)
            if removal.kind is Kind.FOOTAGE:
                # What was taken in between the plan and the deed says so too.
                mark_footage(session, removal, removal.files)
            row.finished_utc, row.files = at_utc, []
            trace(session, replace(removal, finished_utc=at_utc))

        self._sessions.write(work)

    def open_removals(self, camera: str | None = None) -> Sequence[Removal]:
        """See `RetentionStore`."""
        query = select(RemovalRow).where(RemovalRow.finished_utc.is_(None))
        if camera is not None:
            query = query.where(RemovalRow.camera == camera)
        query = query.order_by(RemovalRow.planned_utc, RemovalRow.removal_id)
        return self._sessions.read(lambda session: [removal_of(r) for r in session.scalars(query)])

    def removals(
        self, camera: str, *, kind: Kind | None = None, limit: int = 100
    ) -> Sequence[Removal]:
        """See `RetentionStore`."""
        query = select(RemovalRow).where(RemovalRow.camera == camera)
        if kind is not None:
            query = query.where(RemovalRow.kind == kind)
        newest = RemovalRow.planned_utc.desc(), RemovalRow.since_utc.desc(), RemovalRow.removal_id
        query = query.order_by(*newest).limit(limit)
        return self._sessions.read(lambda session: [removal_of(r) for r in session.scalars(query)])


def lock_camera(session: Session, camera: str) -> None:
    """Let holds and removals of a camera wait for each other until the transaction ends.
    CameraError when there is no such camera."""
    if session.get(CameraRow, camera, with_for_update=True) is None:
        raise CameraError(f"no camera {camera!r}; see kizashi camera list")


def holds_of(session: Session, camera: str | None, *, released: bool = False) -> list[Hold]:
    """Return the holds of a camera (None: of all), in order of when they were given."""
    query = (
        select(HoldRow, AlertRow)
        .outerjoin(AlertRow, AlertRow.alert_id == HoldRow.alert_id)
        .order_by(HoldRow.at_utc, HoldRow.hold_id)
    )
    if camera is not None:
        query = query.where(HoldRow.camera == camera)
    if not released:
        query = query.where(HoldRow.released_utc.is_(None))
    return [_hold_of(row, alert) for row, alert in session.execute(query).tuples()]


def trace(session: Session, removal: Removal) -> None:
    """Say in the audit log that something was removed."""
    detail = {
        "removal": removal.removal_id,
        "why": removal.why.value,
        "since_utc": removal.since_utc.isoformat(),
        "until_utc": removal.until_utc.isoformat(),
        "items": removal.items,
        "size_bytes": removal.size_bytes,
        "unscored_segments": removal.unscored_segments,
    }
    assert removal.finished_utc is not None, "told of when it is done"
    what = f"removed {removal.kind.value}"
    session.add(_audit(removal.finished_utc, WHO, what, removal.camera, detail))


def removal_of(row: RemovalRow) -> Removal:
    """Return the removal of a row."""
    return Removal(
        removal_id=row.removal_id,
        camera=row.camera,
        kind=Kind(row.kind),
        why=Why(row.why),
        since_utc=row.since_utc,
        until_utc=row.until_utc,
        items=row.items,
        size_bytes=row.size_bytes,
        unscored_segments=row.unscored_segments,
        planned_utc=row.planned_utc,
        finished_utc=row.finished_utc,
        root=row.root,
        files=tuple(str(name) for name in row.files),
    )


def _hold_of(row: HoldRow, alert: AlertRow | None) -> Hold:
    return Hold(
        hold_id=row.hold_id,
        camera=row.camera,
        alert_id=row.alert_id,
        since_utc=min(row.since_utc, alert.start_utc) if alert else row.since_utc,
        until_utc=max(row.until_utc, alert.end_utc) if alert else row.until_utc,
        reason=row.reason,
        who=row.who,
        at_utc=row.at_utc,
        released_utc=row.released_utc,
        released_by=row.released_by,
    )


def _one_hold(session: Session, hold_id: str) -> HoldRow:
    if len(hold_id) < SHORTEST_BEGINNING:
        raise StoreError(too_short("a hold", hold_id, "kizashi retention holds"))
    beginning = func.substr(HoldRow.hold_id, 1, len(hold_id), type_=PlainText()) == hold_id
    found = session.scalars(select(HoldRow).where(beginning).limit(2).with_for_update()).all()
    if len(found) != 1:
        problem = "several holds begin with" if found else "no hold is or begins with"
        raise StoreError(f"{problem} {hold_id!r}; list them with: kizashi retention holds")
    return found[0]


def _audit(at_utc: datetime, who: str, what: str, subject: str, detail: dict[str, Any]) -> AuditRow:
    return AuditRow(at_utc=at_utc, who=who, what=what, subject=subject, detail=detail)
