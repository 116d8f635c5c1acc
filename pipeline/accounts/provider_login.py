"""Logging in whom a provider of OpenID Connect has named: default deny, bound to its subject."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pipeline.accounts.accounts import User, check_user
from pipeline.accounts.login import NewSession, begin_session
from pipeline.accounts.oidc_table import Grant, OidcTable
from pipeline.assembly import Site
from pipeline.errors import AccessRefused, SettingsError
from pipeline.identity import digest_of

__all__ = ["Identity", "log_in_identity"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """Somebody as the provider names them, checked."""

    issuer: str
    subject: str
    """What the provider calls them for good; names and addresses go to others."""
    email: str | None
    """Verified, or None."""
    username: str | None
    groups: tuple[str, ...]

    @property
    def credential(self) -> str:
        """What the account keeps in place of a password's hash; no password fits it."""
        return f"oidc${digest_of([self.issuer, self.subject])}"


def log_in_identity(site: Site, table: OidcTable, identity: Identity) -> NewSession:
    """Return a new session of the account of an identity, made or changed as its groups say.

    AccessRefused with the key of a text: `group` (no group of the list), `domain`, `closed` (the
    account is closed here, whatever the provider says), `taken` (the name belongs to another
    account), `name` (no name that an account can have). What people may no longer do ends their
    sessions.
    """
    known = next((u for u in site.store.users() if u.password_hash == identity.credential), None)
    try:
        grant = _granted(table, identity)
        if known is not None and known.disabled:
            raise AccessRefused("closed")
        user = _made(site, identity, grant) if known is None else _changed(site, known, grant)
    except AccessRefused as refused:
        name = known.name if known else (identity.email or identity.username or "unknown")[:63]
        if known is not None:
            site.store.end_sessions(known.name)
        site.store.audit(name, "login refused", name, {"by": "oidc", "why": str(refused)})
        raise
    return begin_session(site, user, by="oidc")


def _granted(table: OidcTable, identity: Identity) -> Grant:
    if table.allowed_domains:
        domain = (identity.email or "").rpartition("@")[2].lower()
        if domain not in {allowed.lower() for allowed in table.allowed_domains}:
            raise AccessRefused("domain")
    grant = table.grant(identity.groups)
    if grant is None:
        raise AccessRefused("group")
    return grant


def _made(site: Site, identity: Identity, grant: Grant) -> User:
    for name in (identity.email, identity.username, identity.subject):
        try:
            user = check_user(
                User(
                    name=name or "",
                    role=grant.role,
                    cameras=grant.cameras,
                    password_hash=identity.credential,
                    created_utc=site.clock.now_utc(),
                )
            )
        except SettingsError:  # not a name that an account can have: the next one
            continue
        if site.store.user(user.name) is not None:
            raise AccessRefused("taken")
        site.store.put_user(user)
        said = {"role": user.role.value, "cameras": list(user.cameras), "by": "oidc"}
        site.store.audit(user.name, "user add", user.name, said)
        return user
    raise AccessRefused("name")


def _changed(site: Site, user: User, grant: Grant) -> User:
    if (user.role, user.cameras) == (grant.role, grant.cameras):
        return user
    changed = replace(user, role=grant.role, cameras=grant.cameras)
    site.store.put_user(changed)
    site.store.end_sessions(user.name)
    said = {"role": grant.role.value, "cameras": ",".join(grant.cameras), "by": "oidc"}
    site.store.audit(user.name, "user set", user.name, said)
    return changed
