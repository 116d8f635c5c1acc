"""The tables of accounts: users, and the sessions of those who are logged in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.accounts.accounts import Role
from pipeline.store.base import Base, Key, one_of

__all__ = ["SessionRow", "UserRow"]


class UserRow(Base):
    """`pipeline.accounts.accounts.User`."""

    __tablename__ = "users"
    __table_args__ = (one_of("role", Role),)

    name: Mapped[Key]
    role: Mapped[str]
    cameras: Mapped[list[Any]]
    password_hash: Mapped[str]
    created_utc: Mapped[datetime]
    disabled: Mapped[bool]
    failed_logins: Mapped[int]
    locked_until_utc: Mapped[datetime | None]


class SessionRow(Base):
    """`pipeline.accounts.accounts.UserSession`."""

    __tablename__ = "sessions"

    token_sha256: Mapped[Key]
    user: Mapped[str] = mapped_column(ForeignKey("users.name"))
    csrf: Mapped[str]
    created_utc: Mapped[datetime]
    expires_utc: Mapped[datetime]
