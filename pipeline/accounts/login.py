"""Logging in and out: a wrong password costs time, a session is a random token that can be taken
back."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from datetime import timedelta

from pipeline.accounts.accounts import Role, User, UserSession, check_user
from pipeline.accounts.passwords import hash_password, password_fits
from pipeline.assembly import Site
from pipeline.errors import AccessRefused, SettingsError

__all__ = [
    "NewSession",
    "add_user",
    "begin_session",
    "change_user",
    "log_in",
    "log_out",
    "session_of",
]

SESSION_LIFE = timedelta(hours=12)
"""A shift and what follows it."""
FREE_TRIES = 5
_FIRST_LOCK = timedelta(seconds=30)
_LONGEST_LOCK = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class NewSession:
    """A session just made, with the token that only its browser gets."""

    session: UserSession
    token: str


def add_user(
    site: Site, name: str, *, role: Role, cameras: tuple[str, ...], password: str, who: str
) -> User:
    """Register a user and return it; SettingsError when the name is taken or something is wrong.

    Cameras other than `*` must be registered.
    """
    if site.store.user(name) is not None:
        raise SettingsError(
            f"user {name} is there already; change it with: kizashi user set {name}"
        )
    user = check_user(
        User(
            name=name,
            role=role,
            cameras=_known(site, cameras),
            password_hash=hash_password(password, user=name),
            created_utc=site.clock.now_utc(),
        )
    )
    site.store.put_user(user)
    site.store.audit(who, "user add", name, {"role": role.value, "cameras": list(user.cameras)})
    return user


def change_user(
    site: Site,
    name: str,
    *,
    who: str,
    role: Role | None = None,
    cameras: tuple[str, ...] | None = None,
    password: str | None = None,
    disabled: bool | None = None,
) -> User:
    """Change a user and end all of its sessions; SettingsError when it is unknown."""
    user = site.store.user(name)
    if user is None:
        raise SettingsError(f"no user {name}; list them with: kizashi user list")
    changes: dict[str, object] = {"failed_logins": 0, "locked_until_utc": None}
    if role is not None:
        changes["role"] = role
    if cameras is not None:
        changes["cameras"] = _known(site, cameras)
    if disabled is not None:
        changes["disabled"] = disabled
    if password is not None:
        changes["password_hash"] = hash_password(password, user=name)
    changed = check_user(replace(user, **changes))  # type: ignore[arg-type]
    site.store.put_user(changed)
    site.store.end_sessions(name)
    said = {key: str(value) for key, value in changes.items() if key in ("role", "disabled")}
    said |= {"cameras": ",".join(changed.cameras)} if cameras is not None else {}
    said |= {"password": "changed"} if password is not None else {}
    site.store.audit(who, "user set", name, said)
    return changed


def _known(site: Site, cameras: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name if name == "*" else site.store.camera(name).name for name in cameras)


def log_in(site: Site, name: str, password: str) -> NewSession:
    """Return a new session; AccessRefused with one text for every reason but a lock.

    After five wrong passwords in a row the account is locked for half a minute, then for twice as
    long each time, up to an hour. A right password during that time does not help.
    """
    now = site.clock.now_utc()
    user = site.store.user(name)
    if user is not None and user.locked_until_utc is not None and user.locked_until_utc > now:
        raise AccessRefused("locked")
    fits = password_fits(password, user.password_hash if user else "")
    if user is None or user.disabled or not fits:
        if user is not None:
            _count_failure(site, user)
        site.store.audit(name[:63], "login refused", name[:63], {})
        raise AccessRefused("wrong")
    if user.failed_logins:
        site.store.put_user(replace(user, failed_logins=0, locked_until_utc=None))
    return begin_session(site, user, by="password")


def begin_session(site: Site, user: User, *, by: str) -> NewSession:
    """Return a new session of a user who has shown who they are; `by` what, for the audit log."""
    now = site.clock.now_utc()
    token = secrets.token_urlsafe(32)
    session = UserSession(
        token_sha256=_digest(token),
        user=user.name,
        csrf=secrets.token_urlsafe(24),
        created_utc=now,
        expires_utc=now + SESSION_LIFE,
    )
    site.store.add_session(session)
    site.store.audit(user.name, "login", user.name, {"by": by})
    return NewSession(session=session, token=token)


def _count_failure(site: Site, user: User) -> None:
    failed = user.failed_logins + 1
    locked = None
    if failed >= FREE_TRIES:
        length = min(_FIRST_LOCK * 2 ** min(failed - FREE_TRIES, 10), _LONGEST_LOCK)
        locked = site.clock.now_utc() + length
    site.store.put_user(replace(user, failed_logins=failed, locked_until_utc=locked))


def session_of(site: Site, token: str) -> tuple[UserSession, User] | None:
    """Return the session of a token and its user; None when it is unknown, over, or the user may
    no longer log in."""
    found = site.store.session(_digest(token))
    if found is None:
        return None
    session, user = found
    good = session.expires_utc > site.clock.now_utc() and not user.disabled
    return (session, user) if good else None


def log_out(site: Site, token: str) -> None:
    """End a session; nothing happens when there is none."""
    site.store.remove_session(_digest(token))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
