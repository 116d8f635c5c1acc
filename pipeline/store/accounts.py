"""Users and their sessions."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pipeline.accounts.accounts import Role, User, UserSession
from pipeline.store.parts import StorePart
from pipeline.store.rows import plain_row
from pipeline.store.schema import SessionRow, UserRow
from pipeline.store.upsert import insert_or_update

__all__ = ["AccountTable"]


class AccountTable(StorePart):
    """Users and sessions."""

    def put_user(self, user: User) -> None:
        """See `Store`."""
        row = {**plain_row(user), "role": user.role.value, "cameras": list(user.cameras)}
        self._sessions.write(
            lambda session: insert_or_update(
                session, UserRow, [row], update=[k for k in row if k != "name"]
            )
        )

    def user(self, name: str) -> User | None:
        """See `Store`."""

        def work(session: Session) -> User | None:
            row = session.get(UserRow, name)
            return None if row is None else _user_of(row)

        return self._sessions.read(work)

    def users(self) -> Sequence[User]:
        """See `Store`."""
        query = select(UserRow).order_by(UserRow.name)
        return self._sessions.read(
            lambda session: [_user_of(row) for row in session.scalars(query)]
        )

    def remove_user(self, name: str) -> int:
        """See `Store`."""

        def work(session: Session) -> int:
            session.execute(delete(SessionRow).where(SessionRow.user == name))
            row = session.get(UserRow, name)
            if row is None:
                return 0
            session.delete(row)
            return 1

        return self._sessions.write(work)

    def add_session(self, session: UserSession) -> None:
        """See `Store`."""
        row = plain_row(session)

        def work(database: Session) -> None:
            over = SessionRow.expires_utc <= session.created_utc
            database.execute(delete(SessionRow).where(over))
            database.add(SessionRow(**row))

        self._sessions.write(work)

    def session(self, token_sha256: str) -> tuple[UserSession, User] | None:
        """See `Store`."""
        query = (
            select(SessionRow, UserRow)
            .join(UserRow, UserRow.name == SessionRow.user)
            .where(SessionRow.token_sha256 == token_sha256)
        )

        def work(database: Session) -> tuple[UserSession, User] | None:
            found = database.execute(query).one_or_none()
            return None if found is None else (_session_of(found[0]), _user_of(found[1]))

        return self._sessions.read(work)

    def remove_session(self, token_sha256: str) -> None:
        """See `Store`."""
        self._delete_sessions(SessionRow.token_sha256 == token_sha256)

    def end_sessions(self, user: str) -> None:
        """See `Store`."""
        self._delete_sessions(SessionRow.user == user)

    def _delete_sessions(self, which: object) -> None:
        def work(database: Session) -> None:
            database.execute(delete(SessionRow).where(which))  # type: ignore[arg-type]

        self._sessions.write(work)


def _user_of(row: UserRow) -> User:
    return User(
        name=row.name,
        role=Role(row.role),
        cameras=tuple(row.cameras),
        password_hash=row.password_hash,
        created_utc=row.created_utc,
        disabled=row.disabled,
        failed_logins=row.failed_logins,
        locked_until_utc=row.locked_until_utc,
    )


def _session_of(row: SessionRow) -> UserSession:
    return UserSession(
        token_sha256=row.token_sha256,
        user=row.user,
        csrf=row.csrf,
        created_utc=row.created_utc,
        expires_utc=row.expires_utc,
    )
