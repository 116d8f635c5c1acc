"""Accounts: who may see which cameras, and what they may do there. What is not said may not be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pipeline.errors import SettingsError

__all__ = ["ALL_CAMERAS", "Role", "User", "UserSession", "check_user"]

ALL_CAMERAS = "*"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,62}")


class Role(StrEnum):
    """What a user may do; each may do what those before it may."""

    VIEWER = "viewer"
    """Look."""
    REVIEWER = "reviewer"
    """Give verdicts."""
    ADMIN = "admin"
    """Change settings of cameras, promote models, ask SQL over all cameras."""

    def includes(self, other: Role) -> bool:
        """Tell whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Somebody who may log in."""

    name: str
    role: Role
    cameras: tuple[str, ...]
    """Names of cameras, or `*` for all of them, later ones too."""
    password_hash: str
    """As `pipeline.accounts.passwords` makes it; empty, or `oidc$` and who a provider says it is,
    when no password opens this account."""
    created_utc: datetime
    disabled: bool = False
    failed_logins: int = 0
    """In a row."""
    locked_until_utc: datetime | None = None

    def may_see(self, camera: str) -> bool:
        """Tell whether this user has a right to `camera`."""
        return ALL_CAMERAS in self.cameras or camera in self.cameras


@dataclass(frozen=True, kw_only=True, slots=True)
class UserSession:
    """A login that is still good. The token itself is only with the browser."""

    token_sha256: str
    user: str
    csrf: str
    """What forms of this session must carry."""
    created_utc: datetime
    expires_utc: datetime


def check_user(user: User) -> User:
    """Return `user`, or raise SettingsError that says what is wrong."""
    if not _NAME.fullmatch(user.name):
        raise SettingsError(
            f"user name {user.name!r}: use 1 to 63 of letters, digits and . _ @ + -, a letter or"
            " digit first"
        )
    if not user.cameras:
        raise SettingsError(
            f"user {user.name}: give the cameras that may be seen, or {ALL_CAMERAS!r} for all"
        )
    return user
