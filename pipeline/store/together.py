"""Working together: leases with a growing fence, and the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from pipeline.errors import LeaseHeld, LeaseLost
from pipeline.store.contract import Lease
from pipeline.store.owners import owner_is_dead
from pipeline.store.parts import StorePart, database_now
from pipeline.store.schema import AuditRow, LeaseRow
from pipeline.store.upsert import insert_new

__all__ = ["LeaseTable"]

_NOBODY = ""


class LeaseTable(StorePart):
    """Leases and the audit log."""

    def acquire_lease(self, name: str, owner: str, seconds: float) -> Lease:
        """See `Store`. `owner` is best `pipeline.store.owners.new_owner()`: the lease of such a
        process that runs no more on this machine is free at once."""

        def work(session: Session) -> Lease:
            free = {
                "name": name,
                "owner": _NOBODY,
                "fence": 0,
                "expires_utc": database_now(session),
            }
            insert_new(session, LeaseRow, [free])
            row = _locked(session, name)
            now = database_now(session)
            held = row.owner not in (_NOBODY, owner) and row.expires_utc > now
            if held and not owner_is_dead(row.owner):
                raise LeaseHeld(
                    f"{name} is being worked on by {row.owner} until"
                    f" {row.expires_utc:%Y-%m-%d %H:%M:%S} UTC; wait, or stop that process"
                )
            row.owner, row.fence = owner, row.fence + 1
            row.expires_utc = now + timedelta(seconds=seconds)
            return _lease_of(row)

        return self._sessions.write(work)

    def renew_lease(self, lease: Lease, seconds: float) -> Lease:
        """See `Store`."""

        def work(session: Session) -> Lease:
            row = session.get(LeaseRow, lease.name, with_for_update=True)
            if row is None or not _is_of(row, lease):
                raise _lost(lease)
            row.expires_utc = database_now(session) + timedelta(seconds=seconds)
            return _lease_of(row)

        return self._sessions.write(work)

    def release_lease(self, lease: Lease) -> None:
        """See `Store`."""

        def work(session: Session) -> None:
            row = session.get(LeaseRow, lease.name, with_for_update=True)
            if row is not None and _is_of(row, lease):
                row.owner = _NOBODY

        self._sessions.write(work)

    @contextmanager
    def fenced(self, lease: Lease) -> Iterator[None]:
        """See `Store`."""

        def check(session: Session) -> None:
            # FOR SHARE: whoever takes the lease waits until this is committed, or is seen here.
            query = select(LeaseRow).where(LeaseRow.name == lease.name)
            row = session.scalars(query.with_for_update(read=True)).one_or_none()
            if row is None or not _is_of(row, lease):
                raise _lost(lease)

        with self._sessions.checked(check):
            yield

    def leases(self) -> Sequence[Lease]:
        """See `Store`."""

        def work(session: Session) -> list[Lease]:
            held = select(LeaseRow).where(LeaseRow.owner != _NOBODY).order_by(LeaseRow.name)
            return [_lease_of(row) for row in session.scalars(held)]

        return self._sessions.read(work)

    def audit(self, who: str, what: str, subject: str, detail: Mapping[str, Any]) -> None:
        """See `Store`."""

        def work(session: Session) -> None:
            now = database_now(session)
            session.add(
                AuditRow(at_utc=now, who=who, what=what, subject=subject, detail=dict(detail))
            )

        self._sessions.write(work)


def _locked(session: Session, name: str) -> LeaseRow:
    return session.scalars(select(LeaseRow).where(LeaseRow.name == name).with_for_update()).one()


def _is_of(row: LeaseRow, lease: Lease) -> bool:
    return (row.fence, row.owner) == (lease.fence, lease.owner)


def _lost(lease: Lease) -> LeaseLost:
    return LeaseLost(
        f"{lease.name} was lost by {lease.owner}: another worker has taken it over;"
        " what came too late is not recorded, and the other one does it"
    )


def _lease_of(row: LeaseRow) -> Lease:
    return Lease(name=row.name, owner=row.owner, fence=row.fence, expires_utc=row.expires_utc)
