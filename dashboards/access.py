"""Access: who asks, and whether they may. What no rule allows is refused."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request

from pipeline.accounts.accounts import ALL_CAMERAS, Role, User, UserSession
from pipeline.accounts.login import session_of
from pipeline.assembly import Site
from pipeline.camera import Camera
from pipeline.errors import AccessRefused

if TYPE_CHECKING:
    from dashboards.oidc import Provider

__all__ = [
    "Admin",
    "AllCameras",
    "Asking",
    "NotSignedIn",
    "Reviewer",
    "Rules",
    "SiteHere",
    "Who",
    "check_origin",
    "refuse_unseen",
    "rules_of",
    "seen_camera",
    "site_of",
    "token_of",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """How this server is reached."""

    secure: bool
    """Browsers reach it through TLS: cookies are sent through nothing else."""
    open_to: User | None = None
    """Everybody on this machine is this user; None: everybody logs in."""
    provider: Provider | None = None
    """Who else logs people in; None: passwords alone."""

    @property
    def cookie(self) -> str:
        """Name of the cookie; the prefix makes browsers refuse one that another host has set."""
        return "__Host-kizashi" if self.secure else "kizashi-session"


@dataclass(frozen=True, kw_only=True, slots=True)
class Who:
    """Somebody who may look at something here."""

    user: User
    session: UserSession | None
    """None when everybody on this machine is one user."""

    @property
    def csrf(self) -> str:
        """What forms of this session must carry."""
        return self.session.csrf if self.session else ""

    def may(self, role: Role) -> bool:
        """Tell whether this user may do what `role` may."""
        return self.user.role.includes(role)

    @property
    def sees_all(self) -> bool:
        """Whether every camera may be seen."""
        return ALL_CAMERAS in self.user.cameras

    def cameras(self) -> tuple[str, ...] | None:
        """Return the cameras that may be seen; None for all."""
        return None if self.sees_all else self.user.cameras


class NotSignedIn(Exception):
    """Nobody is logged in, or no longer."""


def site_of(request: Request) -> Site:
    """Return the site that is served."""
    site: Site = request.app.state.site
    return site


def rules_of(request: Request) -> Rules:
    """Return how this server is reached."""
    rules: Rules = request.app.state.rules
    return rules


SiteHere = Annotated[Site, Depends(site_of)]


def _bearer_of(request: Request) -> str | None:
    """Return the token that a program sends in a header; None when it sends none there."""
    given = request.headers.get("authorization", "")
    return given[7:].strip() if given.lower().startswith("bearer ") else None


def token_of(request: Request) -> str:
    """Return the token of the session that a request is of; empty for none."""
    bearer = _bearer_of(request)
    return request.cookies.get(rules_of(request).cookie, "") if bearer is None else bearer


def signed_in(request: Request) -> Who:
    """Return who asks; NotSignedIn when nobody is logged in, AccessRefused for a form or request
    that changes something and was not made by a page of this session."""
    rules, site = rules_of(request), site_of(request)
    changes = request.method not in ("GET", "HEAD")
    if changes:
        check_origin(request)
    if rules.open_to is not None:
        return Who(user=rules.open_to, session=None)
    token, by_header = token_of(request), _bearer_of(request) is not None
    found = session_of(site, token) if token else None
    if found is None:
        raise NotSignedIn
    session, user = found
    # Another site can make a browser send its cookie; it cannot make it send this header.
    if changes and not by_header:
        given = request.headers.get("x-csrf-token", "")
        if not hmac.compare_digest(given.encode(), session.csrf.encode()):
            raise AccessRefused("this page is out of date; load it again")
    return Who(user=user, session=session)


def check_origin(request: Request) -> None:
    """Raise AccessRefused for a request that a page of another site made."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise AccessRefused("this request comes from another site")


Asking = Annotated[Who, Depends(signed_in)]


def _at_least(role: Role) -> Callable[[Who], Who]:
    def check(who: Asking) -> Who:
        if not who.may(role):
            raise AccessRefused(f"this takes the role {role.value}; yours is {who.user.role.value}")
        return who

    return check


def _all_cameras(who: Asking) -> Who:
    if not who.sees_all:
        raise AccessRefused("this shows every camera of the site, and you may see some of them")
    return who


Reviewer = Annotated[Who, Depends(_at_least(Role.REVIEWER))]
Admin = Annotated[Who, Depends(_at_least(Role.ADMIN))]
AllCameras = Annotated[Who, Depends(_all_cameras)]


def seen_camera(site: Site, who: Who, name: str) -> Camera:
    """Return a camera that `who` may see; AccessRefused otherwise, whether it exists or not."""
    if not who.user.may_see(name):
        raise AccessRefused(f"you may not see camera {name!r}; ask an administrator")
    return site.store.camera(name)


def refuse_unseen(who: Who, camera: str, what: str) -> None:
    """Raise AccessRefused when `what` is of a camera that `who` may not see; the refusal does not
    name that camera: whoever was sent an address does not know it yet."""
    if not who.user.may_see(camera):
        raise AccessRefused(f"you may not see the camera of {what}; ask an administrator")
